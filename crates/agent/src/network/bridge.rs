//! The bridges: one a VPC, carrying the gateway address of each of its subnets; and a local one
//! for tasks in `bridge` mode, whose addresses are chosen here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::Error;
use super::firewall::Firewall;
use super::names::Names;
use super::netlink::Netlink;
use super::plan::{Interface, Wiring, network_of};

/// The name under which the network of `bridge` mode is known.
pub(super) const LOCAL: &str = "local";
const LOCAL_PREFIX: u8 = 20;
const DEFAULT_MTU: u32 = 1500;

/// The bridges that exist.
pub struct Bridges {
    names: Names,
    host: Netlink,
    firewall: Arc<Firewall>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    index: BTreeMap<String, u32>,
    gateways: BTreeSet<(String, Ipv4Addr)>,
    held: BTreeMap<Ipv4Addr, u32>,
    local: BTreeSet<Ipv4Addr>,
    next_local: u32,
}

impl Bridges {
    /// No bridge yet.
    pub fn new(names: Names, host: Netlink, firewall: Arc<Firewall>) -> Bridges {
        Bridges { names, host, firewall, made: Mutex::default() }
    }

    /// Makes sure that the interface's bridge and gateway exist; answers the bridge's index.
    pub async fn ensure(&self, interface: &Interface) -> Result<u32, Error> {
        let mut made = self.made.lock().await;
        if interface.vpc == LOCAL {
            made.local.insert(interface.address);
        }
        let gateway = (interface.vpc.clone(), interface.gateway);
        if let (Some(index), true) = (made.index.get(&interface.vpc), made.gateways.contains(&gateway)) {
            return Ok(*index);
        }
        let name = self.names.bridge(&interface.vpc);
        let index = self.host.ensure_bridge(&name, bridge_mac(&name), interface.mtu).await?;
        // Packets between subnets of a VPC leave where they came in: no reason to tell the sender.
        set(&format!("/proc/sys/net/ipv4/conf/{name}/send_redirects"), "0")?;
        set(&format!("/proc/sys/net/ipv4/conf/{name}/route_localnet"), "1")?;
        // Networks carry no IPv6; the bridge's own link-local address would lead around the firewall.
        disable_ipv6(&name)?;
        if interface.is_isolated() {
            // Ports do not hear each other: the node answers for all, and sees every packet.
            set(&format!("/proc/sys/net/ipv4/conf/{name}/proxy_arp_pvlan"), "1")?;
        }
        self.host.ensure_address(index, interface.gateway, interface.prefix).await?;
        self.firewall.admit(&name, network_of(interface.gateway, interface.prefix), interface.prefix).await?;
        made.index.insert(interface.vpc.clone(), index);
        made.gateways.insert(gateway);
        Ok(index)
    }

    /// Makes sure that the node itself has these addresses, and no other that it was given here.
    pub async fn hold(&self, wanted: &[Interface]) -> Result<(), Error> {
        for interface in wanted {
            let index = self.ensure(interface).await?;
            self.host.ensure_address(index, interface.address, 32).await?;
            self.made.lock().await.held.insert(interface.address, index);
        }
        let mut made = self.made.lock().await;
        let gone: Vec<_> = made.held.iter().map(|(address, index)| (*address, *index)).collect();
        for (address, index) in gone {
            if !wanted.iter().any(|interface| interface.address == address) {
                self.host.remove_address(index, address, 32).await?;
                made.held.remove(&address);
            }
        }
        Ok(())
    }

    /// A free address of the network of `bridge` mode.
    pub async fn local_address(&self, names: &Names) -> Result<Wiring, Error> {
        let mut made = self.made.lock().await;
        let network = local_network(names);
        let room = (1u32 << (32 - LOCAL_PREFIX)) - 3;
        for _ in 0..room {
            let offset = 2 + made.next_local % room;
            made.next_local = made.next_local.wrapping_add(1);
            let address = Ipv4Addr::from(u32::from(network) + offset);
            if made.local.insert(address) {
                let gateway = Ipv4Addr::from(u32::from(network) + 1);
                return Ok(Wiring {
                    vpc: LOCAL.into(),
                    address,
                    prefix: LOCAL_PREFIX,
                    gateway,
                    mac: String::new(),
                });
            }
        }
        Err(Error::Description("the bridge network has no address left".into()))
    }

    /// Gives an address of the local network back.
    pub async fn free_local(&self, interface: &Interface) {
        if interface.vpc == LOCAL {
            self.made.lock().await.local.remove(&interface.address);
        }
    }
}

/// A /20 of 172.28.0.0/14 which depends on the instance.
fn local_network(names: &Names) -> Ipv4Addr {
    let digest = Sha256::digest(names.table.as_bytes());
    let slot = u32::from(digest[0]) % 64;
    Ipv4Addr::from(u32::from(Ipv4Addr::new(172, 28, 0, 0)) + (slot << 12))
}

/// A fixed hardware address: the kernel's choice would change with the lowest plugged-in interface.
fn bridge_mac(name: &str) -> Vec<u8> {
    let digest = Sha256::digest(name);
    let mut mac = vec![0x02];
    mac.extend(&digest[..5]);
    mac
}

/// Lets the kernel forward packets. It stays on at exit: others may have come to need it.
pub fn forward_packets() -> Result<(), Error> {
    set("/proc/sys/net/ipv4/ip_forward", "1")
}

fn set(path: &str, value: &str) -> Result<(), Error> {
    if std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value) {
        return Ok(());
    }
    std::fs::write(path, value).map_err(Error::system("setting", path))
}

fn disable_ipv6(name: &str) -> Result<(), Error> {
    let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
    // A kernel without IPv6 has no such file, and nothing to switch off.
    if std::path::Path::new(&path).exists() { set(&path, "1") } else { Ok(()) }
}

/// The largest packet of the interface behind the default route.
pub fn uplink_mtu() -> u32 {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let uplink = routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (name, destination) = (fields.next()?, fields.next()?);
        (destination == "00000000").then(|| name.to_string())
    });
    uplink
        .and_then(|name| std::fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok())
        .and_then(|text| text.trim().parse().ok())
        .filter(|mtu| (576..=9216).contains(mtu))
        .unwrap_or(DEFAULT_MTU)
}

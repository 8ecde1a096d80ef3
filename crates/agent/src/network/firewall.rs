//! The nftables table of this instance: address translation outwards, isolation between VPCs and
//! from the host, published ports.
//!
//! Rules are fixed; what changes are elements of sets and maps, so a restart loses none.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;

use super::Error;
use super::docker_user::DockerUser;
use super::elements::{self, Change, Element, Family, Leads};
use super::names::Names;
use super::plan::PortBinding;

/// Docker's and ECS's range of dynamic host ports.
const DYNAMIC_PORTS: (u16, u16) = (49153, 65535);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The table.
pub struct Firewall {
    table: String,
    groups_table: String,
    /// Whether the kernel can compare senders with their interfaces.
    tells_senders: bool,
    docker: DockerUser,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    ports: BTreeSet<(String, u16)>,
    next: u16,
}

impl Firewall {
    /// Makes the table, or refreshes its rules and keeps its elements.
    pub async fn start(names: &Names) -> Result<Firewall, Error> {
        run(&render(&names.table, &names.bridge_pattern())).await?;
        let tells_senders = match run(&render_senders(&names.table, &names.pair_pattern())).await {
            Ok(()) => true,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "this kernel cannot filter on bridges: tasks may send under false addresses"
                );
                false
            }
        };
        Ok(Firewall {
            table: names.table.clone(),
            groups_table: names.groups_table(),
            tells_senders,
            docker: DockerUser::new(names),
            taken: Mutex::default(),
        })
    }

    /// Lets a bridge's subnet out, and its packets stay among themselves.
    pub async fn admit(&self, bridge: &str, network: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let table = &self.table;
        self.docker.admit().await;
        run(&format!(
            "add element ip {table} subnets {{ {network}/{prefix} }}\n\
             add element ip {table} same_vpc {{ \"{bridge}\" . \"{bridge}\" }}\n"
        ))
        .await
    }

    /// Chooses host ports where a binding asks for a free one.
    pub async fn assign_ports(&self, mut ports: Vec<PortBinding>) -> Result<Vec<PortBinding>, Error> {
        let (first, last) = DYNAMIC_PORTS;
        let mut taken = self.taken.lock().await;
        for port in &mut ports {
            if port.host_port == 0 {
                let span = last - first + 1;
                let found =
                    (0..span).map(|step| first + taken.next.wrapping_add(step) % span).find(|candidate| {
                        !taken.ports.contains(&(port.protocol.clone(), *candidate))
                            && is_free(&port.protocol, *candidate)
                    });
                port.host_port = found.ok_or(Error::NoPort(first, last))?;
                taken.next = port.host_port - first + 1;
            }
            if !taken.ports.insert((port.protocol.clone(), port.host_port)) {
                return Err(Error::Description(format!("host port {} is in use", port.host_port)));
            }
        }
        Ok(ports)
    }

    /// Leads host ports to `address`.
    pub async fn publish(&self, address: Ipv4Addr, ports: &[PortBinding]) -> Result<(), Error> {
        if ports.is_empty() {
            return Ok(());
        }
        let mut taken = self.taken.lock().await;
        taken.ports.extend(ports.iter().map(|port| (port.protocol.clone(), port.host_port)));
        drop(taken);
        elements::apply(ports.iter().map(|port| Change::Add(self.published(address, port))).collect()).await
    }

    /// Takes published ports back.
    pub async fn unpublish(&self, address: Ipv4Addr, ports: &[PortBinding]) -> Result<(), Error> {
        let mut taken = self.taken.lock().await;
        for port in ports {
            taken.ports.remove(&(port.protocol.clone(), port.host_port));
        }
        drop(taken);
        for port in ports {
            // One by one: a missing element would refuse the others with it.
            let _ = elements::apply(vec![Change::Delete(self.published(address, port))]).await;
        }
        Ok(())
    }

    /// Removes the tables.
    pub async fn remove(&self) -> Result<(), Error> {
        self.docker.withdraw().await;
        let remove = |family: &str, table: &str| {
            format!("add table {family} {table}\ndelete table {family} {table}\n")
        };
        run(&(remove("ip", &self.groups_table) + &remove("ip", &self.table))).await?;
        if self.tells_senders { run(&remove("bridge", &self.table)).await } else { Ok(()) }
    }

    /// Lets an interface send under its own address, and under no other.
    pub async fn know(&self, link: &str, address: Ipv4Addr) -> Result<(), Error> {
        if !self.tells_senders {
            return Ok(());
        }
        elements::apply(vec![Change::Add(self.sender(link, address))]).await
    }

    /// Forgets an interface that is gone; a missing one is no error.
    pub async fn forget(&self, link: &str, address: Ipv4Addr) {
        if self.tells_senders {
            let _ = elements::apply(vec![Change::Delete(self.sender(link, address))]).await;
        }
    }

    /// Knows these interfaces alone.
    pub async fn know_only(&self, interfaces: &[(&str, Ipv4Addr)]) -> Result<(), Error> {
        if !self.tells_senders {
            return Ok(());
        }
        let table = &self.table;
        let mut text = format!("flush set bridge {table} known\n");
        for (link, address) in interfaces {
            text += &format!("add element bridge {table} known {{ \"{link}\" . {address} }}\n");
        }
        run(&text).await
    }

    /// An interface that may send under an address.
    fn sender(&self, link: &str, address: Ipv4Addr) -> Element {
        Element {
            family: Family::Bridge,
            table: self.table.clone(),
            set: "known".into(),
            key: elements::pair_key(link, address),
            leads: Leads::Nowhere,
        }
    }

    /// A host port that leads to a task.
    fn published(&self, address: Ipv4Addr, port: &PortBinding) -> Element {
        let [high, low] = port.container_port.to_be_bytes();
        Element {
            family: Family::Ip,
            table: self.table.clone(),
            set: format!("ports_{}", port.protocol),
            key: port.host_port.to_be_bytes().to_vec(),
            // Each part fills a register of four bytes.
            leads: Leads::To([&address.octets()[..], &[high, low, 0, 0]].concat()),
        }
    }
}

fn is_free(protocol: &str, port: u16) -> bool {
    let any = (Ipv4Addr::UNSPECIFIED, port);
    match protocol {
        "udp" => std::net::UdpSocket::bind(any).is_ok(),
        _ => std::net::TcpListener::bind(any).is_ok(),
    }
}

/// The whole table as nft reads it; reading it again changes nothing.
fn render(table: &str, bridges: &str) -> String {
    let chains = [
        (
            "prerouting",
            "type nat hook prerouting priority dstnat",
            vec![
                "fib daddr type local dnat ip to tcp dport map @ports_tcp".to_string(),
                "fib daddr type local dnat ip to udp dport map @ports_udp".to_string(),
            ],
        ),
        (
            "output",
            "type nat hook output priority -100",
            vec![
                "fib daddr type local dnat ip to tcp dport map @ports_tcp".to_string(),
                "fib daddr type local dnat ip to udp dport map @ports_udp".to_string(),
            ],
        ),
        (
            "postrouting",
            "type nat hook postrouting priority srcnat",
            vec![
                // By interface, not by address: another instance may use the same addresses. Packets
                // that a bridge only passes on have no such interface here, and stay as they are.
                format!("iifname \"{bridges}\" oifname != \"{bridges}\" masquerade"),
                format!("oifname \"{bridges}\" ip saddr 127.0.0.0/8 masquerade"),
                format!("oifname \"{bridges}\" ip saddr @subnets ct status dnat masquerade"),
            ],
        ),
        (
            "forward",
            "type filter hook forward priority filter",
            vec![
                "ct state established,related accept".to_string(),
                format!("iifname \"{bridges}\" oifname \"{bridges}\" iifname . oifname != @same_vpc drop"),
            ],
        ),
        (
            "input",
            "type filter hook input priority filter",
            vec![
                format!("iifname \"{bridges}\" ct state established,related accept"),
                // Not the gateway of another VPC.
                format!("iifname \"{bridges}\" fib daddr . iif type local icmp type echo-request accept"),
                "iifname . ip daddr @held accept".to_string(),
                format!("iifname \"{bridges}\" drop"),
            ],
        ),
    ];
    let mut text = format!(
        "add table ip {table}\n\
         add set ip {table} subnets {{ type ipv4_addr; flags interval; auto-merge; }}\n\
         add set ip {table} same_vpc {{ type ifname . ifname; }}\n\
         add set ip {table} held {{ type ifname . ipv4_addr; }}\n\
         add map ip {table} ports_tcp {{ type inet_service : ipv4_addr . inet_service; }}\n\
         add map ip {table} ports_udp {{ type inet_service : ipv4_addr . inet_service; }}\n"
    );
    for (name, hook, rules) in chains {
        text += &format!(
            "add chain ip {table} {name} {{ {hook}; policy accept; }}\nflush chain ip {table} {name}\n"
        );
        for rule in rules {
            text += &format!("add rule ip {table} {name} {rule}\n");
        }
    }
    text
}

/// The table that drops what an interface sends under an address that is not its own, in ARP too.
fn render_senders(table: &str, pairs: &str) -> String {
    format!(
        "add table bridge {table}\n\
         add set bridge {table} known {{ type ifname . ipv4_addr; }}\n\
         add chain bridge {table} prerouting {{ type filter hook prerouting priority -300; policy accept; }}\n\
         flush chain bridge {table} prerouting\n\
         add rule bridge {table} prerouting iifname \"{pairs}\" ether type ip iifname . ip saddr != @known drop\n\
         add rule bridge {table} prerouting iifname \"{pairs}\" ether type arp iifname . arp saddr ip != @known drop\n"
    )
}

/// Feeds a script to nft: all of it happens, or nothing.
pub(super) async fn run(script: &str) -> Result<(), Error> {
    let failed = |detail: String| Error::Firewall { detail };
    let missing = |error: std::io::Error| failed(format!("nft: {error} (Debian: apt-get install nftables)"));
    let mut child = tokio::process::Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(missing)?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let fed = async {
        stdin.write_all(script.as_bytes()).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(TIMEOUT, fed)
        .await
        .map_err(|_elapsed| failed("nft did not end in time".into()))?
        .map_err(missing)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(failed(text.lines().take(3).collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_isolates_vpcs_and_the_host() {
        let text = render("longshore-0a1b2", "ls0a1b2b*");
        assert!(text.starts_with("add table ip longshore-0a1b2\n"));
        assert!(text.contains("oifname \"ls0a1b2b*\" iifname . oifname != @same_vpc drop"));
        assert!(text.contains("input iifname \"ls0a1b2b*\" drop"));
    }

    #[test]
    fn published_ports_are_map_elements() {
        let docker = DockerUser::new(&Names::new("t", std::path::Path::new("/run/t")));
        let (table, groups_table) = ("t".into(), "t-groups".into());
        let firewall = Firewall { table, groups_table, tells_senders: true, docker, taken: Mutex::default() };
        let port = PortBinding {
            container: "c".into(),
            container_port: 80,
            host_port: 50000,
            protocol: "tcp".into(),
        };
        let element = firewall.published(Ipv4Addr::new(172, 28, 0, 2), &port);
        assert_eq!((element.set.as_str(), element.key), ("ports_tcp", vec![0xc3, 0x50]));
        assert_eq!(element.leads, Leads::To(vec![172, 28, 0, 2, 0, 80, 0, 0]));
    }
}

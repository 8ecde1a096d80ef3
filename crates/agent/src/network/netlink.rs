//! Requests to the kernel's routing socket; each socket belongs to the namespace it was opened in.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoBridgePort, InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::sys::AsyncSocket as _;
use rtnetlink::{Handle, LinkBridge, LinkBridgePort, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::Error;
use super::namespace::Namespace;
use super::plan::{Interface, parse_mac};
use super::redirect::{METADATA_ADDRESS, RESOLVER_ADDRESS};

/// The interface inside a task.
const INSIDE: &str = "eth0";
const LOOPBACK_INDEX: u32 = 1;
/// Room for the answers to a few thousand requests at once.
const RECEIVE_BYTES: usize = 8 << 20;
/// The kernel answers within microseconds, unless something went wrong.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A routing socket.
#[derive(Clone)]
pub struct Netlink {
    handle: Handle,
}

fn failed(attempt: &'static str, subject: &str) -> impl FnOnce(rtnetlink::Error) -> Error {
    move |source| Error::Netlink { attempt, subject: subject.to_string(), source }
}

/// The errno of a refusal.
fn errno(error: &rtnetlink::Error) -> Option<i32> {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.code.map(|code| -code.get()),
        _ => None,
    }
}

/// Waits for an answer, but not for ever: one that was lost is an error.
async fn answered<T>(work: impl Future<Output = Result<T, rtnetlink::Error>>) -> Result<T, rtnetlink::Error> {
    tokio::time::timeout(TIMEOUT, work).await.unwrap_or(Err(rtnetlink::Error::RequestFailed))
}

/// Takes "it is there already" for success.
fn or_present(result: Result<(), rtnetlink::Error>) -> Result<(), rtnetlink::Error> {
    match result {
        Err(error) if errno(&error) == Some(nix::libc::EEXIST) => Ok(()),
        other => other,
    }
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    pub fn here() -> std::io::Result<Netlink> {
        let (mut connection, handle, _notifications) = rtnetlink::new_connection()?;
        // The kernel drops answers that find no room, and whoever asked would wait for ever.
        setsockopt(connection.socket_mut().socket_ref(), sockopt::RcvBufForce, &RECEIVE_BYTES)?;
        tokio::spawn(connection);
        Ok(Netlink { handle })
    }

    /// The index of a link, `None` when there is none of that name.
    pub async fn index_of(&self, name: &str) -> Result<Option<u32>, Error> {
        let answer = answered(self.handle.link().get().match_name(name).execute().try_next()).await;
        match answer {
            Ok(link) => Ok(link.map(|link| link.header.index)),
            Err(error) if errno(&error) == Some(nix::libc::ENODEV) => Ok(None),
            Err(error) => Err(failed("looking up", name)(error)),
        }
    }

    /// All links' names.
    pub async fn link_names(&self) -> Result<Vec<String>, Error> {
        let links: Vec<LinkMessage> = answered(self.handle.link().get().execute().try_collect())
            .await
            .map_err(failed("listing", "links"))?;
        let name = |link: LinkMessage| {
            link.attributes.into_iter().find_map(|a| match a {
                LinkAttribute::IfName(name) => Some(name),
                _ => None,
            })
        };
        Ok(links.into_iter().filter_map(name).collect())
    }

    /// Makes a pair whose other end is `eth0` in `namespace`; answers the index of this end.
    pub async fn add_pair(&self, name: &str, namespace: &Namespace) -> Result<u32, Error> {
        let file = std::fs::File::open(namespace.path())
            .map_err(Error::system("opening the namespace", namespace.name()))?;
        let mut peer = LinkMessage::default();
        peer.attributes.push(LinkAttribute::IfName(INSIDE.into()));
        peer.attributes.push(LinkAttribute::NetNsFd(file.as_raw_fd()));
        let pair = LinkVeth::new(name, INSIDE).set_info_data(InfoData::Veth(InfoVeth::Peer(peer))).build();
        answered(self.handle.link().add(pair).execute())
            .await
            .map_err(failed("adding the interface pair", name))?;
        drop(file);
        self.index_of(name).await?.ok_or_else(|| Error::Description(format!("link {name} vanished")))
    }

    /// Makes a bridge unless it exists, and answers its index.
    pub async fn ensure_bridge(&self, name: &str, mac: Vec<u8>, mtu: u32) -> Result<u32, Error> {
        if let Some(index) = self.index_of(name).await? {
            return Ok(index);
        }
        let bridge = LinkBridge::new(name).address(mac).mtu(mtu).build();
        or_present(answered(self.handle.link().add(bridge).execute()).await)
            .map_err(failed("adding the bridge", name))?;
        self.index_of(name).await?.ok_or_else(|| Error::Description(format!("link {name} vanished")))
    }

    /// Gives a link an address unless it has it.
    pub async fn ensure_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let added = answered(self.handle.address().add(index, IpAddr::V4(address), prefix).execute()).await;
        or_present(added).map_err(failed("adding the address", &address.to_string()))
    }

    /// Plugs the host's end of a pair into a bridge.
    pub async fn attach(&self, index: u32, bridge: u32, mtu: u32, name: &str) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index).controller(bridge).mtu(mtu).up().build();
        answered(self.handle.link().set(link).execute()).await.map_err(failed("attaching", name))
    }

    /// Takes an address from a link; a missing one is no error.
    pub async fn remove_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), Error> {
        let mut all = self.handle.address().get().set_link_index_filter(index).execute();
        let wanted = AddressAttribute::Local(IpAddr::V4(address));
        while let Some(found) = answered(all.try_next()).await.map_err(failed("listing", "addresses"))? {
            if found.header.prefix_len == prefix && found.attributes.contains(&wanted) {
                let removed = answered(self.handle.address().del(found).execute()).await;
                return removed.map_err(failed("removing the address", &address.to_string()));
            }
        }
        Ok(())
    }

    /// Keeps the bridge from passing packets between this port and others of its kind.
    pub async fn isolate(&self, index: u32, name: &str) -> Result<(), Error> {
        let port = LinkBridgePort::new(index).append_info_data(InfoBridgePort::Isolated(true)).build();
        answered(self.handle.link().set(port).execute()).await.map_err(failed("isolating", name))
    }

    /// Removes a link; a missing one is no error.
    pub async fn remove_link(&self, name: &str) -> Result<(), Error> {
        let Some(index) = self.index_of(name).await? else { return Ok(()) };
        match answered(self.handle.link().del(index).execute()).await {
            Err(error) if errno(&error) == Some(nix::libc::ENODEV) => Ok(()),
            other => other.map_err(failed("removing the link", name)),
        }
    }

    /// Brings loopback up, with the addresses at which the task finds its metadata and its resolver.
    pub async fn set_up_loopback(&self) -> Result<(), Error> {
        let up = LinkUnspec::new_with_index(LOOPBACK_INDEX).up().build();
        answered(self.handle.link().set(up).execute()).await.map_err(failed("bringing up", "lo"))?;
        self.ensure_address(LOOPBACK_INDEX, METADATA_ADDRESS, 32).await?;
        self.ensure_address(LOOPBACK_INDEX, RESOLVER_ADDRESS, 32).await
    }

    /// The index of `eth0` in a task.
    pub async fn inside_index(&self) -> Result<u32, Error> {
        self.index_of(INSIDE)
            .await?
            .ok_or_else(|| Error::Description("a namespace lost its interface".into()))
    }

    /// Gives `eth0` its addresses and its way out.
    pub async fn configure(&self, index: u32, interface: &Interface) -> Result<(), Error> {
        let mut link = LinkUnspec::new_with_index(index).mtu(interface.mtu).up();
        if let Some(mac) = parse_mac(&interface.mac) {
            link = link.address(mac);
        }
        answered(self.handle.link().set(link.build()).execute())
            .await
            .map_err(failed("configuring", INSIDE))?;
        self.ensure_address(index, interface.address, interface.prefix).await?;
        let route =
            RouteMessageBuilder::<Ipv4Addr>::new().gateway(interface.gateway).output_interface(index).build();
        or_present(answered(self.handle.route().add(route).execute()).await)
            .map_err(failed("adding", "the default route"))
    }
}

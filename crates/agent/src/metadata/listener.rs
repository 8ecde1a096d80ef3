//! A listening socket inside of another network namespace.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::network::{METADATA_ADDRESS, METADATA_PORT};

/// Where requests arrive. The network puts the address on the task's loopback and leads port 80 here.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(METADATA_ADDRESS, METADATA_PORT);

/// Where a container finds its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// At the well-known address of its own network namespace.
    Namespace,
    /// At a loopback address of the node, whose network it shares. The address follows from the task, so that it is
    /// the same after a restart.
    Loopback(Ipv4Addr),
}

impl Endpoint {
    /// The beginning of its URIs.
    pub fn base_uri(&self) -> String {
        match self {
            Endpoint::Namespace => format!("http://{METADATA_ADDRESS}"),
            Endpoint::Loopback(address) => format!("http://{address}:{METADATA_PORT}"),
        }
    }
}

/// The endpoint of a task's containers, with a network namespace or on the node's own network.
pub fn endpoint(task_id: &str, has_namespace: bool) -> Endpoint {
    if has_namespace {
        return Endpoint::Namespace;
    }
    let digest = Sha256::digest(task_id);
    // Neither 127.0.0.0 nor a broadcast address of anybody's idea.
    Endpoint::Loopback(Ipv4Addr::new(127, 170, digest[0], 1 + digest[1] % 254))
}

/// Opens the endpoint's socket on the node's loopback.
pub(super) async fn open_on_node(task_id: &str) -> io::Result<tokio::net::TcpListener> {
    let Endpoint::Loopback(address) = endpoint(task_id, false) else {
        return Err(io::Error::other("the endpoint is not on the node"));
    };
    tokio::net::TcpListener::bind(SocketAddrV4::new(address, METADATA_PORT)).await
}

/// Opens the endpoint's socket in the namespace at `netns`.
pub(super) async fn open(netns: PathBuf) -> io::Result<tokio::net::TcpListener> {
    let (answer, opened) = oneshot::channel();
    // A thread of its own, which ends in the other namespace: a thread of a pool would carry it on.
    std::thread::Builder::new().name("metadata".into()).spawn(move || {
        let _ = answer.send(open_here(&netns));
    })?;
    let listener = opened.await.map_err(io::Error::other)??;
    tokio::net::TcpListener::from_std(listener)
}

fn open_here(netns: &std::path::Path) -> io::Result<TcpListener> {
    setns(File::open(netns)?, CloneFlags::CLONE_NEWNET)?;
    let listener = TcpListener::bind(ADDRESS)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

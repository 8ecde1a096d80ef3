//! A listening socket inside of another network namespace.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

/// Where tasks look for their metadata. The network puts the address on the task's loopback.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 170, 2), 80);

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

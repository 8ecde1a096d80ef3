//! A listening socket inside of another network namespace.

use std::fs::File;
use std::io;
use std::net::{SocketAddrV4, TcpListener};
use std::path::PathBuf;

use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

use crate::network::{METADATA_ADDRESS, METADATA_PORT};

/// Where requests arrive. The network puts the address on the task's loopback and leads port 80 here.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(METADATA_ADDRESS, METADATA_PORT);

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

//! Where the balancer listens. Addresses come and go while connections go on.
//!
//! An address that cannot be bound (another program has it, or it is not there yet) is tried again; the others
//! are served meanwhile. Sockets can be handed to a successor, with the connections that wait in them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use crate::net;
use crate::shared::Shared;
use crate::signal::Signal;
use crate::table::{Serving, Table};
use crate::workers::Workers;

/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 4096;
/// After an accept that failed, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// An address that is listened on.
#[derive(Debug)]
pub struct Socket {
    /// The address.
    pub address: SocketAddr,
    /// What is served there, as of now.
    pub serving: ArcSwap<Serving>,
    /// Said when nothing is served there any more.
    pub closed: Signal,
}

/// All addresses.
#[derive(Debug)]
pub struct Sockets {
    workers: Workers,
    shared: Arc<Shared>,
    bound: BTreeMap<SocketAddr, Bound>,
    inherited: BTreeMap<SocketAddr, TcpListener>,
    failures: BTreeMap<SocketAddr, String>,
}

#[derive(Debug)]
struct Bound {
    socket: Arc<Socket>,
    listener: Arc<AsyncFd<TcpListener>>,
    accepting: JoinHandle<()>,
}

impl Sockets {
    /// Begins with the sockets of a predecessor, if there was one.
    pub fn new(
        workers: Workers,
        shared: Arc<Shared>,
        inherited: BTreeMap<SocketAddr, TcpListener>,
    ) -> Sockets {
        Sockets { workers, shared, bound: BTreeMap::new(), inherited, failures: BTreeMap::new() }
    }

    /// Listens where the table says, and nowhere else. Answers whether failures changed.
    pub fn update(&mut self, table: &Table) -> bool {
        self.bound.retain(|address, bound| {
            let kept = table.sockets.contains_key(address);
            if !kept {
                bound.accepting.abort();
                bound.socket.closed.say();
            }
            kept
        });
        let before = std::mem::take(&mut self.failures);
        for (address, serving) in &table.sockets {
            if let Some(bound) = self.bound.get(address) {
                bound.socket.serving.store(Arc::new(serving.clone()));
                continue;
            }
            match self.open(*address, serving) {
                Ok(bound) => drop(self.bound.insert(*address, bound)),
                Err(error) => drop(self.failures.insert(*address, failure(*address, &error))),
            }
        }
        // What the predecessor had and nobody wants.
        self.inherited.clear();
        before != self.failures
    }

    /// Why an address is not listened on.
    pub fn failure(&self, address: SocketAddr) -> Option<&str> {
        self.failures.get(&address).map(String::as_str)
    }

    /// Whether any address waits to be tried again.
    pub fn incomplete(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The sockets, to be sent to a successor.
    pub fn handles(&self) -> impl Iterator<Item = (SocketAddr, BorrowedFd<'_>)> {
        self.bound.iter().map(|(address, bound)| (*address, bound.listener.get_ref().as_fd()))
    }

    /// Stops listening. Connections go on, unless they are to be closed behind what they are at.
    pub fn stop(&mut self, close: bool) {
        for (_, bound) in std::mem::take(&mut self.bound) {
            bound.accepting.abort();
            if close {
                bound.socket.closed.say();
            }
        }
    }

    fn open(&mut self, address: SocketAddr, serving: &Serving) -> io::Result<Bound> {
        let listener = match self.inherited.remove(&address) {
            Some(listener) => listener,
            None => listen_on(address)?,
        };
        listener.set_nonblocking(true)?;
        // SAFETY: a listener owns its descriptor, which stays the same and open as long as the listener lives.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE)? };
        let listener = Arc::new(listener);
        let serving = ArcSwap::from_pointee(serving.clone());
        let socket = Arc::new(Socket { address, serving, closed: Signal::default() });
        let accepting =
            tokio::spawn(accept(listener.clone(), socket.clone(), self.workers.clone(), self.shared.clone()));
        Ok(Bound { socket, listener, accepting })
    }
}

async fn accept(
    listener: Arc<AsyncFd<TcpListener>>,
    socket: Arc<Socket>,
    workers: Workers,
    shared: Arc<Shared>,
) {
    loop {
        match listener.async_io(Interest::READABLE, TcpListener::accept).await {
            Ok((stream, peer)) => {
                let (socket, shared) = (socket.clone(), shared.clone());
                workers.spawn(|worker| async move {
                    let stream =
                        stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
                    match stream {
                        Ok(stream) => net::connection(stream, peer, socket, worker, shared).await,
                        Err(error) => tracing::warn!(%error, "losing a connection"),
                    }
                });
            }
            // The client has gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, address = %socket.address, "accepting connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, None)?;
    // A predecessor's connections in TIME_WAIT do not hold the port.
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrStorage::from(address))?;
    listen(&fd, Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN))?;
    Ok(fd.into())
}

fn failure(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {} of {} is taken by another program ('ss -ltnp sport = :{}' names it)",
                address.port(),
                address.ip(),
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine does not have the address {}", address.ip()),
        _ => format!("listening on {address}: {error}"),
    }
}

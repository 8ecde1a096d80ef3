//! Where the balancer listens. Addresses come and go while connections go on.
//!
//! An address that cannot be bound (another program has it, or it is not there yet) is tried again; the others
//! are served meanwhile. Sockets can be handed to a successor, with the connections that wait in them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use crate::net::{self, Namespace};
use crate::place::Place;
use crate::shared::Shared;
use crate::signal::Signal;
use crate::table::{Serving, Table};
use crate::workers::Workers;
use wire::link::MISSING_ADDRESS;

/// Connections that may wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 4096;
/// After an accept that failed, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// An address that is listened on.
#[derive(Debug)]
pub struct Socket {
    /// Where.
    pub place: Place,
    /// The network from which its connections go on, where it is a task's.
    pub namespace: Option<Namespace>,
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
    bound: BTreeMap<Place, Bound>,
    inherited: BTreeMap<Place, TcpListener>,
    failures: BTreeMap<Place, String>,
    /// Where links to the networks of tasks are, by the tasks' ids.
    namespaces: PathBuf,
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
        inherited: BTreeMap<Place, TcpListener>,
        namespaces: PathBuf,
    ) -> Sockets {
        Sockets { workers, shared, bound: BTreeMap::new(), inherited, failures: BTreeMap::new(), namespaces }
    }

    /// Listens where the table says, and nowhere else. Answers whether failures changed.
    pub fn update(&mut self, table: &Table) -> bool {
        self.bound.retain(|place, bound| {
            let kept = table.sockets.contains_key(place);
            if !kept {
                bound.accepting.abort();
                bound.socket.closed.say();
            }
            kept
        });
        let before = std::mem::take(&mut self.failures);
        for (place, serving) in &table.sockets {
            match self.bound.get(place) {
                Some(bound) => bound.socket.serving.store(Arc::new(serving.clone())),
                None => self.try_open(place, serving),
            }
        }
        // What the predecessor had and nobody wants.
        self.inherited.clear();
        before != self.failures
    }

    /// Tries again what failed: all of it, or only what is in tasks' networks. Answers whether failures changed.
    pub fn retry(&mut self, table: &Table, only_tasks: bool) -> bool {
        let before = self.failures.clone();
        for place in before.keys().filter(|place| !only_tasks || place.task.is_some()) {
            self.failures.remove(place);
            if let Some(serving) = table.sockets.get(place) {
                self.try_open(place, serving);
            }
        }
        before != self.failures
    }

    fn try_open(&mut self, place: &Place, serving: &Serving) {
        match self.open(place, serving) {
            Ok(bound) => drop(self.bound.insert(place.clone(), bound)),
            Err(error) => drop(self.failures.insert(place.clone(), failure(place, &error))),
        }
    }

    /// Why a place is not listened on.
    pub fn failure(&self, place: &Place) -> Option<&str> {
        self.failures.get(place).map(String::as_str)
    }

    /// Whether the network of any task is waited for.
    pub fn awaits_tasks(&self) -> bool {
        self.failures.keys().any(|place| place.task.is_some())
    }

    /// Whether any address waits to be tried again.
    pub fn incomplete(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The sockets, to be sent to a successor.
    pub fn handles(&self) -> impl Iterator<Item = (Place, BorrowedFd<'_>)> {
        self.bound.iter().map(|(place, bound)| (place.clone(), bound.listener.get_ref().as_fd()))
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

    fn open(&mut self, place: &Place, serving: &Serving) -> io::Result<Bound> {
        let namespace = place.task.as_ref().map(|task| Namespace::open(&self.namespaces.join(&**task)));
        let namespace = namespace.transpose()?;
        let listener = match (self.inherited.remove(place), &namespace) {
            (Some(listener), _) => listener,
            (None, None) => listen_on(place.address)?,
            (None, Some(namespace)) => namespace.inside(|| listen_on(place.address))?,
        };
        listener.set_nonblocking(true)?;
        // SAFETY: a listener owns its descriptor, which stays the same and open as long as the listener lives.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE)? };
        let listener = Arc::new(listener);
        let serving = ArcSwap::from_pointee(serving.clone());
        let socket = Arc::new(Socket { place: place.clone(), namespace, serving, closed: Signal::default() });
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
                tracing::warn!(%error, place = %socket.place, "accepting connections");
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

fn failure(place: &Place, error: &io::Error) -> String {
    let address = place.address;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {} of {} is taken by another program ('ss -ltnp sport = :{}' names it)",
                address.port(),
                address.ip(),
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => format!("{MISSING_ADDRESS} {}", address.ip()),
        // A kernel without IPv6.
        _ if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => {
            format!("{MISSING_ADDRESS} {}", address.ip())
        }
        _ => format!("listening on {place}: {error}"),
    }
}

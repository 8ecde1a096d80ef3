//! TCP and TLS listeners: a connection is a flow to one target.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use wire::link::{Stickiness, TargetProtocol};

use super::proxy_protocol;
use super::splice::{splice, splice_tcp};
use crate::group::{Flight, Group, Target};
use crate::http::{ConnectError, dial};
use crate::shared::Shared;
use crate::sockets::Socket;
use crate::table::{Action, Listener};

/// Patience for a target while others are left, and for the last.
const PATIENCE: Duration = Duration::from_secs(1);
const LAST_PATIENCE: Duration = Duration::from_secs(10);
const MOST_TARGETS: usize = 4;

/// Carries a plain connection.
pub async fn carry_tcp(
    stream: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    socket: &Socket,
    shared: &Shared,
) {
    let local = stream.local_addr().unwrap_or(peer);
    let Some((target, flight, group)) = connect((peer, local), listener, socket).await else { return };
    let carried = async {
        match group.route.protocol {
            TargetProtocol::Tls | TargetProtocol::Https => {
                if let Some(target) = tls(target, &flight, shared).await {
                    splice(stream, target, idle(listener)).await;
                }
            }
            TargetProtocol::Tcp | TargetProtocol::Http => splice_tcp(stream, target, idle(listener)).await,
        }
    };
    until_cut(carried, &flight).await;
}

/// Carries a connection whose TLS ended here.
pub async fn carry_tls<S>(stream: S, peer: SocketAddr, listener: &Listener, socket: &Socket, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some((target, flight, group)) = connect((peer, socket.place.address), listener, socket).await else {
        return;
    };
    let carried = async {
        match group.route.protocol {
            TargetProtocol::Tls | TargetProtocol::Https => {
                if let Some(target) = tls(target, &flight, shared).await {
                    splice(stream, target, idle(listener)).await;
                }
            }
            TargetProtocol::Tcp | TargetProtocol::Http => splice(stream, target, idle(listener)).await,
        }
    };
    until_cut(carried, &flight).await;
}

/// Drives a flow until its end, or until its target has gone and takes its flows along.
async fn until_cut(carried: impl Future<Output = ()>, flight: &Flight) {
    tokio::select! {
        biased;
        () = carried => {}
        () = flight.target().is_cut() => {}
    }
}

fn idle(listener: &Listener) -> Duration {
    Duration::from_secs(listener.tcp_idle_timeout_seconds.into())
}

async fn tls(
    stream: TcpStream,
    flight: &Flight,
    shared: &Shared,
) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = ServerName::IpAddress(flight.target().address.ip().into());
    tokio_rustls::TlsConnector::from(shared.target_tls.clone()).connect(name, stream).await.ok()
}

/// Finds a target that takes the connection. Without one the client's connection is closed, as ELB does.
async fn connect(
    ends: (SocketAddr, SocketAddr),
    listener: &Listener,
    socket: &Socket,
) -> Option<(TcpStream, Flight, Arc<Group>)> {
    let Action::Forward(forward) = &listener.default_action else { return None };
    let group = forward.next()?.clone();
    let (from, zone) = (socket.namespace.as_ref(), socket.serving.load().zone.clone());
    let zone = zone.as_deref();
    let mut tried: Vec<Arc<Target>> = Vec::new();
    while tried.len() < MOST_TARGETS {
        let now = Instant::now();
        let target = by_source(&group, zone, ends.0, &tried).or_else(|| group.pick(zone, &tried, now))?;
        let flight = Target::begin(&target);
        let last = group.targets.len() <= tried.len() + 1;
        match dial(target.address, if last { LAST_PATIENCE } else { PATIENCE }, from).await {
            Ok(mut stream) => {
                target.absolve(now);
                if group.route.proxy_protocol {
                    stream.write_all(&proxy_protocol::header(ends.0, ends.1)).await.ok()?;
                }
                return Some((stream, flight, group));
            }
            Err(ConnectError::Connect(..) | ConnectError::TimedOut(_) | ConnectError::Handshake(..)) => {
                target.suspect(now);
                if group.route.ejects {
                    target.fail(now);
                }
                tried.push(target);
            }
        }
    }
    None
}

/// The target that belongs to a client's address, where a group keeps clients so.
fn by_source(
    group: &Group,
    zone: Option<&str>,
    client: SocketAddr,
    tried: &[Arc<Target>],
) -> Option<Arc<Target>> {
    match group.route.stickiness {
        Some(Stickiness::SourceIp) if tried.is_empty() => {}
        Some(Stickiness::SourceIp | Stickiness::LbCookie { .. } | Stickiness::AppCookie { .. }) | None => {
            return None;
        }
    }
    // The highest of the hashes of client and target: it stays the same while that target does.
    let client = client.ip().to_string();
    let score = |target: &&Arc<Target>| crate::group::hash(&[&client, &target.id]);
    let zone = group.kept_to(zone);
    let eligible = group.targets.iter().filter(|target| target.is_eligible(false) && target.serves(zone));
    eligible.max_by_key(score).cloned()
}

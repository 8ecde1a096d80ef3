//! The sockets of one task, and the loops that answer on them.

use std::fs::File;
use std::io;
use std::net::{SocketAddrV4, TcpListener as StdListener, UdpSocket as StdSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::resolver::{Resolver, Transport};
use crate::network::{RESOLVER_ADDRESS, RESOLVER_PORT};

/// Questions of one task that are answered at once; further ones wait in its socket.
const QUESTION_LIMIT: usize = 64;
/// Connections of one task at once.
const CONNECTION_LIMIT: usize = 16;
/// The longest question over UDP: EDNS allows no more in practice.
const DATAGRAM_LIMIT: usize = 4096;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(10);
/// After a failed read or accept the next is tried after a pause.
const PAUSE: Duration = Duration::from_millis(100);

/// Ends the resolver of a task when it is dropped.
pub struct Served {
    _datagrams: AbortOnDropHandle<()>,
    _streams: AbortOnDropHandle<()>,
}

/// Answers the questions of the task whose namespace is at `netns`.
///
/// # Errors
/// When the sockets cannot be opened there.
pub async fn serve(resolver: Arc<Resolver>, netns: PathBuf, task_arn: String) -> io::Result<Served> {
    let (datagrams, streams) = open(netns).await?;
    let task: Arc<str> = task_arn.into();
    let datagrams = tokio::spawn(serve_datagrams(resolver.clone(), Arc::new(datagrams), task.clone()));
    let streams = tokio::spawn(serve_streams(resolver, streams, task));
    Ok(Served { _datagrams: AbortOnDropHandle::new(datagrams), _streams: AbortOnDropHandle::new(streams) })
}

async fn open(netns: PathBuf) -> io::Result<(UdpSocket, TcpListener)> {
    let (answer, opened) = oneshot::channel();
    // A thread of its own, which ends in the other namespace: a thread of a pool would carry it on.
    std::thread::Builder::new().name("resolver".into()).spawn(move || {
        let _ = answer.send(open_here(&netns));
    })?;
    let (datagrams, streams) = opened.await.map_err(io::Error::other)??;
    Ok((UdpSocket::from_std(datagrams)?, TcpListener::from_std(streams)?))
}

fn open_here(netns: &Path) -> io::Result<(StdSocket, StdListener)> {
    setns(File::open(netns)?, CloneFlags::CLONE_NEWNET)?;
    let address = SocketAddrV4::new(RESOLVER_ADDRESS, RESOLVER_PORT);
    let (datagrams, streams) = (StdSocket::bind(address)?, StdListener::bind(address)?);
    datagrams.set_nonblocking(true)?;
    streams.set_nonblocking(true)?;
    Ok((datagrams, streams))
}

async fn serve_datagrams(resolver: Arc<Resolver>, socket: Arc<UdpSocket>, task: Arc<str>) {
    let slots = Arc::new(Semaphore::new(QUESTION_LIMIT));
    // Owned here, so that questions end with the resolver.
    let mut questions = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_LIMIT];
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let question = buffer[..length].to_vec();
                let (resolver, socket, task) = (resolver.clone(), socket.clone(), task.clone());
                questions.spawn(async move {
                    if let Some(answer) = resolver.answer(&task, &question, Transport::Datagram).await {
                        // Who does not wait for the answer asks again.
                        let _ = socket.send_to(&answer, from).await;
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "receiving a question");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while questions.try_join_next().is_some() {}
    }
}

async fn serve_streams(resolver: Arc<Resolver>, listener: TcpListener, task: Arc<str>) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (resolver, task) = (resolver.clone(), task.clone());
                connections.spawn(async move {
                    if let Err(error) = serve_stream(&resolver, stream, &task).await {
                        tracing::trace!(%error, "a resolver connection ended");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "accepting a question");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Questions and answers, each behind its length.
async fn serve_stream(resolver: &Resolver, mut stream: TcpStream, task: &str) -> io::Result<()> {
    let timely = |_elapsed| io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let length = tokio::time::timeout(SILENCE, stream.read_u16()).await.map_err(timely)??;
        let mut question = vec![0; usize::from(length)];
        tokio::time::timeout(SILENCE, stream.read_exact(&mut question)).await.map_err(timely)??;
        let Some(answer) = resolver.answer(task, &question, Transport::Stream).await else { return Ok(()) };
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        tokio::time::timeout(SILENCE, stream.write_all(&framed)).await.map_err(timely)??;
    }
}

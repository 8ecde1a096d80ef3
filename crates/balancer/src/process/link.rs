//! The control plane's end of the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use wire::link::{BalancerHello, BalancerMessage, RoutesMessage};

use super::{Error, frame, socket_path};

/// How long an introduction may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a balancer: what it says.
#[derive(Debug)]
pub struct Link {
    /// Its introduction.
    pub hello: BalancerHello,
    stream: OwnedReadHalf,
}

/// The other half: what it is told.
#[derive(Debug)]
pub struct Sending(OwnedWriteHalf);

impl Link {
    /// Connects to the balancer of a directory; `None` where none answers.
    pub async fn connect(directory: &Path) -> Result<Option<(Link, Sending)>, Error> {
        let Ok(stream) = UnixStream::connect(socket_path(directory)).await else { return Ok(None) };
        let (mut stream, sending) = stream.into_split();
        let first = tokio::time::timeout(PATIENCE, frame::read(&mut stream)).await;
        match first.map_err(|_| Error::Link(io::ErrorKind::TimedOut.into()))? {
            Ok(BalancerMessage::Hello(hello)) => Ok(Some((Link { hello, stream }, Sending(sending)))),
            Ok(BalancerMessage::Report(_) | BalancerMessage::Access(_) | BalancerMessage::Sockets(_)) => {
                Err(Error::Link(io::Error::new(io::ErrorKind::InvalidData, "no introduction came")))
            }
            Err(error) => Err(Error::Link(error)),
        }
    }

    /// The next message; an error when the process has ended. Not to be cancelled: what was read would be lost.
    pub async fn next(&mut self) -> Result<BalancerMessage, Error> {
        frame::read(&mut self.stream).await.map_err(Error::Link)
    }
}

impl Sending {
    /// Tells it something.
    pub async fn send(&mut self, message: &RoutesMessage) -> Result<(), Error> {
        frame::write(&mut self.0, message).await.map_err(Error::Link)
    }
}

//! Connections of drivers, with errors in the words of Go's `net` package.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream, lookup_host};

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a receiver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `host:port`.
    Tcp(String),
    /// `host:port`.
    Udp(String),
    /// A stream socket's path.
    Unix(PathBuf),
    /// A datagram socket's path.
    UnixDatagram(PathBuf),
}

/// A connection of bytes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection of whatever kind.
pub(super) enum Connection {
    /// Bytes in order.
    Stream(Box<dyn Stream>),
    /// UDP.
    Udp(UdpSocket),
    /// Datagrams to a path.
    Unix(UnixDatagram),
}

/// Splits `scheme://rest`.
pub(super) fn scheme(address: &str) -> Option<(&str, &str)> {
    address.split_once("://")
}

/// `host:port` with what is missing filled in; an error is Go's.
pub(super) fn host_port(text: &str, host: &str, port: Option<u16>) -> Result<String, String> {
    let missing = || format!("address {text}: missing port in address");
    let (given_host, given_port) = match text.rsplit_once(':') {
        // `[::1]` without a port.
        Some((_, rest)) if rest.ends_with(']') => (text, None),
        Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
        None => (text, None),
    };
    let host = if given_host.is_empty() { host } else { given_host };
    match given_port {
        Some(port) => {
            let port: u16 = port.parse().map_err(|_| format!("invalid port {port:?}"))?;
            Ok(format!("{host}:{port}"))
        }
        None => port.map(|port| format!("{host}:{port}")).ok_or_else(missing),
    }
}

/// Connects; the error is Go's, such as `dial tcp 127.0.0.1:24224: connect: connection refused`.
pub(super) async fn dial(address: &Address) -> Result<Connection, String> {
    match address {
        Address::Tcp(at) => {
            let socket = patient("tcp", at, async { TcpStream::connect(resolve(at).await?).await }).await?;
            let _ = socket.set_nodelay(true);
            Ok(Connection::Stream(Box::new(socket)))
        }
        Address::Unix(path) => {
            let at = path.display().to_string();
            let socket = patient("unix", &at, UnixStream::connect(path)).await?;
            Ok(Connection::Stream(Box::new(socket)))
        }
        Address::Udp(at) => {
            let connected = async {
                let to = resolve(at).await?;
                let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(to).await?;
                Ok(socket)
            };
            patient("udp", at, connected).await.map(Connection::Udp)
        }
        Address::UnixDatagram(path) => datagrams(path)
            .map(Connection::Unix)
            .map_err(|error| failed("unixgram", &path.display().to_string(), &error)),
    }
}

/// A socket for datagrams to a path.
pub(super) fn datagrams(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Ok(socket)
}

/// Whether the other end has closed a connection on which it says nothing.
pub(super) async fn has_hung_up(stream: &mut Box<dyn Stream>) -> bool {
    let mut byte = [0u8; 1];
    let read = tokio::time::timeout(Duration::ZERO, stream.read(&mut byte)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

async fn resolve(at: &str) -> io::Result<std::net::SocketAddr> {
    lookup_host(at).await?.next().ok_or_else(|| io::Error::from(io::ErrorKind::HostUnreachable))
}

async fn patient<T>(
    network: &str,
    at: &str,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(done) => done.map_err(|error| failed(network, at, &error)),
        Err(_late) => Err(format!("dial {network} {at}: i/o timeout")),
    }
}

fn failed(network: &str, at: &str, error: &io::Error) -> String {
    // What the kernel says has a number; anything else comes of looking a name up.
    match error.raw_os_error() {
        Some(number) => {
            let text = nix::errno::Errno::from_raw(number).desc().to_lowercase();
            format!("dial {network} {at}: connect: {text}")
        }
        None => {
            let host = at.rsplit_once(':').map_or(at, |(host, _)| host);
            format!("dial {network}: lookup {host}: no such host")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed() {
        let complete = |text: &str| host_port(text, "127.0.0.1", Some(24224));
        assert_eq!(complete("logs"), Ok("logs:24224".into()));
        assert_eq!(complete(":5140"), Ok("127.0.0.1:5140".into()));
        assert_eq!(complete("[::1]"), Ok("[::1]:24224".into()));
        assert_eq!(complete("logs:99999"), Err("invalid port \"99999\"".into()));
        assert!(host_port("logs", "", None).is_err());
    }

    #[tokio::test]
    async fn nobody_there_reads_as_in_go() {
        // Bound and not listening: nobody else can take the port meanwhile.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = socket.local_addr().unwrap().to_string();
        let said = dial(&Address::Tcp(at.clone())).await.err();
        assert_eq!(said, Some(format!("dial tcp {at}: connect: connection refused")));
        let said = dial(&Address::Unix("/nowhere/x.sock".into())).await.err();
        assert_eq!(said.as_deref(), Some("dial unix /nowhere/x.sock: connect: no such file or directory"));
    }
}

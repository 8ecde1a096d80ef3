//! Connections to targets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use wire::link::{ProtocolVersion, TargetProtocol};

use super::body::Upload;
use crate::group::Target;
use crate::net::Namespace;

/// How long a connection may take until it is ready for its next request.
const READY: Duration = Duration::from_secs(1);
/// Flow-control windows of HTTP/2 towards targets.
const WINDOW: u32 = 1 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It was refused, reset or has no way.
    #[error("connecting to {0}")]
    Connect(SocketAddr, #[source] std::io::Error),
    /// It took too long.
    #[error("connecting to {0} took too long")]
    TimedOut(SocketAddr),
    /// TLS or HTTP did not come about.
    #[error("greeting {0}")]
    Handshake(SocketAddr, #[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A connection that takes requests.
#[derive(Debug)]
pub enum Sender {
    /// HTTP/1.1: one at a time.
    One(http1::SendRequest<Upload>),
    /// HTTP/2.
    Two(http2::SendRequest<Upload>),
}

impl Sender {
    /// Sends a request. The request comes back with the error if none of it was sent.
    pub async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Upload>>> {
        match self {
            Sender::One(sender) => sender.try_send_request(request).await,
            Sender::Two(sender) => sender.try_send_request(request).await,
        }
    }

    /// Returns a connection to its target's pool as soon as it is ready again.
    pub fn give_back(sender: Sender, target: Arc<Target>, worker: usize) {
        let Sender::One(mut sender) = sender else { return };
        if target.is_draining() || sender.is_closed() {
            return;
        }
        if sender.is_ready() {
            target.pool.put(worker, sender);
            return;
        }
        tokio::spawn(async move {
            if let Ok(Ok(())) = timeout(READY, sender.ready()).await {
                target.pool.put(worker, sender);
            }
        });
    }
}

/// Opens a TCP connection, from a task's network where one is given.
pub async fn dial(
    address: SocketAddr,
    patience: Duration,
    from: Option<&Namespace>,
) -> Result<TcpStream, ConnectError> {
    let connecting = async {
        match from {
            None => TcpStream::connect(address).await,
            Some(namespace) => namespace.inside(TcpSocket::new_v4)?.connect(address).await,
        }
    };
    let stream = match timeout(patience, connecting).await {
        Ok(connected) => connected.map_err(|source| ConnectError::Connect(address, source))?,
        Err(_) => return Err(ConnectError::TimedOut(address)),
    };
    // A failure to set it costs some milliseconds, not the connection.
    stream.set_nodelay(true).ok();
    Ok(stream)
}

/// Speaks TLS where the targets want it, and HTTP in the version that they want. The connection belongs to
/// a task of the current runtime, which ends with the last sender.
pub async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    protocol: TargetProtocol,
    version: ProtocolVersion,
    tls: &Arc<ClientConfig>,
) -> Result<Sender, ConnectError> {
    match protocol {
        TargetProtocol::Http | TargetProtocol::Tcp => speak(stream, address, version).await,
        TargetProtocol::Https | TargetProtocol::Tls => {
            let mut config = ClientConfig::clone(tls);
            config.alpn_protocols = match version {
                ProtocolVersion::Http1 => vec![b"http/1.1".to_vec()],
                ProtocolVersion::Http2 | ProtocolVersion::Grpc => vec![b"h2".to_vec()],
            };
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let name = ServerName::IpAddress(address.ip().into());
            let stream = connector.connect(name, stream).await;
            speak(stream.map_err(|error| ConnectError::Handshake(address, error.into()))?, address, version)
                .await
        }
    }
}

async fn speak<S>(stream: S, address: SocketAddr, version: ProtocolVersion) -> Result<Sender, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: hyper::Error| ConnectError::Handshake(address, error.into());
    let io = TokioIo::new(stream);
    match version {
        ProtocolVersion::Http1 => {
            let (sender, connection) = http1::handshake(io).await.map_err(failed)?;
            tokio::spawn(connection.with_upgrades());
            Ok(Sender::One(sender))
        }
        ProtocolVersion::Http2 | ProtocolVersion::Grpc => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new());
            builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 4);
            let (sender, connection) = builder.handshake(io).await.map_err(failed)?;
            tokio::spawn(connection);
            Ok(Sender::Two(sender))
        }
    }
}

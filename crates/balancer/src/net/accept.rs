//! An accepted connection: who is it for, and what does it speak?

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Version;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use wire::link::ListenerProtocol;

use super::counted::{Counted, Counts};
use super::greeting::{Ends, Greeting};
use super::stream::{carry_tcp, carry_tls};
use crate::http::{Client, Tls, serve};
use crate::shared::Shared;
use crate::sockets::Socket;
use crate::table::{Listener, Serving};

/// How long a client may take for its first byte where that decides, and for TLS's handshake.
const GREETING: Duration = Duration::from_secs(10);
/// The first byte of TLS.
const HANDSHAKE: u8 = 0x16;

/// Serves a connection until its end, on the worker where it is.
pub async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    socket: Arc<Socket>,
    worker: usize,
    shared: Arc<Shared>,
) {
    // A failure to set it costs some milliseconds, not the connection.
    stream.set_nodelay(true).ok();
    let serving = socket.serving.load_full();
    let open = shared.open();
    let since = Instant::now();
    let trace = BuildHasherDefault::<DefaultHasher>::default().hash_one((peer, since));
    if let Some(listener) = &serving.tcp {
        carry_tcp(stream, peer, listener, &socket, &shared).await;
        return;
    }
    let client = |tls: Option<Tls>| Client {
        shared: shared.clone(),
        socket: socket.clone(),
        peer,
        worker,
        noted: AtomicBool::new(tls.is_some()),
        tls,
        since,
        trace,
        _open: open,
    };
    if !is_tls(&stream, &serving).await {
        let Some(first) = serving.plain.first() else { return };
        let version = if first.prior_knowledge { Version::HTTP_2 } else { Version::HTTP_11 };
        serve(stream, client(None), version, idle(first)).await;
        return;
    }
    let (mut greeting, counts) = (Greeting::begin(), Arc::new(Counts::default()));
    let ends = Ends { client: peer, local: socket.place.address, trace };
    let greeted = timeout(GREETING, greet(stream, &serving, &mut greeting)).await.ok().flatten();
    let Some((stream, listener)) = greeted else {
        greeting.log(&shared, ends, &counts);
        return;
    };
    let facts = greeting.speaks(stream.get_ref().1, &listener);
    match listener.protocol {
        ListenerProtocol::Tls => {
            let stream = Counted::new(stream, counts.clone());
            carry_tls(stream, peer, &listener, &socket, &shared).await;
            greeting.log(&shared, ends, &counts);
        }
        ListenerProtocol::Https | ListenerProtocol::Http | ListenerProtocol::Tcp => {
            greeting.log(&shared, ends, &counts);
            let (_, tls) = stream.get_ref();
            let version = if tls.alpn_protocol() == Some(b"h2") { Version::HTTP_2 } else { Version::HTTP_11 };
            serve(stream, client(Some(facts)), version, idle(&listener)).await;
        }
    }
}

fn idle(listener: &Listener) -> Duration {
    Duration::from_secs(listener.attributes.idle_timeout_seconds.into())
}

/// A cipher suite as ELB names it: TLS 1.3's by IANA, the others by OpenSSL.
pub(super) fn cipher(suite: rustls::CipherSuite) -> String {
    let suite = suite.as_str().unwrap_or_default().replace("TLS13_", "TLS_");
    let Some((exchange, rest)) = suite.trim_start_matches("TLS_").split_once("_WITH_") else {
        return suite;
    };
    let rest = rest.replace("AES_", "AES").replace("POLY1305_SHA256", "POLY1305");
    format!("{exchange}-{rest}").replace('_', "-")
}

/// Whether the connection speaks TLS; looked at only where both are served.
async fn is_tls(stream: &TcpStream, serving: &Serving) -> bool {
    if serving.plain.is_empty() || serving.tls.is_empty() {
        return serving.plain.is_empty();
    }
    let mut first = [0];
    let peeked = timeout(GREETING, stream.peek(&mut first)).await;
    matches!(peeked, Ok(Ok(1))) && first == [HANDSHAKE]
}

/// Speaks TLS's first words: the server name chooses the listener, the listener the certificate.
async fn greet(
    stream: TcpStream,
    serving: &Serving,
    greeting: &mut Greeting,
) -> Option<(TlsStream<TcpStream>, Arc<Listener>)> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.ok()?;
    let listener = serving.secure(start.client_hello().server_name().unwrap_or_default())?.clone();
    greeting.hears(&start.client_hello(), &listener);
    let config = listener.tls.clone()?;
    match start.into_stream(config).await {
        Ok(stream) => Some((stream, listener)),
        Err(error) => {
            greeting.fails(&error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::CipherSuite;

    use super::*;

    #[test]
    fn names_of_ciphers_are_elbs() {
        for (suite, expected) in [
            (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
            (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
            (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ] {
            assert_eq!(cipher(suite), expected);
        }
    }
}

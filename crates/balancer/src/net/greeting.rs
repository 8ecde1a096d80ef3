//! TLS's first words with a client: who is meant, what was agreed on, and the lines that logs get of it.
//!
//! A connection of an application load balancer has a line in its connection log once it is made, or failed. One of a
//! network load balancer has a line in its access log once it has ended. Both are in ELB's format.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use rustls::ServerConnection;
use rustls::server::ClientHello;
use tokio::time::Instant;
use wire::link::{AccessLine, ListenerProtocol, LogKind};

use super::accept::cipher;
use super::counted::Counts;
use crate::http::{Tls, instant, millis};
use crate::shared::Shared;
use crate::table::Listener;

/// The ends of a connection, and its name in logs.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The client.
    pub client: SocketAddr,
    /// Where it came in.
    pub local: SocketAddr,
    /// Its name.
    pub trace: u64,
}

/// What is known of a handshake so far.
#[derive(Debug)]
pub struct Greeting {
    begun: SystemTime,
    since: Instant,
    took: Option<Duration>,
    listener: Option<Arc<Listener>>,
    server_name: Option<String>,
    offered: Vec<String>,
    spoken: Option<Spoken>,
    alert: Option<u8>,
}

#[derive(Debug)]
struct Spoken {
    version: String,
    cipher: String,
    exchange: String,
    protocol: Option<String>,
}

impl Greeting {
    /// A connection was accepted.
    pub fn begin() -> Greeting {
        Greeting {
            begun: SystemTime::now(),
            since: Instant::now(),
            took: None,
            listener: None,
            server_name: None,
            offered: Vec::new(),
            spoken: None,
            alert: None,
        }
    }

    /// The client has said whom it means.
    pub fn hears(&mut self, hello: &ClientHello<'_>, listener: &Arc<Listener>) {
        self.listener = Some(listener.clone());
        self.server_name = hello.server_name().map(str::to_owned);
        let offered = hello.alpn().into_iter().flatten();
        self.offered = offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    }

    /// The handshake came to nothing.
    pub fn fails(&mut self, error: &io::Error) {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = cause {
            self.alert = Some(u8::from(*alert));
        }
    }

    /// The handshake is done. Answers what requests are to know of it.
    pub fn speaks(&mut self, tls: &ServerConnection, listener: &Listener) -> Tls {
        self.took = Some(self.since.elapsed());
        let version = tls.protocol_version().and_then(|v| v.as_str()).unwrap_or_default().replace('_', ".");
        let suite = tls.negotiated_cipher_suite().map(|s| cipher(s.suite())).unwrap_or_default();
        let exchange = tls.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        self.spoken = Some(Spoken {
            version: version.clone(),
            cipher: suite.clone(),
            exchange: exchange.unwrap_or("-").to_owned(),
            protocol: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        });
        Tls { listener: listener.arn.clone(), server_name: self.server_name.clone(), version, cipher: suite }
    }

    /// Writes the line of a connection that is made or failed, or of a network load balancer's that is over.
    pub fn log(&self, shared: &Shared, ends: Ends, counts: &Counts) {
        let Some(listener) = &self.listener else { return };
        let (kind, wanted) = match listener.protocol {
            ListenerProtocol::Tls => (LogKind::Access, listener.attributes.access_log),
            ListenerProtocol::Http | ListenerProtocol::Https | ListenerProtocol::Tcp => {
                (LogKind::Connection, listener.attributes.connection_log)
            }
        };
        if wanted {
            let now = SystemTime::now();
            let line = match kind {
                LogKind::Access => self.access_line(listener, now, ends, counts),
                LogKind::Connection => self.connection_line(listener, now, ends),
            };
            push(shared, listener, kind, now, line);
        }
    }

    fn connection_line(&self, listener: &Listener, now: SystemTime, ends: Ends) -> String {
        let (version, cipher, exchange) = match &self.spoken {
            Some(spoken) => (&*spoken.version, &*spoken.cipher, &*spoken.exchange),
            None => ("-", "-", "-"),
        };
        let took = self.took.map_or("-".to_owned(), |took| format!("{:.3}", took.as_secs_f64()));
        let status = if self.spoken.is_some() { "Success" } else { "Failed:UnmappedConnectionError" };
        format!(
            "{} {} {} {} {version} {cipher} {took} \"-\" - - {status} TID_{:016x} {exchange}",
            instant(now),
            ends.client.ip(),
            ends.client.port(),
            listener.port,
            ends.trace,
        )
    }

    fn access_line(&self, listener: &Listener, now: SystemTime, ends: Ends, counts: &Counts) -> String {
        let seconds = |at: SystemTime| instant(at).split('.').next().unwrap_or_default().to_owned();
        let resource = listener.load_balancer.split_once("loadbalancer/").map_or("-", |(_, rest)| rest);
        let own = listener.arn.rsplit('/').next().unwrap_or("-");
        let took = self.took.map_or("-".to_owned(), |took| took.as_millis().to_string());
        let or_dash = |text: Option<&str>| text.map_or("-".to_owned(), encoded);
        let (cipher, version, protocol) = match &self.spoken {
            Some(it) => {
                (&*it.cipher, it.version.to_lowercase().replace(['.', '_'], ""), it.protocol.as_deref())
            }
            None => ("-", "-".to_owned(), None),
        };
        let offered: Vec<_> = self.offered.iter().map(|name| format!("\"{}\"", encoded(name))).collect();
        let offered = if offered.is_empty() { "-".to_owned() } else { offered.join(",") };
        format!(
            "tls 2.0 {} {resource} {own} {} {} {} {took} {} {} {} {} - {cipher} {version} - {} {} - {offered} {}",
            seconds(now),
            ends.client,
            ends.local,
            self.since.elapsed().as_millis(),
            counts.received.load(Ordering::Relaxed),
            counts.sent.load(Ordering::Relaxed),
            self.alert.map_or("-".to_owned(), |alert| alert.to_string()),
            listener.certificate(self.server_name.as_deref()).1,
            or_dash(self.server_name.as_deref()),
            or_dash(protocol),
            seconds(self.begun),
        )
    }
}

/// Writes the line of a connection without TLS.
pub fn log_plain(shared: &Shared, listener: &Listener, client: SocketAddr, trace: u64) {
    let now = SystemTime::now();
    let (address, port) = (client.ip(), client.port());
    let line =
        format!("{} {address} {port} {} - - - - - - - TID_{trace:016x} -", instant(now), listener.port);
    push(shared, listener, LogKind::Connection, now, line);
}

fn push(shared: &Shared, listener: &Listener, kind: LogKind, now: SystemTime, line: String) {
    let load_balancer = listener.load_balancer.clone();
    shared.access.push(AccessLine { load_balancer, kind, timestamp: millis(now), line });
}

/// What a client said, in a form that cannot break a line.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/*".contains(&byte);
    let encode = |byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_breaks_no_line() {
        assert_eq!(encoded("http/1.1"), "http/1.1");
        assert_eq!(encoded("a \"b\"\n"), "a%20%22b%22%0A");
    }
}

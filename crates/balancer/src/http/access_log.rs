//! A request's line in the access log, in ELB's format.
//!
//! The entry goes with the request and then with the response's body; when it is dropped, the line is written. So a
//! client that hangs up early is logged too, as ELB does it with status 460. Heads count as HTTP/1.1 writes them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use model::Timestamp;
use tokio::time::Instant;
use wire::link::{AccessLine, LogKind};

use super::Client;
use super::body::{Activity, BodyError, Download};
use super::headers::{TRACE_ID, wants_upgrade};
use crate::access::AccessLines;
use crate::group::{Group, Target};
use crate::rules::host_of;
use crate::table::Listener;

/// ELB's status for a client that went away.
const GONE: u16 = 460;

/// What a request's line will say; nothing where no log is wanted.
#[derive(Debug, Default)]
pub struct Log(Option<Box<Entry>>);

/// What is known of a request so far.
#[derive(Debug)]
struct Entry {
    lines: Arc<AccessLines>,
    load_balancer: String,
    kind: &'static str,
    client: SocketAddr,
    begun: SystemTime,
    since: Instant,
    request: String,
    user_agent: String,
    trace_id: String,
    tls: Option<SpokenTls>,
    connection: u64,
    priority: Option<u32>,
    action: &'static str,
    redirect: Option<String>,
    group: Option<String>,
    target: Option<SocketAddr>,
    sent_at: Option<Instant>,
    answered_at: Option<Instant>,
    target_status: Option<u16>,
    responded_at: Option<Instant>,
    status: u16,
    received: u64,
    upload: Option<Arc<Activity>>,
    sent: u64,
}

#[derive(Debug)]
struct SpokenTls {
    cipher: String,
    version: String,
    domain: Option<String>,
    certificate: String,
}

impl Log {
    /// Begins a line, if the load balancer wants any.
    pub fn begin(client: &Client, listener: &Listener, request: &Request<Incoming>) -> Log {
        if !listener.attributes.access_log {
            return Log(None);
        }
        let headers = request.headers();
        let (secure, version) = (client.tls.is_some(), request.version());
        let kind = match (secure, version == Version::HTTP_2) {
            (_, true) => "h2",
            (true, false) if wants_upgrade(version, headers) => "wss",
            (false, false) if wants_upgrade(version, headers) => "ws",
            (true, false) => "https",
            (false, false) => "http",
        };
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let host = host_of(request.uri(), headers).unwrap_or("-");
        let scheme = if secure { "https" } else { "http" };
        let text = |name| headers.get(name).map(|value: &http::HeaderValue| escaped(value.as_bytes()));
        Log(Some(Box::new(Entry {
            lines: client.shared.access.clone(),
            load_balancer: listener.load_balancer.clone(),
            kind,
            client: client.peer,
            begun: SystemTime::now(),
            since: Instant::now(),
            request: escaped(
                format!("{} {scheme}://{host}:{}{path} {version:?}", request.method(), listener.port)
                    .as_bytes(),
            ),
            user_agent: text(header::USER_AGENT).unwrap_or_else(|| "-".to_owned()),
            trace_id: text(TRACE_ID).unwrap_or_else(|| "-".to_owned()),
            tls: client.tls.as_ref().map(|tls| {
                let (domain, certificate) = listener.certificate(tls.server_name.as_deref());
                SpokenTls {
                    cipher: tls.cipher.clone(),
                    version: tls.version.clone(),
                    domain: domain.map(str::to_owned),
                    certificate: certificate.to_owned(),
                }
            }),
            connection: client.trace,
            priority: None,
            action: "-",
            redirect: None,
            group: None,
            target: None,
            sent_at: None,
            answered_at: None,
            target_status: None,
            responded_at: None,
            status: GONE,
            received: (request.method().as_str().len() + path.len() + " HTTP/1.1".len() + 3) as u64
                + head_bytes(headers),
            upload: None,
            sent: 0,
        })))
    }

    /// A rule was found; 0 is the default's priority.
    pub fn decides(&mut self, priority: u32, action: &'static str) {
        self.note(|entry| (entry.priority, entry.action) = (Some(priority), action));
    }

    /// The client is sent elsewhere.
    pub fn redirects(&mut self, location: &str) {
        self.note(|entry| entry.redirect = Some(escaped(location.as_bytes())));
    }

    /// A target group was chosen.
    pub fn chooses(&mut self, group: &Group) {
        self.note(|entry| {
            entry.group = Some(group.route.arn.clone());
            if entry.kind == "h2" && group.route.protocol_version == wire::link::ProtocolVersion::Grpc {
                entry.kind = "grpcs";
            }
        });
    }

    /// The request got its last headers.
    pub fn prepares(&mut self, headers: &HeaderMap, upload: Option<Arc<Activity>>) {
        self.note(|entry| {
            entry.upload = upload;
            if let Some(value) = headers.get(TRACE_ID) {
                entry.trace_id = escaped(value.as_bytes());
            }
        });
    }

    /// A target is going to be asked.
    pub fn picks(&mut self, target: &Target) {
        self.note(|entry| (entry.target, entry.sent_at) = (Some(target.address), None));
    }

    /// The request begins to be sent.
    pub fn sends(&mut self) {
        self.note(|entry| entry.sent_at = Some(Instant::now()));
    }

    /// The target has answered.
    pub fn answers(&mut self, status: StatusCode) {
        self.note(|entry| {
            (entry.answered_at, entry.target_status) = (Some(Instant::now()), Some(status.as_u16()));
        });
    }

    /// The response is ready: the line is written behind its last byte.
    pub fn follow(mut self, response: Response<Download>) -> Response<Download> {
        let Some(mut entry) = self.0.take() else { return response };
        let status = response.status();
        entry.responded_at = Some(Instant::now());
        entry.status = status.as_u16();
        let reason = status.canonical_reason().unwrap_or_default().len();
        entry.sent = ("HTTP/1.1 200 \r\n".len() + reason) as u64 + head_bytes(response.headers());
        response.map(|body| Download::Logged(Box::new(Logged { body, entry })))
    }

    fn note(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.0 {
            change(entry);
        }
    }
}

/// A response's body whose bytes are counted.
#[derive(Debug)]
pub struct Logged {
    /// The body.
    pub body: Download,
    entry: Box<Entry>,
}

impl Logged {
    /// The next part of the body.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.entry.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    /// What is known of its size.
    pub fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let now = SystemTime::now();
        let line = self.line(now);
        let load_balancer = std::mem::take(&mut self.load_balancer);
        self.lines.push(AccessLine { load_balancer, kind: LogKind::Access, timestamp: millis(now), line });
    }
}

impl Entry {
    fn line(&self, now: SystemTime) -> String {
        let seconds = |from: Option<Instant>, to: Option<Instant>| match (from, to, self.answered_at) {
            (Some(from), Some(to), Some(_)) => {
                format!("{:.3}", to.saturating_duration_since(from).as_secs_f64())
            }
            _ => "-1".to_owned(),
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let target = or_dash(self.target.map(|target| target.to_string()));
        let target_status = or_dash(self.target_status.map(|status| status.to_string()));
        let received = self.received + self.upload.as_ref().map_or(0, |upload| upload.bytes());
        let resource = self.load_balancer.split_once("loadbalancer/").map_or("-", |(_, resource)| resource);
        let (cipher, version, domain, certificate) = match &self.tls {
            Some(tls) => {
                (&*tls.cipher, &*tls.version, tls.domain.as_deref().unwrap_or("-"), &*tls.certificate)
            }
            None => ("-", "-", "-", "-"),
        };
        let mut line = String::with_capacity(512);
        // Writing to a String never fails.
        let _ = write!(
            line,
            "{} {} {resource} {} {target} {} {} {} {} {target_status} {received} {} \"{}\" \"{}\" {cipher} {version} {} \
             \"{}\" \"{domain}\" \"{certificate}\" {} {} \"{}\" \"{}\" \"-\" \"{target}\" \"{target_status}\" \"-\" \"-\" \
             TID_{:016x} \"-\" \"-\" \"-\"",
            self.kind,
            instant(now),
            self.client,
            seconds(Some(self.since), self.sent_at),
            seconds(self.sent_at, self.answered_at),
            seconds(self.answered_at, self.responded_at),
            self.status,
            self.sent,
            self.request,
            self.user_agent,
            self.group.as_deref().unwrap_or("-"),
            self.trace_id,
            self.priority.map_or(-1, i64::from),
            instant(self.begun),
            self.action,
            self.redirect.as_deref().unwrap_or("-"),
            self.connection,
        );
        line
    }
}

/// Epoch milliseconds.
pub fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(since).unwrap_or(i64::MAX)
}

/// ISO 8601 with microseconds.
pub fn instant(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = Timestamp::from_millis(millis(at)).to_string();
    format!("{}{:03}Z", millis.trim_end_matches('Z'), since.subsec_micros() % 1000)
}

/// The bytes of headers, with the empty line behind them.
fn head_bytes(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum::<u64>() + 2
}

/// Text between quotation marks: what would end or garble it is written as `\xNN`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                let _ = write!(text, "\\x{byte:02x}");
            }
            _ => text.push(char::from(byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_line() {
        assert_eq!(escaped(b"a\"b\\c\nd\xffe"), "a\\x22b\\x5cc\\x0ad\\xffe");
    }

    #[test]
    fn times_have_microseconds() {
        let at = UNIX_EPOCH + std::time::Duration::from_micros(1_700_000_000_123_456);
        assert_eq!(instant(at), "2023-11-14T22:13:20.123456Z");
    }
}

//! `splunk`: Splunk's HTTP event collector, in the three formats of Docker's driver.
//!
//! As there, messages that the collector does not take are tried again every five seconds, and the container never waits:
//! while [`WAITING_LIMIT`] messages wait, new ones are dropped (Docker drops the oldest).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::ecs::log_options;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING};
use reqwest::{Certificate, Client, Method, Url};
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::message::Message;
use super::super::subject::Origin;
use super::super::values;
use super::{Lost, Receiver, known, random_id};

/// Docker keeps ten batches.
pub(super) const WAITING_LIMIT: u64 = 10_000;
const PATH: &str = "/services/collector/event/1.0";
const POST_TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_PAUSE: Duration = Duration::from_secs(5);
const BATCH_MESSAGES: usize = 1000;
/// How much of a refusal is repeated.
const ANSWER_LIMIT: usize = 1024;
const LEVEL_OF_FLATE: u32 = 6;

/// How a line is put into an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Inline,
    Json,
    Raw,
}

/// The options.
#[derive(Clone, PartialEq)]
pub(in crate::logs) struct Options {
    url: Url,
    token: String,
    source: String,
    source_type: String,
    index: String,
    format: Format,
    gzip_level: Option<u32>,
    acknowledged: bool,
    verify: bool,
    skip_certificate: bool,
    ca_path: Option<PathBuf>,
    ca_name: Option<String>,
}

/// Without the token.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url.as_str())
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Reads the options; an error is Docker's text.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Options, String> {
        known("splunk", options, &log_options::SPLUNK)?;
        let option = |name: &str| options.get(name).map(String::as_str);
        let text = |name: &str| option(name).unwrap_or_default().to_string();
        let truth = |name: &str, default: bool| option(name).map_or(Ok(default), values::boolean);
        let url = parse_url(option("splunk-url").ok_or("splunk: splunk-url is expected")?)?;
        let token = option("splunk-token").ok_or("splunk: splunk-token is expected")?.to_string();
        let level = option("splunk-gzip-level").map_or(Ok(LEVEL_OF_FLATE), parse_level)?;
        Ok(Options {
            url,
            token,
            source: text("splunk-source"),
            source_type: text("splunk-sourcetype"),
            index: text("splunk-index"),
            format: match option("splunk-format").unwrap_or("inline") {
                "inline" => Format::Inline,
                "json" => Format::Json,
                "raw" => Format::Raw,
                other => {
                    return Err(format!(
                        "unknown format specified {other}, supported formats are inline, json and raw"
                    ));
                }
            },
            gzip_level: truth("splunk-gzip", false)?.then_some(level),
            acknowledged: truth("splunk-index-acknowledgment", false)?,
            verify: truth("splunk-verify-connection", true)?,
            skip_certificate: truth("splunk-insecureskipverify", false)?,
            ca_path: option("splunk-capath").map(PathBuf::from),
            ca_name: option("splunk-caname").map(ToString::to_string),
        })
    }

    /// Asks the collector whether it is there.
    pub(super) async fn check(&self) -> Result<(), String> {
        let collector = Collector::new(self).await?;
        if !self.verify {
            return Ok(());
        }
        let request = collector.request(Method::OPTIONS).timeout(POST_TIMEOUT);
        accepted(request.send().await, "failed to verify connection").await
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let expected = || "splunk: expected format scheme://dns_name_or_ip:port for splunk-url".to_string();
    let mut url =
        Url::parse(text).map_err(|_| format!("splunk: failed to parse {text} as url value in splunk-url"))?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !matches!(url.scheme(), "http" | "https") {
        return Err(expected());
    }
    url.set_path(PATH);
    Ok(url)
}

fn parse_level(text: &str) -> Result<u32, String> {
    match text.parse::<i32>() {
        Ok(-1) => Ok(LEVEL_OF_FLATE),
        Ok(level @ 0..=9) => Ok(level.unsigned_abs()),
        Ok(_) | Err(_) => Err(format!(
            "not supported level '{text}' for splunk-gzip-level (supported values between -1 and 9)"
        )),
    }
}

/// A client of one collector.
struct Collector {
    client: Client,
    url: Url,
    authorization: String,
    /// The host that is asked for where the certificate has another name.
    host: Option<String>,
}

impl Collector {
    async fn new(options: &Options) -> Result<Collector, String> {
        static PROVIDER: Once = Once::new();
        // Fails only when the binary has installed one already, which serves as well.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let mut builder = Client::builder().redirect(reqwest::redirect::Policy::none());
        builder = builder.tls_danger_accept_invalid_certs(options.skip_certificate);
        if let Some(path) = &options.ca_path {
            let pem =
                tokio::fs::read(path).await.map_err(|error| format!("open {}: {error}", path.display()))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())?;
            builder = builder.tls_certs_only(found);
        }
        let (mut url, mut host) = (options.url.clone(), None);
        if let Some(name) = &options.ca_name {
            let asked = url.host_str().unwrap_or_default().to_string();
            let at = format!("{asked}:{}", url.port_or_known_default().unwrap_or(443));
            let address =
                tokio::net::lookup_host(&at).await.map_err(|_| format!("lookup {asked}: no such host"))?;
            builder = builder.resolve_to_addrs(name, &address.collect::<Vec<_>>());
            url.set_host(Some(name)).map_err(|error| format!("splunk-caname: {error}"))?;
            host = Some(asked);
        }
        let client = builder.build().map_err(|error| error.to_string())?;
        Ok(Collector { client, url, authorization: format!("Splunk {}", options.token), host })
    }

    fn request(&self, method: Method) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url.clone());
        match &self.host {
            Some(host) => request.header(reqwest::header::HOST, host),
            None => request,
        }
    }
}

async fn accepted(answer: reqwest::Result<reqwest::Response>, what: &str) -> Result<(), String> {
    let answer = answer.map_err(|error| crate::task::error_chain(&error))?;
    let status = answer.status();
    if status == reqwest::StatusCode::OK {
        return Ok(());
    }
    let mut text = answer.text().await.unwrap_or_default();
    let end = (0..=ANSWER_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    Err(format!("splunk: {what} - {status} - {text}"))
}

#[derive(Serialize)]
struct Envelope<'a, E: Serialize> {
    event: E,
    time: String,
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    source: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sourcetype: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    index: &'a str,
}

#[derive(Serialize)]
struct Event<'a, L: Serialize> {
    line: L,
    source: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    tag: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attrs: &'a BTreeMap<String, String>,
}

/// The way to a collector.
pub(super) struct Splunk {
    options: Options,
    origin: Origin,
    collector: Option<Collector>,
}

impl Splunk {
    pub(super) fn new(options: &Options, origin: &Origin) -> Splunk {
        Splunk { options: options.clone(), origin: origin.clone(), collector: None }
    }

    /// Appends the event of a message; the collector takes no empty ones in the raw format.
    fn encode(&self, message: &Message, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let (text, origin) = (message.text(), &self.origin);
        match self.options.format {
            Format::Raw if text.trim().is_empty() => Ok(()),
            Format::Raw => {
                let mut event = String::new();
                if !origin.tag.is_empty() {
                    event += &format!("{} ", origin.tag);
                }
                for (name, value) in &origin.attributes {
                    event += &format!("{name}={value} ");
                }
                self.envelope(message, event + &text, out)
            }
            Format::Json => match serde_json::from_str::<&RawValue>(&text) {
                Ok(json) => self.envelope(message, self.event(message, json), out),
                Err(_no_json) => self.envelope(message, self.event(message, text), out),
            },
            Format::Inline => self.envelope(message, self.event(message, text), out),
        }
    }

    fn event<'a, L: Serialize>(&'a self, message: &Message, line: L) -> Event<'a, L> {
        Event { line, source: message.source(), tag: &self.origin.tag, attrs: &self.origin.attributes }
    }

    fn envelope(
        &self,
        message: &Message,
        event: impl Serialize,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let envelope = Envelope {
            event,
            time: format!("{:.6}", message.timestamp as f64 / 1000.0),
            host: &self.origin.hostname,
            source: &self.options.source,
            sourcetype: &self.options.source_type,
            index: &self.options.index,
        };
        serde_json::to_writer(out, &envelope)
    }

    async fn post(&mut self, body: &[u8]) -> Result<(), String> {
        if self.collector.is_none() {
            self.collector = Some(Collector::new(&self.options).await?);
        }
        let Some(collector) = &self.collector else { return Ok(()) };
        let mut request = collector.request(Method::POST).timeout(POST_TIMEOUT);
        request = request.header(AUTHORIZATION, &collector.authorization);
        if self.options.acknowledged {
            request = request.header("X-Splunk-Request-Channel", channel());
        }
        if self.options.gzip_level.is_some() {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        accepted(request.body(body.to_vec()).send().await, "failed to send event").await
    }
}

/// A random UUID.
fn channel() -> String {
    let (a, b) = (random_id(), random_id());
    format!("{}-{}-4{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..])
}

fn packed(bytes: Vec<u8>, level: Option<u32>) -> std::io::Result<Vec<u8>> {
    let Some(level) = level else { return Ok(bytes) };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(&bytes)?;
    encoder.finish()
}

#[async_trait]
impl Receiver for Splunk {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        for batch in messages.chunks(BATCH_MESSAGES) {
            let mut bytes = Vec::new();
            let lost = |cause: String| Lost { messages: batch.len(), cause };
            for message in batch {
                self.encode(message, &mut bytes).map_err(|error| lost(error.to_string()))?;
            }
            if bytes.is_empty() {
                continue;
            }
            let body = packed(bytes, self.options.gzip_level).map_err(|error| lost(error.to_string()))?;
            while let Err(error) = self.post(&body).await {
                tracing::warn!(error, "Splunk does not take a container's lines");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::frame::Stream;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    const GOOD: [(&str, &str); 2] = [("splunk-url", "http://h:8088"), ("splunk-token", "t")];

    fn check(format: &str, line: &str, expected: &str) {
        let options =
            options(&[GOOD[0], GOOD[1], ("splunk-format", format), ("splunk-index", "main")]).unwrap();
        let attributes = BTreeMap::from([("a".into(), "b".into())]);
        let origin = Origin { hostname: "host".into(), tag: "tag".into(), attributes, ..Origin::default() };
        let message =
            Message { timestamp: 1_500, stream: Stream::Stdout, line: line.to_string().into(), part: None };
        let mut found = Vec::new();
        Splunk::new(&options, &origin).encode(&message, &mut found).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    #[test]
    fn formats_are_dockers() {
        let rest = r#""time":"1.500000","host":"host","index":"main"}"#;
        let event = |line: &str| {
            format!(r#"{{"event":{{"line":{line},"source":"stdout","tag":"tag","attrs":{{"a":"b"}}}},{rest}"#)
        };
        check("inline", r#"{"x": 1}"#, &event(r#""{\"x\": 1}""#));
        check("json", r#"{"x": 1}"#, &event(r#"{"x": 1}"#));
        check("json", "text", &event(r#""text""#));
        check("raw", "text", &format!(r#"{{"event":"tag a=b text",{rest}"#));
        check("raw", "  ", "");
    }

    #[test]
    fn nonsense_is_refused_in_dockers_words() {
        assert_eq!(options(&[]).unwrap_err(), "splunk: splunk-url is expected");
        assert_eq!(options(&GOOD[..1]).unwrap_err(), "splunk: splunk-token is expected");
        let why = options(&[("splunk-url", "http://h:1/path"), GOOD[1]]).unwrap_err();
        assert_eq!(why, "splunk: expected format scheme://dns_name_or_ip:port for splunk-url");
        let why = options(&[GOOD[0], GOOD[1], ("splunk-format", "xml")]).unwrap_err();
        assert_eq!(why, "unknown format specified xml, supported formats are inline, json and raw");
        assert!(options(&[GOOD[0], GOOD[1], ("splunk-gzip-level", "11")]).is_err());
        assert_eq!(channel().len(), 36);
        assert!(!format!("{:?}", options(&GOOD).unwrap()).contains("\"t\""));
    }
}

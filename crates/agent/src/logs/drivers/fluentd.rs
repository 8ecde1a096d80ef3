//! `fluentd`: Fluentd's forward protocol over TCP or a unix socket, as Docker's driver speaks it.
//!
//! A driver that is not asynchronous needs its receiver when the container starts; later both wait for it and try again,
//! the more rarely the longer it is away. An asynchronous one starts without, and new messages are dropped when more than
//! `fluentd-buffer-limit` wait. FireLens is this driver with a socket of the task's own.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use model::ecs::log_options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::message::Message;
use super::super::subject::Origin;
use super::super::values;
use super::dial::{self, Address, Connection, Stream, dial};
use super::{Lost, Receiver, known, msgpack, random_bytes};

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 24224;
/// Docker's `fluentd-buffer-limit`: messages, though written as a size.
const DEFAULT_BUFFER_LIMIT: u64 = 1 << 20;
/// What the client library makes of a limit of nothing.
const ZERO_BUFFER_LIMIT: u64 = 8 << 10;
const DEFAULT_MAX_RETRIES: u32 = i32::MAX as u32;
const DEFAULT_RETRY_WAIT: Duration = Duration::from_secs(1);
const RETRY_WAIT_LIMIT: Duration = Duration::from_secs(60);
/// Messages are written together up to this size; after an error all of them are written again.
const WRITE_BYTES: usize = 64 << 10;

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::logs) struct Options {
    address: Address,
    is_async: bool,
    /// Zero for never.
    reconnect_after: Duration,
    buffer_limit: u64,
    max_retries: u32,
    retry_wait: Duration,
    sub_second: bool,
    request_ack: bool,
    /// Zero for none.
    write_timeout: Duration,
    read_timeout: Duration,
}

impl Options {
    /// Reads the options; an error is Docker's text.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Options, String> {
        known("fluentd", options, &log_options::FLUENTD)?;
        let option = |name: &str| options.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let truth = |name: &str| option(name).map_or(Ok(false), values::boolean);
        let time = |name: &str| option(name).map_or(Ok(Duration::ZERO), values::duration);
        let address = options.get("fluentd-address").map_or("", String::as_str);
        let reconnect = "fluentd-async-reconnect-interval";
        let reconnect_after = time(reconnect)?;
        let bounds = Duration::from_millis(100)..=Duration::from_secs(10);
        if !reconnect_after.is_zero() && !bounds.contains(&reconnect_after) {
            let given = option(reconnect).unwrap_or_default();
            return Err(format!(
                "invalid value for {reconnect}: value ({given:?}) must be between 100ms and 10s"
            ));
        }
        let max_retries = option("fluentd-max-retries").map_or(Ok(DEFAULT_MAX_RETRIES), values::number)?;
        if max_retries > DEFAULT_MAX_RETRIES {
            return Err("invalid fluentd-max-retries: value out of range".into());
        }
        Ok(Options {
            address: parse_address(address)
                .map_err(|e| format!("invalid fluentd-address ({address}): {e}"))?,
            is_async: truth("fluentd-async")? || truth("fluentd-async-connect")?,
            reconnect_after,
            buffer_limit: match option("fluentd-buffer-limit").map(values::memory_size).transpose()? {
                None => DEFAULT_BUFFER_LIMIT,
                Some(0) => ZERO_BUFFER_LIMIT,
                Some(limit) => limit,
            },
            max_retries,
            retry_wait: option("fluentd-retry-wait").map_or(Ok(DEFAULT_RETRY_WAIT), values::duration)?,
            sub_second: truth("fluentd-sub-second-precision")?,
            request_ack: truth("fluentd-request-ack")?,
            write_timeout: time("fluentd-write-timeout")?,
            read_timeout: time("fluentd-read-timeout")?,
        })
    }

    /// Connects, unless the driver may do so later.
    pub(super) async fn check(&self) -> Result<(), String> {
        if self.is_async { Ok(()) } else { dial(&self.address).await.map(drop) }
    }

    /// How many messages may wait in an asynchronous driver.
    pub(super) fn waiting_limit(&self) -> Option<u64> {
        self.is_async.then_some(self.buffer_limit)
    }
}

/// Deviation: TLS (`tls://`) is refused.
fn parse_address(address: &str) -> Result<Address, String> {
    let (scheme, rest) = dial::scheme(address).unwrap_or(("tcp", address));
    match scheme {
        "unix" if rest.trim_matches('/').is_empty() => Err("path is empty".into()),
        "unix" => Ok(Address::Unix(rest.into())),
        "tcp" if rest.contains('/') => Err("should not contain a path element".into()),
        "tcp" => dial::host_port(rest, DEFAULT_HOST, Some(DEFAULT_PORT)).map(Address::Tcp),
        other => Err(format!("unsupported scheme: '{other}'")),
    }
}

/// A connection to Fluentd, made when it is needed.
pub(super) struct Fluentd {
    options: Options,
    tag: String,
    /// What every record has, encoded.
    fixed: Vec<u8>,
    fixed_fields: usize,
    connection: Option<(Box<dyn Stream>, tokio::time::Instant)>,
}

impl Fluentd {
    pub(super) fn new(options: &Options, origin: &Origin) -> Fluentd {
        let mut fields = BTreeMap::from([
            ("container_id".to_string(), origin.id.clone()),
            ("container_name".to_string(), format!("/{}", origin.name)),
        ]);
        fields.extend(origin.attributes.clone());
        let mut fixed = Vec::new();
        for (name, value) in &fields {
            msgpack::string(name.as_bytes(), &mut fixed);
            msgpack::string(value.as_bytes(), &mut fixed);
        }
        let fixed_fields = fields.len();
        Fluentd { options: options.clone(), tag: origin.tag.clone(), fixed, fixed_fields, connection: None }
    }

    /// `[tag, time, record, option]`.
    fn encode(&self, message: &Message, ack: Option<&str>, out: &mut Vec<u8>) {
        msgpack::array(4, out);
        msgpack::string(self.tag.as_bytes(), out);
        if self.options.sub_second {
            msgpack::event_time(message.timestamp, out);
        } else {
            msgpack::integer(message.timestamp.div_euclid(1000), out);
        }
        let parts = if message.part.is_some() { 4 } else { 0 };
        msgpack::map(self.fixed_fields + 2 + parts, out);
        out.extend_from_slice(&self.fixed);
        let mut field = |name: &str, value: &[u8]| {
            msgpack::string(name.as_bytes(), out);
            msgpack::string(value, out);
        };
        field("source", message.source().as_bytes());
        field("log", &message.line);
        if let Some(part) = &message.part {
            field("partial_message", b"true");
            field("partial_id", part.id.as_bytes());
            field("partial_ordinal", part.ordinal.to_string().as_bytes());
            field("partial_last", if part.is_last { b"true" } else { b"false" });
        }
        msgpack::map(usize::from(ack.is_some()), out);
        if let Some(ack) = ack {
            msgpack::string(b"chunk", out);
            msgpack::string(ack.as_bytes(), out);
        }
    }

    /// Writes until it is written, as often as the options allow.
    async fn write(&mut self, bytes: &[u8], ack: Option<&str>) -> Result<(), String> {
        let mut attempts = 0;
        loop {
            self.connect().await?;
            match self.attempt(bytes, ack).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::debug!(error, "Fluentd does not take a container's lines");
                    self.connection = None;
                }
            }
            attempts += 1;
            if attempts >= self.options.max_retries {
                return Err(format!("fluent#write: failed to write after {attempts} attempts"));
            }
        }
    }

    async fn connect(&mut self) -> Result<(), String> {
        let again = self.options.reconnect_after;
        let is_old =
            |at: &tokio::time::Instant| self.options.is_async && !again.is_zero() && at.elapsed() > again;
        if self.connection.as_ref().is_some_and(|(_, at)| is_old(at)) {
            self.connection = None;
        }
        if let Some((stream, _)) = &mut self.connection
            && !self.options.request_ack
            && dial::has_hung_up(stream).await
        {
            self.connection = None;
        }
        let mut attempts = 0u32;
        while self.connection.is_none() {
            match dial(&self.options.address).await {
                Ok(Connection::Stream(stream)) => {
                    self.connection = Some((stream, tokio::time::Instant::now()));
                    return Ok(());
                }
                Ok(Connection::Udp(_) | Connection::Unix(_)) => {
                    return Err("fluent#write: the address is no stream".into());
                }
                Err(error) => tracing::debug!(error, "Fluentd is away"),
            }
            if attempts >= self.options.max_retries {
                return Err(format!("fluent#write: could not connect to fluentd after {attempts} retries"));
            }
            tokio::time::sleep(pause(self.options.retry_wait, attempts)).await;
            attempts += 1;
        }
        Ok(())
    }

    async fn attempt(&mut self, bytes: &[u8], ack: Option<&str>) -> Result<(), String> {
        let Some((stream, _)) = &mut self.connection else { return Err("there is no connection".into()) };
        let written = limited(self.options.write_timeout, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        });
        written.await?;
        let Some(ack) = ack else { return Ok(()) };
        let mut answer = Vec::new();
        loop {
            if limited(self.options.read_timeout, stream.read_buf(&mut answer)).await? == 0 {
                return Err("the connection was closed before an acknowledgement".into());
            }
            match msgpack::acknowledged(&answer)? {
                Some(found) if found == ack => return Ok(()),
                Some(found) => {
                    return Err(format!("message ack ({found}) doesn't match expected one ({ack})"));
                }
                None => {}
            }
        }
    }
}

#[async_trait]
impl Receiver for Fluentd {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        let mut lost: Option<Lost> = None;
        let mut rest = messages;
        while !rest.is_empty() {
            let (mut bytes, mut count) = (Vec::new(), 0);
            // The receiver acknowledges each message by itself, as Docker's driver asks it to.
            let ack = self
                .options
                .request_ack
                .then(|| base64::engine::general_purpose::STANDARD.encode(random_bytes::<16>()));
            while count < rest.len() && bytes.len() < WRITE_BYTES && (ack.is_none() || count == 0) {
                self.encode(&rest[count], ack.as_deref(), &mut bytes);
                count += 1;
            }
            if let Err(cause) = self.write(&bytes, ack.as_deref()).await {
                let before = lost.map_or(0, |lost| lost.messages);
                lost = Some(Lost { messages: before + count, cause });
            }
            rest = &rest[count..];
        }
        lost.map_or(Ok(()), Err)
    }
}

/// The wait after a failed attempt: half as long again each time, in whole waits.
fn pause(wait: Duration, attempts: u32) -> Duration {
    let factor = 1.5f64.powi(i32::try_from(attempts).unwrap_or(i32::MAX) - 1).min(1e6) as u32;
    // The first attempt is repeated at once; that one must not spin even where no wait is asked for.
    (wait * factor).clamp(Duration::from_millis(1), RETRY_WAIT_LIMIT)
}

async fn limited<T>(limit: Duration, work: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    if limit.is_zero() {
        return work.await.map_err(|error| error.to_string());
    }
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("i/o timeout".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::frame::Stream as Source;
    use crate::logs::message::Part;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn addresses_are_dockers() {
        let address = |text: &str| options(&[("fluentd-address", text)]).map(|options| options.address);
        assert_eq!(address(""), Ok(Address::Tcp("127.0.0.1:24224".into())));
        assert_eq!(address("tcp://logs"), Ok(Address::Tcp("logs:24224".into())));
        assert_eq!(address("logs:1"), Ok(Address::Tcp("logs:1".into())));
        assert_eq!(address("unix:///run/f.sock"), Ok(Address::Unix("/run/f.sock".into())));
        for (text, why) in [
            ("unix:///", "path is empty"),
            ("tcp://a/b", "should not contain a path element"),
            ("udp://a", "unsupported scheme: 'udp'"),
        ] {
            assert_eq!(address(text), Err(format!("invalid fluentd-address ({text}): {why}")));
        }
    }

    #[test]
    fn nonsense_is_refused_in_dockers_words() {
        let why = |name, value| options(&[(name, value)]).unwrap_err();
        assert_eq!(why("fluentd-colour", "red"), "unknown log opt 'fluentd-colour' for fluentd log driver");
        assert_eq!(why("fluentd-async", "maybe"), "strconv.ParseBool: parsing \"maybe\": invalid syntax");
        assert_eq!(why("fluentd-retry-wait", "5"), "time: missing unit in duration \"5\"");
        assert!(why("fluentd-async-reconnect-interval", "1h").contains("must be between 100ms and 10s"));
    }

    #[test]
    fn waits_grow_to_a_minute() {
        let millis = |attempts| pause(Duration::from_secs(1), attempts).as_millis();
        assert_eq!([0, 1, 2, 3, 4, 20].map(millis), [1, 1000, 1000, 2000, 3000, 60_000]);
    }

    #[test]
    fn a_message_is_tag_time_record_option() {
        let origin = Origin { id: "i".into(), name: "n".into(), tag: "t".into(), ..Origin::default() };
        let fluentd = Fluentd::new(&options(&[]).unwrap(), &origin);
        let message = Message { timestamp: 2000, stream: Source::Stderr, line: "hi".into(), part: None };
        let mut found = Vec::new();
        fluentd.encode(&message, None, &mut found);
        let expected = b"\x94\xa1t\xd3\0\0\0\0\0\0\0\x02\x84\xaccontainer_id\xa1i\xaecontainer_name\xa2/n\xa6source\xa6stderr\xa3log\xa2hi\x80";
        assert_eq!(found, expected);
        let part = Some(Part { id: "p".into(), ordinal: 1, is_last: false });
        let mut found = Vec::new();
        fluentd.encode(&Message { part, ..message }, Some("a"), &mut found);
        let tail = b"\xafpartial_message\xa4true\xaapartial_id\xa1p\xafpartial_ordinal\xa11\xacpartial_last\xa5false\x81\xa5chunk\xa1a";
        assert!(found.ends_with(tail));
    }
}

//! `gelf`: Graylog's extended log format over UDP, compressed and in chunks, or over TCP.
//!
//! As in Docker's driver nobody is missed over UDP; over TCP a message is tried again over
//! `gelf-tcp-max-reconnect` new connections, and then lost.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;

use super::super::frame::Stream;
use model::ecs::log_options;

use super::super::message::Message;
use super::super::subject::Origin;
use super::dial::{self, Address, Connection, dial};
use super::{Lost, Receiver, known, random_bytes};

const CHUNK_BYTES: usize = 1420;
const CHUNK_HEADER_BYTES: usize = 12;
const CHUNKS_LIMIT: usize = 128;
/// Go's names for it: flate.BestSpeed is Docker's default, and -1 flate's own.
const DEFAULT_LEVEL: u32 = 1;
const LEVEL_OF_FLATE: u32 = 6;
const LEVEL_ERROR: u8 = 3;
const LEVEL_INFO: u8 = 6;

/// How a message is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compress {
    Gzip(u32),
    Zlib(u32),
    None,
}

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::logs) struct Options {
    transport: Transport,
}

#[derive(Clone, Debug, PartialEq)]
enum Transport {
    Udp { to: Address, compress: Compress },
    Tcp { to: Address, max_reconnect: u32, delay: Duration },
}

impl Options {
    /// Reads the options; an error is Docker's text.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Options, String> {
        let option = |name: &str| options.get(name).map(String::as_str);
        let address = option("gelf-address").filter(|text| !text.is_empty());
        let address = address.ok_or("gelf-address is a required parameter")?;
        let (scheme, rest) = dial::scheme(address).ok_or("gelf: endpoint needs to be TCP or UDP")?;
        if scheme != "udp" && scheme != "tcp" {
            return Err("gelf: endpoint needs to be TCP or UDP".into());
        }
        let at = dial::host_port(rest.trim_end_matches('/'), "", None)
            .map_err(|_| "gelf: please provide gelf-address as proto://host:port")?;
        known("gelf", options, &log_options::GELF).map_err(|text| text.replace('\'', "\""))?;
        let transport = match scheme {
            "udp" => {
                let of_tcp = ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"];
                if let Some(name) = of_tcp.iter().find(|name| options.contains_key(**name)) {
                    return Err(format!("{name:?} is only valid for TCP"));
                }
                let level = option("gelf-compression-level").map_or(Ok(DEFAULT_LEVEL), parse_level)?;
                Transport::Udp {
                    to: Address::Udp(at),
                    compress: match option("gelf-compression-type").unwrap_or("gzip") {
                        "gzip" => Compress::Gzip(level),
                        "zlib" => Compress::Zlib(level),
                        "none" => Compress::None,
                        other => return Err(unknown(other, "gelf-compression-type")),
                    },
                }
            }
            _ => {
                let of_udp = ["gelf-compression-level", "gelf-compression-type"];
                if of_udp.iter().any(|name| options.contains_key(*name)) {
                    return Err("compression is only supported on UDP".into());
                }
                let number = |name: &str, default: u32| {
                    let parse =
                        |text: &str| text.parse().map_err(|_| format!("{name:?} must be a positive integer"));
                    option(name).map_or(Ok(default), parse)
                };
                Transport::Tcp {
                    to: Address::Tcp(at),
                    max_reconnect: number("gelf-tcp-max-reconnect", 3)?,
                    delay: Duration::from_secs(number("gelf-tcp-reconnect-delay", 1)?.into()),
                }
            }
        };
        Ok(Options { transport })
    }

    /// Connects; over UDP that looks the name up.
    pub(super) async fn check(&self) -> Result<(), String> {
        let (Transport::Udp { to, .. } | Transport::Tcp { to, .. }) = &self.transport;
        let (Address::Tcp(at) | Address::Udp(at)) = to else { return Ok(()) };
        let failed = |error| format!("gelf: cannot connect to GELF endpoint: {at} {error}");
        dial(to).await.map(drop).map_err(failed)
    }
}

fn parse_level(text: &str) -> Result<u32, String> {
    match text.parse::<i32>() {
        Ok(-1) => Ok(LEVEL_OF_FLATE),
        Ok(level @ 0..=9) => Ok(level.unsigned_abs()),
        Ok(_) | Err(_) => Err(unknown(text, "gelf-compression-level")),
    }
}

fn unknown(value: &str, name: &str) -> String {
    format!("unknown value {value:?} for log opt {name:?} for gelf log driver")
}

/// A connection to Graylog, made when it is needed.
pub(super) struct Gelf {
    options: Options,
    hostname: String,
    /// What every message says of the container.
    extra: Map<String, Value>,
    connection: Option<Connection>,
}

impl Gelf {
    pub(super) fn new(options: &Options, origin: &Origin) -> Gelf {
        let created = jiff::Timestamp::from_millisecond(origin.created_at).unwrap_or_default();
        let mut extra = BTreeMap::from([
            ("_container_id".to_string(), origin.id.clone()),
            ("_container_name".to_string(), origin.name.clone()),
            ("_image_id".to_string(), origin.image_id.clone()),
            ("_image_name".to_string(), origin.image_name.clone()),
            ("_command".to_string(), origin.command.clone()),
            ("_tag".to_string(), origin.tag.clone()),
            ("_created".to_string(), created.to_string()),
        ]);
        let prefixed = |name: &String| if name.starts_with('_') { name.clone() } else { format!("_{name}") };
        extra.extend(origin.attributes.iter().map(|(name, value)| (prefixed(name), value.clone())));
        let extra = extra.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        Gelf { options: options.clone(), hostname: origin.hostname.clone(), extra, connection: None }
    }

    fn encode(&self, message: &Message) -> Vec<u8> {
        let level = if message.stream == Stream::Stderr { LEVEL_ERROR } else { LEVEL_INFO };
        let mut whole = Map::new();
        whole.insert("version".into(), json!("1.1"));
        whole.insert("host".into(), json!(self.hostname));
        whole.insert("short_message".into(), json!(message.text()));
        whole.insert("timestamp".into(), json!(message.timestamp as f64 / 1000.0));
        whole.insert("level".into(), json!(level));
        whole.extend(self.extra.clone());
        Value::Object(whole).to_string().into_bytes()
    }

    async fn send(&mut self, message: &Message) -> Result<(), String> {
        let bytes = self.encode(message);
        match self.options.transport.clone() {
            Transport::Udp { to, compress } => {
                if self.connection.is_none() {
                    self.connection = Some(dial(&to).await?);
                }
                let Some(Connection::Udp(socket)) = &self.connection else { return Ok(()) };
                let bytes = compressed(&bytes, compress).map_err(|error| error.to_string())?;
                for datagram in chunks(&bytes, random_bytes())? {
                    socket.send(&datagram).await.map_err(|error| error.to_string())?;
                }
                Ok(())
            }
            Transport::Tcp { to, max_reconnect, delay } => {
                self.send_over_tcp(&to, &[bytes, vec![0]].concat(), max_reconnect, delay).await
            }
        }
    }

    async fn send_over_tcp(
        &mut self,
        to: &Address,
        bytes: &[u8],
        max_reconnect: u32,
        delay: Duration,
    ) -> Result<(), String> {
        if let Some(Connection::Stream(stream)) = &mut self.connection
            && dial::has_hung_up(stream).await
        {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.connection = dial(to).await.ok();
        }
        for attempt in 0..=max_reconnect {
            if let Some(Connection::Stream(stream)) = &mut self.connection
                && stream.write_all(bytes).await.is_ok()
                && stream.flush().await.is_ok()
            {
                return Ok(());
            }
            if attempt < max_reconnect {
                tokio::time::sleep(delay).await;
                self.connection = dial(to).await.ok();
            }
        }
        self.connection = None;
        Err("Maximum reconnection attempts was reached; giving up".into())
    }
}

#[async_trait]
impl Receiver for Gelf {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        let mut lost: Option<Lost> = None;
        for message in messages.iter().filter(|message| !message.line.is_empty()) {
            if let Err(cause) = self.send(message).await {
                let before = lost.map_or(0, |lost| lost.messages);
                lost = Some(Lost {
                    messages: before + 1,
                    cause: format!("gelf: cannot send GELF message: {cause}"),
                });
            }
        }
        lost.map_or(Ok(()), Err)
    }
}

fn compressed(bytes: &[u8], compress: Compress) -> std::io::Result<Vec<u8>> {
    match compress {
        Compress::Gzip(level) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compress::Zlib(level) => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compress::None => Ok(bytes.to_vec()),
    }
}

/// The datagrams of a message: itself, or chunks with a magic number, the message's id, their place and their count.
fn chunks(bytes: &[u8], id: [u8; 8]) -> Result<Vec<Vec<u8>>, String> {
    if bytes.len() <= CHUNK_BYTES {
        return Ok(vec![bytes.to_vec()]);
    }
    let pieces: Vec<&[u8]> = bytes.chunks(CHUNK_BYTES - CHUNK_HEADER_BYTES).collect();
    if pieces.len() > CHUNKS_LIMIT {
        return Err(format!("msg too large, would need {} chunks", pieces.len()));
    }
    let chunk = |(at, piece): (usize, &&[u8])| {
        [&[0x1e, 0x0f][..], &id, &[at as u8, pieces.len() as u8], piece].concat()
    };
    Ok(pieces.iter().enumerate().map(chunk).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn options_are_dockers() {
        let udp = ("gelf-address", "udp://h:12201");
        assert_eq!(options(&[]), Err("gelf-address is a required parameter".into()));
        assert_eq!(
            options(&[("gelf-address", "http://h:1")]),
            Err("gelf: endpoint needs to be TCP or UDP".into())
        );
        let why = options(&[("gelf-address", "udp://h")]);
        assert_eq!(why, Err("gelf: please provide gelf-address as proto://host:port".into()));
        assert_eq!(options(&[udp, ("x", "1")]), Err("unknown log opt \"x\" for gelf log driver".into()));
        let why = options(&[udp, ("gelf-compression-level", "10")]).unwrap_err();
        assert_eq!(why, "unknown value \"10\" for log opt \"gelf-compression-level\" for gelf log driver");
        let why = options(&[("gelf-address", "tcp://h:1"), ("gelf-compression-type", "none")]).unwrap_err();
        assert_eq!(why, "compression is only supported on UDP");
        assert_eq!(
            options(&[udp, ("gelf-compression-type", "zlib"), ("gelf-compression-level", "-1")])
                .unwrap()
                .transport,
            Transport::Udp { to: Address::Udp("h:12201".into()), compress: Compress::Zlib(LEVEL_OF_FLATE) }
        );
    }

    #[test]
    fn large_messages_go_in_chunks() {
        assert_eq!(chunks(&[7; 1420], [1; 8]).unwrap(), [vec![7; 1420]]);
        let found = chunks(&[7; 1421], [1; 8]).unwrap();
        assert_eq!((found.len(), found[0].len(), found[1].len()), (2, 1420, 12 + 13));
        assert_eq!(&found[1][..12], &[0x1e, 0x0f, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
        assert!(chunks(&[7; 1408 * 128 + 1], [1; 8]).is_err());
    }

    #[test]
    fn messages_say_whose_they_are() {
        let origin = Origin {
            id: "i".into(),
            name: "n".into(),
            hostname: "h".into(),
            tag: "t".into(),
            attributes: BTreeMap::from([("team".into(), "red".into())]),
            ..Origin::default()
        };
        let gelf = Gelf::new(&options(&[("gelf-address", "udp://h:1")]).unwrap(), &origin);
        let message = Message { timestamp: 1_250, stream: Stream::Stderr, line: "oh".into(), part: None };
        let found: Value = serde_json::from_slice(&gelf.encode(&message)).unwrap();
        let expected = json!({"version": "1.1", "host": "h", "short_message": "oh", "timestamp": 1.25, "level": 3,
            "_command": "", "_container_id": "i", "_container_name": "n", "_created": "1970-01-01T00:00:00Z",
            "_image_id": "", "_image_name": "", "_tag": "t", "_team": "red"});
        assert_eq!(found, expected);
    }
}

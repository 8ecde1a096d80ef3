//! `syslog`: a daemon behind UDP, TCP or a unix socket, in the formats of Docker's driver.
//!
//! As there, a receiver must be there at the start where the protocol lets one know; a message that cannot be written is
//! tried once more over a new connection, and then lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use tokio::io::AsyncWriteExt as _;

use super::super::frame::Stream;
use model::ecs::log_options;

use super::super::message::Message;
use super::super::subject::Origin;
use super::dial::{self, Address, Connection, dial};
use super::{Lost, Receiver, known};

const DEFAULT_PORT: u16 = 514;
/// Where a node's own daemon listens.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const FACILITIES: [&str; 12] =
    ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"];
const DAEMON: u8 = 3;
const SEVERITY_ERROR: u8 = 3;
const SEVERITY_INFO: u8 = 6;

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For a daemon of the same machine: without a host name.
    Local,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424, to the second.
    Rfc5424,
    /// RFC 5424, to the microsecond.
    Rfc5424Micro,
}

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::logs) struct Options {
    /// `None` for the node's own daemon.
    address: Option<Place>,
    facility: u8,
    format: Format,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Network(Address),
    /// A path that may be a stream socket or one for datagrams: `unix` and `unixgram`.
    Path(Address, PathBuf),
}

impl Options {
    /// Reads the options; an error is Docker's text.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Options, String> {
        known("syslog", options, &log_options::SYSLOG)?;
        let option = |name: &str| options.get(name).map_or("", String::as_str);
        Ok(Options {
            address: parse_address(option("syslog-address"))?,
            facility: parse_facility(option("syslog-facility"))?,
            format: match option("syslog-format") {
                "" => Format::Local,
                "rfc3164" => Format::Rfc3164,
                "rfc5424" => Format::Rfc5424,
                "rfc5424micro" => Format::Rfc5424Micro,
                _ => return Err("Invalid syslog format".into()),
            },
        })
    }

    /// Connects.
    pub(super) async fn check(&self) -> Result<(), String> {
        if let Some(Place::Path(_, path)) = &self.address
            && !path.exists()
        {
            return Err(format!("stat {}: no such file or directory", path.display()));
        }
        connect(self.address.as_ref()).await.map(drop)
    }
}

/// Deviation: TLS (`tcp+tls://`) is refused.
fn parse_address(address: &str) -> Result<Option<Place>, String> {
    if address.is_empty() {
        return Ok(None);
    }
    let (scheme, rest) = dial::scheme(address).ok_or("unsupported scheme: ''")?;
    let host_port = || dial::host_port(rest.trim_end_matches('/'), "", Some(DEFAULT_PORT));
    Ok(Some(match scheme {
        "unix" => Place::Path(Address::Unix(rest.into()), rest.into()),
        "unixgram" => Place::Path(Address::UnixDatagram(rest.into()), rest.into()),
        "udp" => Place::Network(Address::Udp(host_port()?)),
        "tcp" => Place::Network(Address::Tcp(host_port()?)),
        other => return Err(format!("unsupported scheme: '{other}'")),
    }))
}

fn parse_facility(text: &str) -> Result<u8, String> {
    let local = |text: &str| match text.strip_prefix("local")?.as_bytes() {
        [digit @ b'0'..=b'7'] => Some(16 + digit - b'0'),
        _ => None,
    };
    let number = |text: &str| text.parse::<u8>().ok().filter(|number| *number <= 23);
    let named = || FACILITIES.iter().position(|name| *name == text).map(|at| at as u8);
    if text.is_empty() {
        return Ok(DAEMON);
    }
    named().or_else(|| local(text)).or_else(|| number(text)).ok_or_else(|| "invalid syslog facility".into())
}

async fn connect(place: Option<&Place>) -> Result<Connection, String> {
    match place {
        Some(Place::Network(address) | Place::Path(address, _)) => dial(address).await,
        None => {
            if let Some(socket) = LOCAL.iter().find_map(|path| dial::datagrams(Path::new(path)).ok()) {
                return Ok(Connection::Unix(socket));
            }
            for path in LOCAL {
                if let Ok(connection) = dial(&Address::Unix(path.into())).await {
                    return Ok(connection);
                }
            }
            Err("Unix syslog delivery error".into())
        }
    }
}

/// A connection to a daemon, made when it is needed.
pub(super) struct Syslog {
    options: Options,
    hostname: String,
    tag: String,
    pid: u32,
    zone: TimeZone,
    connection: Option<Connection>,
}

impl Syslog {
    pub(super) fn new(options: &Options, origin: &Origin) -> Syslog {
        Syslog {
            options: options.clone(),
            hostname: origin.hostname.clone(),
            tag: origin.tag.clone(),
            pid: std::process::id(),
            zone: TimeZone::system(),
            connection: None,
        }
    }

    fn encode(&self, message: &Message) -> String {
        let severity = if message.stream == Stream::Stderr { SEVERITY_ERROR } else { SEVERITY_INFO };
        let priority = self.options.facility << 3 | severity;
        let at = Timestamp::from_millisecond(message.timestamp)
            .unwrap_or_default()
            .to_zoned_datetime(self.zone.clone());
        let (host, tag, pid, text) = (&self.hostname, &self.tag, self.pid, message.text());
        let stamp = |format: &str| at.strftime(format).to_string();
        match self.options.format {
            Format::Local => format!("<{priority}>{} {tag}[{pid}]: {text}\n", stamp("%b %e %H:%M:%S")),
            Format::Rfc3164 => {
                format!("<{priority}>{} {host} {tag}[{pid}]: {text}\n", stamp("%b %e %H:%M:%S"))
            }
            Format::Rfc5424 => {
                let stamp = stamp("%Y-%m-%dT%H:%M:%S") + &offset(&at);
                format!("<{priority}>1 {stamp} {host} {tag} {pid} {tag} - {text}\n")
            }
            Format::Rfc5424Micro => {
                let stamp = stamp("%Y-%m-%dT%H:%M:%S.%6f") + &offset(&at);
                format!("<{priority}>1 {stamp} {host} {tag} {pid} {tag} - {text}\n")
            }
        }
    }

    async fn write(&mut self, text: &[u8]) -> Result<(), String> {
        if let Some(Connection::Stream(stream)) = &mut self.connection
            && dial::has_hung_up(stream).await
        {
            self.connection = None;
        }
        if let Some(connection) = &mut self.connection {
            if send(connection, text).await.is_ok() {
                return Ok(());
            }
            self.connection = None;
        }
        let mut connection = connect(self.options.address.as_ref()).await?;
        send(&mut connection, text).await.map_err(|error| error.to_string())?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// Go's `Z07:00`.
fn offset(at: &ZonedDateTime) -> String {
    if at.offset().is_zero() { "Z".into() } else { at.strftime("%:z").to_string() }
}

async fn send(connection: &mut Connection, bytes: &[u8]) -> std::io::Result<()> {
    match connection {
        Connection::Stream(stream) => {
            stream.write_all(bytes).await?;
            stream.flush().await
        }
        Connection::Udp(socket) => socket.send(bytes).await.map(drop),
        Connection::Unix(socket) => socket.send(bytes).await.map(drop),
    }
}

#[async_trait]
impl Receiver for Syslog {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        let mut lost: Option<Lost> = None;
        for message in messages.iter().filter(|message| !message.line.is_empty()) {
            if let Err(cause) = self.write(self.encode(message).as_bytes()).await {
                let before = lost.map_or(0, |lost| lost.messages);
                lost = Some(Lost { messages: before + 1, cause });
            }
        }
        lost.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    fn check(format: &str, expected: &str) {
        let origin = Origin { hostname: "host".into(), tag: "tag".into(), ..Origin::default() };
        let options = options(&[("syslog-format", format), ("syslog-facility", "local3")]).unwrap();
        let mut syslog = Syslog::new(&options, &origin);
        (syslog.pid, syslog.zone) = (7, TimeZone::UTC);
        let message = Message { timestamp: 1_500, stream: Stream::Stderr, line: "text".into(), part: None };
        assert_eq!(syslog.encode(&message), expected);
    }

    #[test]
    fn formats_are_dockers() {
        check("", "<155>Jan  1 00:00:01 tag[7]: text\n");
        check("rfc3164", "<155>Jan  1 00:00:01 host tag[7]: text\n");
        check("rfc5424", "<155>1 1970-01-01T00:00:01Z host tag 7 tag - text\n");
        check("rfc5424micro", "<155>1 1970-01-01T00:00:01.500000Z host tag 7 tag - text\n");
    }

    #[test]
    fn facilities_have_names_and_numbers() {
        for (text, number) in [("", 3), ("kern", 0), ("ftp", 11), ("local0", 16), ("local7", 23), ("9", 9)] {
            assert_eq!(parse_facility(text), Ok(number), "{text}");
        }
        for text in ["24", "local8", "local", "-1"] {
            assert_eq!(parse_facility(text), Err("invalid syslog facility".into()), "{text}");
        }
    }

    #[test]
    fn addresses_have_a_scheme() {
        let address = |text: &str| options(&[("syslog-address", text)]).map(|options| options.address);
        assert_eq!(address("udp://h"), Ok(Some(Place::Network(Address::Udp("h:514".into())))));
        assert_eq!(address("tcp+tls://h:1"), Err("unsupported scheme: 'tcp+tls'".into()));
        assert_eq!(options(&[("syslog-format", "x")]), Err("Invalid syslog format".into()));
        assert!(
            options(&[("syslog-colour", "red")]).unwrap_err().starts_with("unknown log opt 'syslog-colour'")
        );
    }
}

//! `journald`: the node's journal, by its native protocol.
//!
//! The fields are those of Docker's driver, so that `journalctl CONTAINER_NAME=…` finds the lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::net::UnixDatagram;

use super::super::frame::Stream;
use super::super::message::Message;
use super::super::subject::Origin;
use super::{Lost, Receiver, dial, random_id};

/// Where systemd's journal takes messages.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
const PRIORITY_ERROR: &str = "3";
const PRIORITY_INFO: &str = "6";
/// Docker's short ids have so many digits.
const SHORT_ID: usize = 12;

/// Whether there is a journal.
pub(super) fn check(socket: &Path) -> Result<(), String> {
    let gone = |_| "journald is not enabled on this host".to_string();
    let probe = std::os::unix::net::UnixDatagram::unbound().map_err(gone)?;
    probe.connect(socket).map_err(gone)
}

/// A socket to the journal, opened when it is needed.
pub(super) struct Journald {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    /// What every message says.
    fields: BTreeMap<String, String>,
    ordinal: u64,
}

impl Journald {
    pub(super) fn new(origin: &Origin, path: &Path) -> Journald {
        let mut fields: BTreeMap<String, String> =
            origin.attributes.iter().map(|(name, value)| (field_name(name), value.clone())).collect();
        fields.retain(|name, _| !name.is_empty());
        let own = [
            ("CONTAINER_ID", origin.id.chars().take(SHORT_ID).collect()),
            ("CONTAINER_ID_FULL", origin.id.clone()),
            ("CONTAINER_NAME", origin.name.clone()),
            ("CONTAINER_TAG", origin.tag.clone()),
            ("IMAGE_NAME", origin.image_name.clone()),
            ("SYSLOG_IDENTIFIER", origin.tag.clone()),
            ("CONTAINER_LOG_EPOCH", random_id() + &random_id()),
        ];
        for (name, value) in own {
            fields.entry(name.into()).or_insert(value);
        }
        Journald { path: path.to_path_buf(), socket: None, fields, ordinal: 0 }
    }

    fn encode(&mut self, message: &Message) -> Vec<u8> {
        self.ordinal += 1;
        let priority = if message.stream == Stream::Stderr { PRIORITY_ERROR } else { PRIORITY_INFO };
        let at = jiff::Timestamp::from_millisecond(message.timestamp).unwrap_or_default().to_string();
        let mut bytes = Vec::new();
        field("PRIORITY", priority.as_bytes(), &mut bytes);
        field("MESSAGE", &message.line, &mut bytes);
        for (name, value) in &self.fields {
            field(name, value.as_bytes(), &mut bytes);
        }
        field("SYSLOG_TIMESTAMP", at.as_bytes(), &mut bytes);
        if let Some(part) = &message.part {
            field("CONTAINER_PARTIAL_ID", part.id.as_bytes(), &mut bytes);
            field("CONTAINER_PARTIAL_ORDINAL", part.ordinal.to_string().as_bytes(), &mut bytes);
            field("CONTAINER_PARTIAL_LAST", if part.is_last { b"true" } else { b"false" }, &mut bytes);
            if !part.is_last {
                field("CONTAINER_PARTIAL_MESSAGE", b"true", &mut bytes);
            }
        }
        field("CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes(), &mut bytes);
        bytes
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        // A journal that was started again has another socket at the same path.
        if let Some(socket) = &self.socket
            && socket.send(bytes).await.is_ok()
        {
            return Ok(());
        }
        let socket = self.socket.insert(dial::datagrams(&self.path)?);
        socket.send(bytes).await.map(drop)
    }
}

#[async_trait]
impl Receiver for Journald {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        let mut lost: Option<Lost> = None;
        for message in messages {
            let bytes = self.encode(message);
            if let Err(error) = self.send(&bytes).await {
                let before = lost.map_or(0, |lost| lost.messages);
                lost = Some(Lost { messages: before + 1, cause: error.to_string() });
            }
        }
        lost.map_or(Ok(()), Err)
    }
}

/// A field: on a line of its own, or with its length before it where the value has several lines.
fn field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// What a field may be called: capitals, digits, underscores, none of them at the beginning.
fn field_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(allowed).collect::<String>().trim_start_matches('_').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit() {
        assert_eq!(field_name("_com.example-team9"), "COM_EXAMPLE_TEAM9");
    }

    #[tokio::test]
    async fn messages_arrive_as_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert_eq!(check(&path), Err("journald is not enabled on this host".into()));
        let journal = UnixDatagram::bind(&path).unwrap();
        check(&path).unwrap();
        let origin = Origin {
            id: "0123456789abcdef".into(),
            tag: "tag".into(),
            attributes: BTreeMap::from([("team".into(), "a\nb".into())]),
            ..Origin::default()
        };
        let mut journald = Journald::new(&origin, &path);
        let message = Message { timestamp: 0, stream: Stream::Stderr, line: "oh".into(), part: None };
        journald.take(&[message]).await.unwrap();
        let mut found = vec![0; 4096];
        let length = journal.recv(&mut found).await.unwrap();
        let found = String::from_utf8_lossy(&found[..length]).into_owned();
        assert!(found.starts_with("PRIORITY=3\nMESSAGE=oh\nCONTAINER_ID=0123456789ab\n"), "{found}");
        assert!(found.contains("\nTEAM\n\u{3}\0\0\0\0\0\0\0a\nb\n"), "{found}");
        assert!(
            found.ends_with("SYSLOG_TIMESTAMP=1970-01-01T00:00:00Z\nCONTAINER_LOG_ORDINAL=1\n"),
            "{found}"
        );
        drop(journal);
        std::fs::remove_file(&path).unwrap();
        let message = Message { timestamp: 0, stream: Stream::Stdout, line: "x".into(), part: None };
        assert_eq!(journald.take(&[message]).await.unwrap_err().messages, 1);
    }
}

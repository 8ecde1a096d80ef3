//! One frame of the data channel, big-endian: a header of 116 bytes, the payload's length, the payload.
//!
//! What strange clients do is taken as the service takes it: names padded on either side, and digests
//! of something else (the npm package ssm-session hashes the text of an array of numbers). The
//! connection vouches for the bytes.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// The header without the payload's length: the value of its own first field.
const HEADER_BYTES: usize = 116;
const NAME_BYTES: usize = 32;
/// The largest payload that is taken.
const MAX_PAYLOAD_BYTES: usize = 1 << 20;

/// What a payload is.
pub mod payload {
    /// Bytes of the terminal, either way.
    pub const OUTPUT: u32 = 1;
    /// The terminal's size.
    pub const SIZE: u32 = 3;
    /// The first message of a session.
    pub const HANDSHAKE_REQUEST: u32 = 5;
    /// The client's answer to it.
    pub const HANDSHAKE_RESPONSE: u32 = 6;
    /// The handshake's end.
    pub const HANDSHAKE_COMPLETE: u32 = 7;
    /// A wish about the session itself.
    pub const FLAG: u32 = 10;
    /// Standard error of a command without a terminal.
    pub const STDERR: u32 = 11;
    /// How a command without a terminal ended.
    pub const EXIT_CODE: u32 = 12;
    /// What a start_publication message carries.
    pub const START_PUBLICATION: u32 = 17;
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From the container.
    OutputStreamData,
    /// From the client.
    InputStreamData,
    /// That a message has come.
    Acknowledge,
    /// That the session is over.
    ChannelClosed,
    /// Go on sending.
    StartPublication,
    /// Send nothing for now.
    PausePublication,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::OutputStreamData,
        Kind::InputStreamData,
        Kind::Acknowledge,
        Kind::ChannelClosed,
        Kind::StartPublication,
        Kind::PausePublication,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::OutputStreamData => "output_stream_data",
            Kind::InputStreamData => "input_stream_data",
            Kind::Acknowledge => "acknowledge",
            Kind::ChannelClosed => "channel_closed",
            Kind::StartPublication => "start_publication",
            Kind::PausePublication => "pause_publication",
        }
    }
}

/// A message's UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageId(pub [u8; 16]);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Why a frame is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MessageError {
    /// It ends before its header, or its payload, does.
    #[error("the message is cut short")]
    Short,
    /// A kind that nobody knows.
    #[error("unknown message type {0:?}")]
    Kind(String),
    /// The payload is beyond the limit.
    #[error("the payload is larger than {MAX_PAYLOAD_BYTES} bytes")]
    Large,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Epoch milliseconds.
    pub created_at_ms: u64,
    /// Its place in its stream; 0 is the first.
    pub sequence: i64,
    /// Bit 0 SYN, bit 1 FIN.
    pub flags: u64,
    /// Its id.
    pub id: MessageId,
    /// One of [`payload`].
    pub payload_type: u32,
    /// The content.
    pub payload: Vec<u8>,
}

impl Message {
    /// SYN: the stream begins here.
    pub const SYN: u64 = 1;
    /// FIN: the stream ends here.
    pub const FIN: u64 = 2;

    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEADER_BYTES + 4 + self.payload.len());
        let length = u32::try_from(self.payload.len()).expect("payloads are bounded");
        frame.extend((HEADER_BYTES as u32).to_be_bytes());
        frame.extend(format!("{:<NAME_BYTES$}", self.kind.name()).as_bytes());
        frame.extend(1u32.to_be_bytes());
        frame.extend(self.created_at_ms.to_be_bytes());
        frame.extend(self.sequence.to_be_bytes());
        frame.extend(self.flags.to_be_bytes());
        // The low half of the UUID comes first.
        frame.extend(&self.id.0[8..]);
        frame.extend(&self.id.0[..8]);
        frame.extend(Sha256::digest(&self.payload).as_slice());
        frame.extend(self.payload_type.to_be_bytes());
        frame.extend(length.to_be_bytes());
        frame.extend(&self.payload);
        frame
    }

    /// Reads a frame.
    pub fn decode(frame: &[u8]) -> Result<Message, MessageError> {
        let mut reader = Reader(frame);
        let header = usize::try_from(reader.u32()?).map_err(|_| MessageError::Short)?;
        if header < HEADER_BYTES || frame.len() < header + 4 {
            return Err(MessageError::Short);
        }
        let name = String::from_utf8_lossy(reader.take(NAME_BYTES)?).into_owned();
        let name = name.trim_matches(['\0', ' ']);
        let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
        let kind = *kind.ok_or_else(|| MessageError::Kind(name.to_owned()))?;
        let _schema_version = reader.u32()?;
        let created_at_ms = reader.u64()?;
        let sequence = i64::from_be_bytes(reader.array()?);
        let flags = reader.u64()?;
        let (low, high): ([u8; 8], [u8; 8]) = (reader.array()?, reader.array()?);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&high);
        id[8..].copy_from_slice(&low);
        let _digest = reader.take(32)?;
        let payload_type = reader.u32()?;
        reader = Reader(&frame[header..]);
        let length = usize::try_from(reader.u32()?).map_err(|_| MessageError::Short)?;
        if length > MAX_PAYLOAD_BYTES {
            return Err(MessageError::Large);
        }
        let payload = reader.take(length)?.to_vec();
        Ok(Message { kind, created_at_ms, sequence, flags, id: MessageId(id), payload_type, payload })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(MessageError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        self.take(N).map(|bytes| bytes.try_into().expect("as many were taken"))
    }

    fn u32(&mut self) -> Result<u32, MessageError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, MessageError> {
        self.array().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            kind: Kind::InputStreamData,
            created_at_ms: 1_700_000_000_123,
            sequence: 7,
            flags: Message::SYN,
            id: MessageId(std::array::from_fn(|i| i as u8)),
            payload_type: payload::SIZE,
            payload: br#"{"cols":80,"rows":24}"#.to_vec(),
        }
    }

    #[test]
    fn a_message_survives_its_encoding() {
        assert_eq!(Message::decode(&message().encode()).unwrap(), message());
    }

    #[test]
    fn the_layout_is_the_plugins() {
        let frame = message().encode();
        assert_eq!(frame[..4], 116u32.to_be_bytes());
        assert_eq!(&frame[4..36], b"input_stream_data               ");
        assert_eq!(frame[36..40], 1u32.to_be_bytes());
        assert_eq!(frame[48..56], 7i64.to_be_bytes());
        assert_eq!(frame[64..80], [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(frame[112..116], 3u32.to_be_bytes());
        assert_eq!(frame[116..120], 21u32.to_be_bytes());
        assert_eq!(message().id.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    #[test]
    fn names_padded_in_front_and_strange_digests_are_taken() {
        let mut frame = message().encode();
        frame[4..36].fill(0);
        frame[19..36].copy_from_slice(b"input_stream_data");
        frame[80..112].fill(b'7');
        assert_eq!(Message::decode(&frame).unwrap(), message());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = message().encode();
        for length in 0..whole.len() {
            assert_eq!(Message::decode(&whole[..length]), Err(MessageError::Short), "{length}");
        }
        let mut unknown = whole.clone();
        unknown[4] = b'X';
        assert!(matches!(Message::decode(&unknown), Err(MessageError::Kind(_))));
        let mut large = whole;
        large[116..120].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Message::decode(&large), Err(MessageError::Large));
    }
}

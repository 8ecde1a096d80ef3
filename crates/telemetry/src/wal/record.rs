//! What a frame of the write-ahead log says.

use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};

use crate::codec::{Malformed, Reader, put_bytes, put_u128, put_varint, put_zigzag};
use crate::event::{Batch, Event, Source};

const CHECKPOINT: u8 = 1;
const APPEND: u8 = 2;
const DROP_GROUP: u8 = 3;
const DROP_STREAM: u8 = 4;

/// One step of the log store's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The first record of a file: what earlier files said that later ones must know.
    Checkpoint(Checkpoint),
    /// Events that were acknowledged.
    Append {
        /// The sequence number of the first event; the others follow.
        first_seq: u64,
        /// The events.
        batch: Batch,
    },
    /// A group was deleted.
    DropGroup(LogGroupId),
    /// A stream was deleted.
    DropStream(LogGroupId, LogStreamId),
}

/// What a new file starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The next sequence number to give out.
    pub(crate) next_seq: u64,
    /// What is known of each source.
    pub(crate) sources: Vec<(String, SourceState)>,
}

/// How far a source has been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceState {
    /// The first offset still wanted.
    pub(crate) next: u64,
    /// When the source was last heard of, in epoch milliseconds.
    pub(crate) seen_at: i64,
}

/// Encodes an append without taking the batch.
pub(crate) fn encode_append(first_seq: u64, batch: &Batch) -> Vec<u8> {
    let text: usize = batch.events.iter().map(|e| e.message.len() + 8).sum();
    let mut out = Vec::with_capacity(text + 96);
    out.push(APPEND);
    put_varint(&mut out, first_seq);
    put_u128(&mut out, batch.group.bits());
    put_u128(&mut out, batch.stream.bits());
    put_zigzag(&mut out, batch.ingested_at.as_millis());
    match &batch.source {
        None => out.push(0),
        Some(source) => {
            out.push(1);
            put_bytes(&mut out, source.id.as_bytes());
            put_varint(&mut out, source.offset);
            put_varint(&mut out, source.next);
        }
    }
    put_varint(&mut out, batch.events.len() as u64);
    let mut previous = 0;
    for event in &batch.events {
        let timestamp = event.timestamp.as_millis();
        put_zigzag(&mut out, timestamp.wrapping_sub(previous));
        put_bytes(&mut out, event.message.as_bytes());
        previous = timestamp;
    }
    out
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Record::Append { first_seq, batch } => return encode_append(*first_seq, batch),
            Record::Checkpoint(checkpoint) => {
                out.push(CHECKPOINT);
                put_varint(&mut out, checkpoint.next_seq);
                put_varint(&mut out, checkpoint.sources.len() as u64);
                for (id, state) in &checkpoint.sources {
                    put_bytes(&mut out, id.as_bytes());
                    put_varint(&mut out, state.next);
                    put_zigzag(&mut out, state.seen_at);
                }
            }
            Record::DropGroup(group) => {
                out.push(DROP_GROUP);
                put_u128(&mut out, group.bits());
            }
            Record::DropStream(group, stream) => {
                out.push(DROP_STREAM);
                put_u128(&mut out, group.bits());
                put_u128(&mut out, stream.bits());
            }
        }
        out
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Record, Malformed> {
        let mut reader = Reader::new(payload);
        let record = match reader.u8()? {
            CHECKPOINT => Record::Checkpoint(decode_checkpoint(&mut reader)?),
            APPEND => decode_append(&mut reader)?,
            DROP_GROUP => Record::DropGroup(LogGroupId::from_bits(reader.u128()?)),
            DROP_STREAM => Record::DropStream(
                LogGroupId::from_bits(reader.u128()?),
                LogStreamId::from_bits(reader.u128()?),
            ),
            _ => return Err(Malformed("a record of an unknown kind")),
        };
        if reader.is_empty() { Ok(record) } else { Err(Malformed("bytes after a record")) }
    }
}

fn decode_checkpoint(reader: &mut Reader<'_>) -> Result<Checkpoint, Malformed> {
    let next_seq = reader.varint()?;
    let count = reader.count(3)?;
    let mut sources = Vec::with_capacity(count);
    for _ in 0..count {
        let id = reader.string()?;
        sources.push((id, SourceState { next: reader.varint()?, seen_at: reader.zigzag()? }));
    }
    Ok(Checkpoint { next_seq, sources })
}

fn decode_append(reader: &mut Reader<'_>) -> Result<Record, Malformed> {
    let first_seq = reader.varint()?;
    let group = LogGroupId::from_bits(reader.u128()?);
    let stream = LogStreamId::from_bits(reader.u128()?);
    let ingested_at = Timestamp::from_millis(reader.zigzag()?);
    let source = match reader.u8()? {
        0 => None,
        1 => Some(Source { id: reader.string()?, offset: reader.varint()?, next: reader.varint()? }),
        _ => return Err(Malformed("neither with nor without a source")),
    };
    let count = reader.count(2)?;
    let mut events = Vec::with_capacity(count);
    let mut timestamp = 0i64;
    for _ in 0..count {
        timestamp = timestamp.wrapping_add(reader.zigzag()?);
        events.push(Event { timestamp: Timestamp::from_millis(timestamp), message: reader.string()? });
    }
    Ok(Record::Append { first_seq, batch: Batch { group, stream, ingested_at, source, events } })
}

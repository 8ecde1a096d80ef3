//! One block: the columns of up to a few thousand events, compressed together.

use crate::codec::{Malformed, Reader, put_varint, put_zigzag};
use crate::event::Key;

/// The events of a block, in order, by column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Their keys.
    pub(crate) keys: Vec<Key>,
    /// When each was taken, in epoch milliseconds.
    pub(crate) ingested: Vec<i64>,
    /// Which of the segment's series each belongs to.
    pub(crate) series: Vec<u32>,
    /// Where each payload ends in `payload`.
    pub(crate) ends: Vec<u32>,
    /// The payloads, one after the other.
    pub(crate) payload: Vec<u8>,
}

impl Block {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn push(&mut self, key: Key, ingested: i64, series: u32, payload: &[u8]) {
        self.keys.push(key);
        self.ingested.push(ingested);
        self.series.push(series);
        self.payload.extend_from_slice(payload);
        self.ends.push(u32::try_from(self.payload.len()).expect("a block is far below 4 GiB"));
    }

    /// The payload of the event at `index`.
    pub(crate) fn payload_of(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.payload[start..self.ends[index] as usize]
    }

    /// The event whose payload covers the byte at `offset`.
    pub(crate) fn event_at(&self, offset: usize) -> usize {
        self.ends.partition_point(|&end| end as usize <= offset)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + self.len() * 8 + 16);
        put_varint(&mut out, self.len() as u64);
        let mut previous = Key { timestamp: 0, seq: 0 };
        for key in &self.keys {
            put_zigzag(&mut out, key.timestamp.wrapping_sub(previous.timestamp));
            previous = *key;
        }
        previous.seq = 0;
        for key in &self.keys {
            put_zigzag(&mut out, key.seq.wrapping_sub(previous.seq) as i64);
            previous = *key;
        }
        let mut taken = 0i64;
        for &ingested in &self.ingested {
            put_zigzag(&mut out, ingested.wrapping_sub(taken));
            taken = ingested;
        }
        self.series.iter().for_each(|&series| put_varint(&mut out, u64::from(series)));
        let mut start = 0;
        for &end in &self.ends {
            put_varint(&mut out, u64::from(end - start));
            start = end;
        }
        out.extend_from_slice(&self.payload);
        out
    }

    /// Decodes a block whose series are below `series_count`.
    pub(crate) fn decode(bytes: &[u8], series_count: usize) -> Result<Block, Malformed> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(5)?;
        let mut block = Block::default();
        let mut timestamp = 0i64;
        for _ in 0..count {
            timestamp = timestamp.wrapping_add(reader.zigzag()?);
            block.keys.push(Key { timestamp, seq: 0 });
        }
        let mut seq = 0u64;
        for key in &mut block.keys {
            seq = seq.wrapping_add(reader.zigzag()? as u64);
            key.seq = seq;
        }
        let mut taken = 0i64;
        for _ in 0..count {
            taken = taken.wrapping_add(reader.zigzag()?);
            block.ingested.push(taken);
        }
        for _ in 0..count {
            let series = reader.varint()?;
            if series >= series_count as u64 {
                return Err(Malformed("a series that the index does not have"));
            }
            block.series.push(series as u32);
        }
        let mut end = 0u64;
        for _ in 0..count {
            end = end.saturating_add(reader.varint()?);
            block.ends.push(u32::try_from(end).map_err(|_| Malformed("payloads beyond 4 GiB"))?);
        }
        if end != reader.rest().len() as u64 {
            return Err(Malformed("payloads of another length than said"));
        }
        block.payload = reader.rest().to_vec();
        Ok(block)
    }
}

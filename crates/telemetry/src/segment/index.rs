//! The index at the end of a segment: its series, and what each block holds.

use crate::codec::{Malformed, Reader, put_u128, put_varint, put_zigzag};
use crate::event::{Key, StreamStats};
use crate::segment::{Block, TermFilter};
use model::Timestamp;

/// The largest index that is read: far beyond any that is written.
const INDEX_MAX: usize = 256 << 20;
const FORMAT: u64 = 1;

/// Where in a segment something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// One series of the segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesMeta {
    pub(crate) id: u128,
    pub(crate) stats: StreamStats,
}

/// One block of the segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockMeta {
    pub(crate) place: Place,
    pub(crate) filter: Place,
    pub(crate) raw_len: usize,
    pub(crate) crc: u32,
    pub(crate) events: u64,
    pub(crate) first: Key,
    pub(crate) last: Key,
    /// The series in the block, ascending; empty when they are too many to list.
    pub(crate) series: Vec<u32>,
}

/// What a segment holds and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) series: Vec<SeriesMeta>,
    pub(crate) blocks: Vec<BlockMeta>,
}

impl Index {
    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        put_varint(&mut out, FORMAT);
        put_varint(&mut out, self.series.len() as u64);
        for series in &self.series {
            put_u128(&mut out, series.id);
            put_zigzag(&mut out, series.stats.first_event.as_millis());
            put_zigzag(&mut out, series.stats.last_event.as_millis());
            put_zigzag(&mut out, series.stats.last_ingestion.as_millis());
            put_varint(&mut out, series.stats.events);
            put_varint(&mut out, series.stats.bytes);
        }
        put_varint(&mut out, self.blocks.len() as u64);
        for block in &self.blocks {
            for place in [block.place, block.filter] {
                put_varint(&mut out, place.at);
                put_varint(&mut out, place.len);
            }
            put_varint(&mut out, block.raw_len as u64);
            put_varint(&mut out, u64::from(block.crc));
            put_varint(&mut out, block.events);
            for key in [block.first, block.last] {
                put_zigzag(&mut out, key.timestamp);
                put_varint(&mut out, key.seq);
            }
            put_varint(&mut out, block.series.len() as u64);
            block.series.iter().for_each(|&series| put_varint(&mut out, u64::from(series)));
        }
        let raw_len = out.len() as u64;
        let mut stored = raw_len.to_le_bytes().to_vec();
        stored.extend(zstd::bulk::compress(&out, 3)?);
        let crc = crc32fast::hash(&stored);
        stored.extend_from_slice(&crc.to_le_bytes());
        Ok(stored)
    }

    pub(crate) fn decode(stored: &[u8]) -> Result<Index, Malformed> {
        let (body, crc) = stored.split_last_chunk::<4>().ok_or(Malformed("a truncated index"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(Malformed("an index that fails its checksum"));
        }
        let (raw_len, packed) = body.split_first_chunk::<8>().ok_or(Malformed("a truncated index"))?;
        let raw_len = u64::from_le_bytes(*raw_len) as usize;
        if raw_len > INDEX_MAX {
            return Err(Malformed("an index beyond its limit"));
        }
        let raw = zstd::bulk::decompress(packed, raw_len)
            .map_err(|_| Malformed("an index that does not unpack"))?;
        let mut reader = Reader::new(&raw);
        if reader.varint()? != FORMAT {
            return Err(Malformed("an index of an unknown format"));
        }
        let mut index = Index::default();
        for _ in 0..reader.count(21)? {
            index.series.push(decode_series(&mut reader)?);
        }
        for _ in 0..reader.count(12)? {
            index.blocks.push(decode_block(&mut reader, index.series.len())?);
        }
        Ok(index)
    }

    /// The bytes it takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let listed: usize = self.blocks.iter().map(|b| b.series.len() * 4).sum();
        self.series.len() * size_of::<SeriesMeta>() + self.blocks.len() * size_of::<BlockMeta>() + listed
    }

    /// Where all term filters lie.
    pub(crate) fn filters(&self) -> Place {
        let at = self.blocks.first().map_or(0, |b| b.filter.at);
        Place { at, len: self.blocks.iter().map(|b| b.filter.len).sum() }
    }
}

impl BlockMeta {
    /// Unpacks the block from its stored bytes.
    pub(crate) fn unpack(&self, stored: &[u8], series_count: usize) -> Result<Block, Malformed> {
        if crc32fast::hash(stored) != self.crc {
            return Err(Malformed("a block that fails its checksum"));
        }
        let raw = zstd::bulk::decompress(stored, self.raw_len)
            .map_err(|_| Malformed("a block that does not unpack"))?;
        Block::decode(&raw, series_count)
    }

    /// The block's term filter out of `filters`, the bytes at [`Index::filters`].
    pub(crate) fn filter_in(&self, filters: &[u8], filters_at: u64) -> Option<TermFilter> {
        let at = usize::try_from(self.filter.at.checked_sub(filters_at)?).ok()?;
        TermFilter::from_bytes(filters.get(at..at + self.filter.len as usize)?)
    }
}

fn decode_series(reader: &mut Reader<'_>) -> Result<SeriesMeta, Malformed> {
    Ok(SeriesMeta {
        id: reader.u128()?,
        stats: StreamStats {
            first_event: Timestamp::from_millis(reader.zigzag()?),
            last_event: Timestamp::from_millis(reader.zigzag()?),
            last_ingestion: Timestamp::from_millis(reader.zigzag()?),
            events: reader.varint()?,
            bytes: reader.varint()?,
        },
    })
}

fn decode_block(reader: &mut Reader<'_>, series_count: usize) -> Result<BlockMeta, Malformed> {
    let place = Place { at: reader.varint()?, len: reader.varint()? };
    let filter = Place { at: reader.varint()?, len: reader.varint()? };
    let raw_len = reader.varint()?;
    let crc = reader.varint()?;
    let events = reader.varint()?;
    let first = Key { timestamp: reader.zigzag()?, seq: reader.varint()? };
    let last = Key { timestamp: reader.zigzag()?, seq: reader.varint()? };
    let mut series = Vec::new();
    for _ in 0..reader.count(1)? {
        let ordinal = reader.varint()?;
        if ordinal >= series_count as u64 {
            return Err(Malformed("a series that the index does not have"));
        }
        series.push(ordinal as u32);
    }
    if raw_len > u64::from(u32::MAX) || crc > u64::from(u32::MAX) || filter.len > (1 << 20) {
        return Err(Malformed("a block beyond its limits"));
    }
    Ok(BlockMeta { place, filter, raw_len: raw_len as usize, crc: crc as u32, events, first, last, series })
}

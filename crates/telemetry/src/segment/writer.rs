//! Builds a segment from events given in order.

use std::collections::HashMap;

use crate::event::{Key, StreamStats};
use crate::segment::{
    BLOCK_BYTES, BLOCK_EVENTS, BLOCK_SERIES_LISTED, Block, BlockMeta, Index, MAGIC, Place, SeriesMeta,
    TermFilter,
};

/// zstd's own default: its speed is above what a disk takes.
const COMPRESSION_LEVEL: i32 = 3;

/// A segment under construction.
pub(crate) struct SegmentWriter {
    out: Vec<u8>,
    filters: Vec<u8>,
    index: Index,
    ordinals: HashMap<u128, u32>,
    block: Block,
    filter: TermFilter,
    packer: zstd::bulk::Compressor<'static>,
    raw_bytes: u64,
    last_seq: u64,
}

/// A finished segment.
pub(crate) struct Built {
    /// The blob.
    pub(crate) blob: Vec<u8>,
    /// Where its index lies.
    pub(crate) index_place: Place,
    /// What the index says.
    pub(crate) index: Index,
    /// Payload bytes before compression.
    pub(crate) raw_bytes: u64,
    /// The greatest sequence number in it.
    pub(crate) last_seq: u64,
}

impl SegmentWriter {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(SegmentWriter {
            out: MAGIC.to_vec(),
            filters: Vec::new(),
            index: Index::default(),
            ordinals: HashMap::new(),
            block: Block::default(),
            filter: TermFilter::new(),
            packer: zstd::bulk::Compressor::new(COMPRESSION_LEVEL)?,
            raw_bytes: 0,
            last_seq: 0,
        })
    }

    /// Adds the next event; keys must ascend.
    pub(crate) fn push(
        &mut self,
        key: Key,
        series: u128,
        ingested: i64,
        payload: &[u8],
    ) -> std::io::Result<()> {
        debug_assert!(self.block.keys.last().is_none_or(|&last| last < key), "events out of order");
        let stats = StreamStats::of(key.timestamp, ingested, payload.len());
        let all = &mut self.index.series;
        let ordinal = *self.ordinals.entry(series).or_insert_with(|| {
            all.push(SeriesMeta { id: series, stats: StreamStats { events: 0, bytes: 0, ..stats } });
            (all.len() - 1) as u32
        });
        all[ordinal as usize].stats.add(stats);
        self.block.push(key, ingested, ordinal, payload);
        self.filter.add(payload);
        self.raw_bytes += payload.len() as u64;
        self.last_seq = self.last_seq.max(key.seq);
        if self.block.payload.len() >= BLOCK_BYTES || self.block.len() >= BLOCK_EVENTS {
            self.close_block()?;
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.series.is_empty()
    }

    fn close_block(&mut self) -> std::io::Result<()> {
        let block = std::mem::take(&mut self.block);
        let (Some(&first), Some(&last)) = (block.keys.first(), block.keys.last()) else { return Ok(()) };
        let raw = block.encode();
        let stored = self.packer.compress(&raw)?;
        let mut series = block.series;
        series.sort_unstable();
        series.dedup();
        if series.len() > BLOCK_SERIES_LISTED {
            series = Vec::new();
        }
        let mut filter = std::mem::replace(&mut self.filter, TermFilter::new());
        filter.shrink();
        let filter = filter.to_bytes();
        self.index.blocks.push(BlockMeta {
            place: Place { at: self.out.len() as u64, len: stored.len() as u64 },
            filter: Place { at: self.filters.len() as u64, len: filter.len() as u64 },
            raw_len: raw.len(),
            crc: crc32fast::hash(&stored),
            events: block.keys.len() as u64,
            first,
            last,
            series,
        });
        self.out.extend_from_slice(&stored);
        self.filters.extend_from_slice(&filter);
        Ok(())
    }

    /// Closes the segment.
    pub(crate) fn finish(mut self) -> std::io::Result<Built> {
        self.close_block()?;
        let filters_at = self.out.len() as u64;
        self.index.blocks.iter_mut().for_each(|block| block.filter.at += filters_at);
        self.out.append(&mut self.filters);
        let index = self.index.encode()?;
        let index_place = Place { at: self.out.len() as u64, len: index.len() as u64 };
        self.out.extend_from_slice(&index);
        // The footer lets a segment be read without its pointer record, by a person or a repair.
        self.out.extend_from_slice(&index_place.at.to_le_bytes());
        self.out.extend_from_slice(MAGIC);
        Ok(Built {
            blob: self.out,
            index_place,
            index: self.index,
            raw_bytes: self.raw_bytes,
            last_seq: self.last_seq,
        })
    }
}

//! Segments: immutable blobs of events in order, compressed in blocks, with an index at the end.
//!
//! ```text
//! magic | block ... block | term filter ... term filter | index | footer
//! ```
//! The layer knows series and payloads, not streams and messages, so that metric points can
//! use it too. Blocks are ordered by key and each says its range, its series and which terms
//! it may hold; a query reads only the blocks that may matter.

pub(crate) mod block;
pub(crate) mod grams;
pub(crate) mod index;
mod writer;

pub(crate) use block::Block;
pub(crate) use grams::TermFilter;
pub(crate) use index::{BlockMeta, Index, Place, SeriesMeta};
pub(crate) use writer::SegmentWriter;

/// The first bytes of every segment.
pub(crate) const MAGIC: &[u8; 8] = b"LSHSEG\x00\x01";
/// A block is closed once it holds this much payload.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;
/// Or this many events.
pub(crate) const BLOCK_EVENTS: usize = 16 << 10;
/// A block of more series than this does not list them.
pub(crate) const BLOCK_SERIES_LISTED: usize = 256;

#[cfg(test)]
mod tests;

//! Finds what a query wants in one block.

use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::sync::Arc;

use model::Timestamp;
use model::logs::LogStreamId;

use crate::codec::Malformed;
use crate::event::{Entry, Key};
use crate::need::{Predicate, Probe};
use crate::segment::{Block, Index};

/// What a query wants of a block.
pub(crate) struct Wanted {
    pub(crate) bounds: (Bound<Key>, Bound<Key>),
    /// For each series of the segment, whether it is wanted.
    pub(crate) series: Arc<Vec<bool>>,
    /// Which arrivals are wanted; all when absent.
    pub(crate) arrived: Option<RangeInclusive<u64>>,
    pub(crate) predicate: Option<Arc<dyn Predicate>>,
    pub(crate) probe: Arc<Probe>,
}

/// Unpacks a block and gives its wanted events, in order.
pub(crate) fn scan_block(
    stored: &[u8],
    index: &Index,
    block: usize,
    wanted: &Wanted,
) -> Result<Vec<Entry>, Malformed> {
    let block = index.blocks[block].unpack(stored, index.series.len())?;
    let mut found = Vec::new();
    match wanted.probe.literal() {
        None => {
            for at in 0..block.len() {
                found.extend(entry(&block, at, index, wanted)?);
            }
        }
        // One search over all texts is far faster than one for each.
        Some(literal) => {
            let mut from = 0;
            while let Some(hit) = literal.find_at(&block.payload, from) {
                let at = block.event_at(hit.start());
                let Some(&end) = block.ends.get(at) else { break };
                if hit.end() <= end as usize {
                    found.extend(entry(&block, at, index, wanted)?);
                    from = end as usize;
                } else {
                    // The hit straddles two texts: look on right behind its first byte.
                    from = hit.start() + 1;
                }
            }
        }
    }
    Ok(found)
}

/// The event at `at`, if it is wanted.
fn entry(block: &Block, at: usize, index: &Index, wanted: &Wanted) -> Result<Option<Entry>, Malformed> {
    let (key, series) = (block.keys[at], block.series[at] as usize);
    if !wanted.series[series] || !wanted.bounds.contains(&key) {
        return Ok(None);
    }
    if wanted.arrived.as_ref().is_some_and(|arrived| !arrived.contains(&key.seq)) {
        return Ok(None);
    }
    let message = std::str::from_utf8(block.payload_of(at)).map_err(|_| Malformed("not UTF-8"))?;
    if wanted.predicate.as_ref().is_some_and(|predicate| !predicate.matches(message)) {
        return Ok(None);
    }
    Ok(Some(Entry {
        key,
        stream: LogStreamId::from_bits(index.series[series].id),
        ingested_at: Timestamp::from_millis(block.ingested[at]),
        message: message.into(),
    }))
}

//! Segment indexes that were read lately, bounded by their size.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::segment::Index;

/// A least-recently-used cache by blob name.
pub(crate) struct IndexCache {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    indexes: HashMap<String, Cached>,
    weight: usize,
    clock: u64,
}

struct Cached {
    index: Arc<Index>,
    weight: usize,
    used_at: u64,
}

impl IndexCache {
    pub(crate) fn new(limit: usize) -> Self {
        IndexCache { limit, held: Mutex::default() }
    }

    pub(crate) fn get(&self, blob: &str) -> Option<Arc<Index>> {
        let mut held = self.held.lock();
        held.clock += 1;
        let now = held.clock;
        let cached = held.indexes.get_mut(blob)?;
        cached.used_at = now;
        Some(Arc::clone(&cached.index))
    }

    /// Keeps an index, at the cost of those not used for longest.
    pub(crate) fn put(&self, blob: String, index: Arc<Index>) {
        let weight = index.weight();
        let mut held = self.held.lock();
        held.clock += 1;
        let used_at = held.clock;
        if let Some(old) = held.indexes.insert(blob, Cached { index, weight, used_at }) {
            held.weight -= old.weight;
        }
        held.weight += weight;
        while held.weight > self.limit && held.indexes.len() > 1 {
            let oldest = held.indexes.iter().min_by_key(|(_, c)| c.used_at).map(|(name, _)| name.clone());
            let Some(cached) = oldest.and_then(|name| held.indexes.remove(&name)) else { return };
            held.weight -= cached.weight;
        }
    }

    pub(crate) fn remove(&self, blob: &str) {
        let mut held = self.held.lock();
        if let Some(cached) = held.indexes.remove(blob) {
            held.weight -= cached.weight;
        }
    }
}

//! One table in memory: rows by key and positions by index, in persistent ordered maps.
//!
//! A clone is O(1) and shares everything, which is what makes snapshots cheap. The index maps
//! hold `index key + row key -> row key`; an update that leaves the index keys alone leaves
//! the index maps alone.

use std::collections::BTreeMap;
use std::ops::Bound;

use imbl::OrdMap;

use crate::engine::Seq;
use crate::key::Key;
use crate::row::{AnyRow, Kind};

#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) row: AnyRow,
    pub(crate) seq: Seq,
}

#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) kind: Kind,
    rows: OrdMap<Key, Cell>,
    indexes: BTreeMap<&'static str, OrdMap<Key, Key>>,
}

impl Table {
    pub(crate) fn new(kind: Kind) -> Self {
        Table { kind, rows: OrdMap::new(), indexes: BTreeMap::new() }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Cell> {
        self.rows.get(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows whose key starts with `prefix` and comes after `after`.
    pub(crate) fn rows<'a>(
        &'a self,
        prefix: &Key,
        after: Option<&Key>,
    ) -> impl Iterator<Item = &'a Cell> + use<'a> {
        let within = self.rows.range::<_, [u8]>((start(prefix, after), Bound::Unbounded));
        let prefix = prefix.clone();
        within.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(_, cell)| cell)
    }

    /// Row keys whose position in `index` starts with `prefix` and comes after `after`.
    pub(crate) fn positions<'a>(
        &'a self,
        index: &str,
        prefix: &Key,
        after: Option<&Key>,
    ) -> impl Iterator<Item = &'a Key> + use<'a> {
        let map = self.indexes.get(index);
        let bounds = (start(prefix, after), Bound::Unbounded);
        // Ranged at once, so that the iterator borrows the table only.
        let within = map.map(|map| map.range::<_, [u8]>(bounds)).into_iter().flatten();
        let prefix = prefix.clone();
        within.take_while(move |(position, _)| position.starts_with(&prefix)).map(|(_, key)| key)
    }

    pub(crate) fn put(&mut self, key: Key, cell: Cell) {
        let new = (self.kind.index_keys)(&*cell.row);
        match self.rows.insert(key.clone(), cell) {
            Some(old) => {
                let old = (self.kind.index_keys)(&*old.row);
                if old == new {
                    return;
                }
                self.unindex(&key, old);
            }
            None if new.is_empty() => return,
            None => {}
        }
        for (index, index_key) in new {
            self.indexes.entry(index).or_default().insert(index_key.join(&key), key.clone());
        }
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        if let Some(old) = self.rows.remove(key) {
            self.unindex(key, (self.kind.index_keys)(&*old.row));
        }
    }

    fn unindex(&mut self, key: &Key, entries: Vec<(&'static str, Key)>) {
        for (index, index_key) in entries {
            if let Some(map) = self.indexes.get_mut(index) {
                map.remove(&index_key.join(key));
            }
        }
    }
}

fn start<'a>(prefix: &'a Key, after: Option<&'a Key>) -> Bound<&'a [u8]> {
    match after {
        Some(after) if after >= prefix => Bound::Excluded(after.as_bytes()),
        Some(_) | None => Bound::Included(prefix.as_bytes()),
    }
}

//! A consistent view of all tables at one `Seq`. Taking one is O(1); it never changes.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::engine::Seq;
use crate::key::Key;
use crate::limit::MAX_PAGE;
use crate::row::{Row, Versioned};
use crate::table::{Cell, Table};

/// All tables as they were after one commit. Cheap to take, to clone and to keep for a while.
#[derive(Clone)]
pub struct Snapshot(pub(crate) Arc<State>);

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) seq: Seq,
    pub(crate) tables: BTreeMap<&'static str, Table>,
}

impl Snapshot {
    /// The last commit that the snapshot shows.
    pub fn seq(&self) -> Seq {
        self.0.seq
    }

    /// The row with this key.
    pub fn get<R: Row>(&self, key: &Key) -> Option<Versioned<R>> {
        self.table::<R>().get(key).map(versioned)
    }

    /// Rows whose key starts with `prefix`, in key order: at most `limit` (and
    /// [`MAX_PAGE`]) of those behind the key `after`.
    pub fn page<R: Row>(&self, prefix: &Key, after: Option<&Key>, limit: usize) -> Vec<Versioned<R>> {
        self.table::<R>().rows(prefix, after).take(limit.min(MAX_PAGE)).map(versioned).collect()
    }

    /// Every row whose key starts with `prefix`, in key order, without a limit: for deciders that
    /// need the whole view, not for answers.
    pub fn all<'a, R: Row>(&'a self, prefix: &Key) -> impl Iterator<Item = Versioned<R>> + use<'a, R> {
        self.table::<R>().rows(prefix, None).map(versioned)
    }

    /// Rows whose key in `index` starts with `prefix`, ordered by index key, then row key: at most
    /// `limit` (and [`MAX_PAGE`]) of those behind the position `after`.
    ///
    /// A position comes from [`Versioned::position`]; it is the index key joined with the row's key.
    pub fn page_by<R: Row>(
        &self,
        index: &'static str,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Vec<Versioned<R>> {
        let table = self.table::<R>();
        let keys = table.positions(index, prefix, after).take(limit.min(MAX_PAGE));
        keys.filter_map(|key| table.get(key)).map(versioned).collect()
    }

    /// Every row whose key in `index` starts with `prefix`, without a limit.
    pub fn all_by<'a, R: Row>(
        &'a self,
        index: &'static str,
        prefix: &Key,
    ) -> impl Iterator<Item = Versioned<R>> + use<'a, R> {
        let table = self.table::<R>();
        table.positions(index, prefix, None).filter_map(|key| table.get(key)).map(versioned)
    }

    /// How many rows have a key that starts with `prefix`. O(1) for the empty prefix.
    pub fn count<R: Row>(&self, prefix: &Key) -> usize {
        let table = self.table::<R>();
        if prefix.is_empty() { table.len() } else { table.rows(prefix, None).count() }
    }

    /// How many entries of `index` start with `prefix`. Walks them; decodes nothing.
    pub fn count_by<R: Row>(&self, index: &'static str, prefix: &Key) -> usize {
        self.table::<R>().positions(index, prefix, None).count()
    }

    fn table<R: Row>(&self) -> &Table {
        let table = self.0.tables.get(R::TABLE).filter(|table| table.kind.id == TypeId::of::<R>());
        table.unwrap_or_else(|| panic!("table {} is not in the store's schema", R::TABLE))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.tables.iter().map(|(name, table)| (name, table.len()));
        write!(f, "Snapshot at {} ", self.0.seq)?;
        f.debug_map().entries(counts).finish()
    }
}

fn versioned<R: Row>(cell: &Cell) -> Versioned<R> {
    let row = cell.row.clone().downcast::<R>().expect("the schema fixed the table's row type");
    Versioned { row, seq: cell.seq }
}

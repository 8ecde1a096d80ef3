//! What a table holds, and which tables there are.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use model::record::RecordError;

use crate::engine::Seq;
use crate::key::Key;

/// A record that lives in a table of its own.
pub trait Row: model::Record + Clone + Send + Sync + 'static {
    /// The table's name: room and noun, such as `ecs/cluster`. It is on disk: never changed.
    const TABLE: &'static str;

    /// The row's key within its table. Must never change while the row lives.
    fn key(&self) -> Key;

    /// The row's entries in secondary indexes: index name and index key.
    ///
    /// Index keys need not be unique, and a row may have none or several in one index. They are
    /// computed, not stored: an index can be added or changed in any version.
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }
}

/// A row as it was at some moment, and the commit that wrote it. Derefs to the row.
#[derive(Debug)]
pub struct Versioned<R> {
    /// The row.
    pub row: Arc<R>,
    /// The commit that last wrote it; what [`crate::Txn::expect`] compares.
    pub seq: Seq,
}

impl<R> Clone for Versioned<R> {
    fn clone(&self) -> Self {
        Versioned { row: self.row.clone(), seq: self.seq }
    }
}

impl<R> Deref for Versioned<R> {
    type Target = R;
    fn deref(&self) -> &R {
        &self.row
    }
}

impl<R: Row> Versioned<R> {
    /// The row's position in `index` under `prefix`: what [`crate::Snapshot::page_by`] takes as
    /// `after` to go on behind this row. `None` if the row is not there.
    ///
    /// It is the index key followed by the row's key.
    pub fn position(&self, index: &str, prefix: &Key) -> Option<Key> {
        let keys = self.row.index_keys();
        let found = keys.into_iter().find(|(name, key)| *name == index && key.starts_with(prefix));
        found.map(|(_, key)| key.join(&self.row.key()))
    }
}

pub(crate) type AnyRow = Arc<dyn Any + Send + Sync>;

/// What the store must know of a row type without naming it.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) table: &'static str,
    pub(crate) id: TypeId,
    pub(crate) decode: fn(&[u8]) -> Result<AnyRow, RecordError>,
    pub(crate) index_keys: fn(&(dyn Any + Send + Sync)) -> Vec<(&'static str, Key)>,
}

/// The tables of a store; given to [`crate::Store::open`].
///
/// Each room offers a function that adds its own: `ecs::tables(Schema::new())`.
#[derive(Clone, Default)]
pub struct Schema {
    pub(crate) kinds: BTreeMap<&'static str, Kind>,
}

impl Schema {
    /// Starts without tables.
    pub fn new() -> Self {
        Schema::default()
    }

    /// Adds the table of `R`. Adding it twice is harmless.
    ///
    /// # Panics
    /// If another type already has the table's name.
    #[must_use]
    pub fn table<R: Row>(mut self) -> Self {
        let kind = Kind {
            table: R::TABLE,
            id: TypeId::of::<R>(),
            decode: |bytes| Ok(Arc::new(R::decode(bytes)?)),
            index_keys: |row| row.downcast_ref::<R>().map(Row::index_keys).unwrap_or_default(),
        };
        let known = self.kinds.insert(R::TABLE, kind);
        let same = known.is_none_or(|known| known.id == TypeId::of::<R>());
        assert!(same, "two row types share the table {}", R::TABLE);
        self
    }

    /// Adds all tables of `other`.
    #[must_use]
    pub fn merge(mut self, other: Schema) -> Self {
        for (name, kind) in other.kinds {
            let id = kind.id;
            let known = self.kinds.insert(name, kind);
            assert!(known.is_none_or(|known| known.id == id), "two row types share the table {name}");
        }
        self
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}

//! Tables of a room: a type of the room's own around each noun that it stores.
//!
//! The nouns are in `model`, and tables belong to rooms: a noun becomes a row only through
//! the room's wrapper, so that no one else can write it. The wrapper derefs to the noun.

/// Declares wrappers and their tables:
/// `table! { pub ClusterRow(Cluster) in "ecs/cluster" { key(c) => key![c.scope, c.name], "by" => key![…] } }`.
/// An index entry may be an `Option<Key>`, where `None` leaves the row out of the index, or a `Vec<Key>`.
macro_rules! table {
    ($($(#[$doc:meta])* $vis:vis $row:ident($noun:ty) in $table:literal {
        key($it:ident) => $key:expr $(, $index:expr => $index_key:expr)* $(,)?
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        $vis struct $row($vis $noun);

        impl model::Record for $row {
            const VERSION: u16 = <$noun as model::Record>::VERSION;
            fn upgrade(
                version: u16,
                old: serde_json::Value,
            ) -> Result<serde_json::Value, model::record::RecordError> {
                <$noun as model::Record>::upgrade(version, old)
            }
        }

        impl ::store::Row for $row {
            const TABLE: &'static str = $table;
            fn key(&self) -> ::store::Key {
                let $it = &self.0;
                $key
            }
            fn index_keys(&self) -> Vec<(&'static str, ::store::Key)> {
                #[allow(unused_variables)]
                let $it = &self.0;
                #[allow(unused_mut)]
                let mut keys = Vec::new();
                $(keys.extend($crate::table::entry($index, $index_key));)*
                keys
            }
        }

        impl std::ops::Deref for $row {
            type Target = $noun;
            fn deref(&self) -> &$noun {
                &self.0
            }
        }

        impl From<$noun> for $row {
            fn from(noun: $noun) -> Self {
                $row(noun)
            }
        }
    )*};
}

pub(crate) use table;

/// What may stand behind an index's name: the row's entries in it.
pub(crate) trait Entries {
    /// The entries.
    fn keys(self) -> Vec<store::Key>;
}

impl Entries for store::Key {
    fn keys(self) -> Vec<store::Key> {
        vec![self]
    }
}

impl Entries for Option<store::Key> {
    fn keys(self) -> Vec<store::Key> {
        self.into_iter().collect()
    }
}

impl Entries for Vec<store::Key> {
    fn keys(self) -> Vec<store::Key> {
        self
    }
}

/// A row's entries in an index.
pub(crate) fn entry(
    index: &'static str,
    entries: impl Entries,
) -> impl Iterator<Item = (&'static str, store::Key)> {
    entries.keys().into_iter().map(move |key| (index, key))
}

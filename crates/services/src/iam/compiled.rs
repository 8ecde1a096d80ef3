//! Policies that have been read: each document is parsed once for each time it is written.
//!
//! A row's commit tells whether what is kept is still what is stored; nothing needs to be told of changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use auth::policy::Document;
use parking_lot::RwLock;
use store::engine::Seq;

/// How many rows' policies are kept; with more, all are read again.
const MOST: usize = 20_000;

/// The documents of one row.
pub(crate) type Documents = Arc<[Arc<Document>]>;

/// Documents by the id of their row, and the commit that wrote it.
#[derive(Default)]
pub(crate) struct Compiled(RwLock<BTreeMap<String, (Seq, Documents)>>);

impl Compiled {
    /// The documents of the row `id` as `seq` wrote it. Every text was checked before it was stored; one that cannot be
    /// read all the same denies everything, as nobody knows what it would have denied.
    pub(crate) fn of<'t>(&self, id: &str, seq: Seq, texts: impl Iterator<Item = &'t str>) -> Documents {
        if let Some((known, documents)) = self.0.read().get(id)
            && *known == seq
        {
            return documents.clone();
        }
        let read: Documents = texts
            .map(|text| Document::parse(text).unwrap_or_else(|_| Document::denying()))
            .map(Arc::new)
            .collect();
        let mut all = self.0.write();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(id.to_owned(), (seq, read.clone()));
        read
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compiled({})", self.0.read().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_once_for_each_commit() {
        let compiled = Compiled::default();
        let text = r#"{"Statement":[]}"#;
        let first = compiled.of("AIDA1", Seq(1), [text].into_iter());
        assert_eq!(first.len(), 1);
        assert!(Arc::ptr_eq(&first, &compiled.of("AIDA1", Seq(1), [].into_iter())));
        assert_eq!(compiled.of("AIDA1", Seq(2), [text, text].into_iter()).len(), 2);
    }
}

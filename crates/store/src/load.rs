//! Filling the tables from the engine: at open, and again after the watch fell behind.
//!
//! The scan is sequential; decoding, which costs most, runs on the blocking pool where the
//! runtime has several threads. On a single-threaded runtime everything stays in place, so
//! that simulated worlds are deterministic.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinHandle;

use crate::engine::{Engine, Entry, Range};
use crate::error::Error;
use crate::key::Key;
use crate::limit::MAX_PAGE;
use crate::row::Schema;
use crate::snapshot::State;
use crate::table::{Cell, Table};
use crate::txn::split_engine_key;

/// Decoded entries; `None` for entries of tables that this version does not know.
type Page = Vec<Option<(&'static str, Key, Cell)>>;

/// Reads the engine's whole state.
pub(crate) async fn load(engine: &dyn Engine, schema: &Arc<Schema>) -> Result<State, Error> {
    let mut cursor = engine.scan(Range::all()).await.map_err(Error::Read)?;
    let tables = schema.kinds.iter().map(|(name, kind)| (*name, Table::new(kind.clone()))).collect();
    let mut state = State { seq: cursor.seq(), tables };
    let parallel = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
    let at_once = std::thread::available_parallelism().map_or(2, NonZero::get) * 2;
    let mut decoding: VecDeque<JoinHandle<Result<Page, Error>>> = VecDeque::new();
    let mut unknown = 0;
    loop {
        let entries = cursor.next(MAX_PAGE).await.map_err(Error::Read)?;
        let end = entries.is_empty();
        if parallel && !end {
            let schema = schema.clone();
            decoding.push_back(tokio::task::spawn_blocking(move || decode_page(&schema, &entries)));
        } else {
            unknown += fill(&mut state, decode_page(schema, &entries)?);
        }
        while decoding.len() >= if end { 1 } else { at_once } {
            let Some(page) = decoding.pop_front() else { break };
            let page = page.await.map_err(|error| Error::Unavailable(error.into()))?;
            unknown += fill(&mut state, page?);
        }
        if end {
            break;
        }
    }
    if unknown > 0 {
        tracing::warn!(rows = unknown, "rows of unknown tables are kept on disk and not served");
    }
    Ok(state)
}

fn decode_page(schema: &Schema, entries: &[Entry]) -> Result<Page, Error> {
    entries
        .iter()
        .map(|entry| {
            let Some((table, key)) = split_engine_key(&entry.key) else { return Ok(None) };
            let Some(kind) = schema.kinds.get(table) else { return Ok(None) };
            match (kind.decode)(&entry.value) {
                Ok(row) => Ok(Some((kind.table, key, Cell { row, seq: entry.seq }))),
                Err(source) => Err(Error::Row { table: table.to_owned(), key, source }),
            }
        })
        .collect()
}

fn fill(state: &mut State, page: Page) -> usize {
    let mut unknown = 0;
    for row in page {
        let Some((name, key, cell)) = row else {
            unknown += 1;
            continue;
        };
        if let Some(table) = state.tables.get_mut(name) {
            table.put(key, cell);
        }
    }
    unknown
}

//! Time-ordered segments: log events now, metric points later; query, filter, tail.
//!
//! An append is durable in the write-ahead log when it answers. Tables in memory are written out
//! as segments into the blob store, with pointer records in the state store. A query reads the
//! blocks that may matter, in order. [`pattern`] is CloudWatch Logs' filter language, pure.
//! No clock is read: times come with the events.

mod blob;
mod cache;
mod catalog;
mod codec;
mod committer;
mod compact;
mod error;
mod event;
mod flush;
mod logs;
mod memtable;
mod need;
mod options;
pub mod pattern;
mod query;
mod recover;
mod scan;
mod segment;
mod shared;
mod sources;
mod tail;
mod wal;

pub use catalog::SegmentRow;
pub use codec::Malformed;
pub use committer::Appended;
pub use error::{Error, Result};
pub use event::{Batch, EVENT_OVERHEAD_BYTES, Entry, Event, Key, Source, StreamStats};
pub use logs::{Logs, tables};
pub use need::{Need, Predicate};
pub use options::Options;
pub use query::{Direction, Page, Query, StreamFilter};
pub use tail::{Fresh, Heard, Tail};

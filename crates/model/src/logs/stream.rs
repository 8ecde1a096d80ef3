//! A log stream: the events of one source, such as one container.

use serde::{Deserialize, Serialize};

use crate::logs::{LogGroupId, LogStreamId, LogStreamName};
use crate::record::Record;
use crate::time::Timestamp;

/// A log stream. What is known of its events lives in the log store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStream {
    /// The group it belongs to.
    pub group: LogGroupId,
    /// Its name, unique in its group.
    pub name: LogStreamName,
    /// The id of this life of the name.
    pub id: LogStreamId,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Record for LogStream {}

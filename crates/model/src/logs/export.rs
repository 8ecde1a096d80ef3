//! Export tasks: a range of a group's events, written out as files.

use serde::{Deserialize, Serialize};

use crate::logs::{LogGroupId, LogGroupName};
use crate::record::Record;
use crate::scope::Scope;
use crate::time::Timestamp;

/// Where an export task stands. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExportStatus {
    /// Accepted.
    Pending,
    /// Being written.
    Running,
    /// To be given up.
    PendingCancel,
    /// Everything is written.
    Completed,
    /// Given up at a caller's wish.
    Cancelled,
    /// It could not be written.
    Failed,
}

impl ExportStatus {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportStatus::Pending => "PENDING",
            ExportStatus::Running => "RUNNING",
            ExportStatus::PendingCancel => "PENDING_CANCEL",
            ExportStatus::Completed => "COMPLETED",
            ExportStatus::Cancelled => "CANCELLED",
            ExportStatus::Failed => "FAILED",
        }
    }

    /// Whether the task has work before it.
    pub fn is_active(self) -> bool {
        match self {
            ExportStatus::Pending | ExportStatus::Running | ExportStatus::PendingCancel => true,
            ExportStatus::Completed | ExportStatus::Cancelled | ExportStatus::Failed => false,
        }
    }
}

/// An export task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTask {
    /// The account and region.
    pub scope: Scope,
    /// The task's id.
    pub id: String,
    /// The caller's name for it.
    pub name: Option<String>,
    /// The group.
    pub group: LogGroupId,
    /// The group's name.
    pub group_name: LogGroupName,
    /// Only streams whose names begin so.
    pub stream_prefix: Option<String>,
    /// The earliest time wanted.
    pub from: Timestamp,
    /// The latest time wanted.
    pub to: Timestamp,
    /// The bucket.
    pub bucket: String,
    /// What the keys of all files begin with.
    pub prefix: String,
    /// Where it stands.
    pub status: ExportStatus,
    /// Why it stands there, for people.
    pub message: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

impl Record for ExportTask {}

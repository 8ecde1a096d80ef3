//! Export tasks at work: a group's events as gzip files in the blob store, a folder a stream.
//!
//! Files are named as AWS names them: `PREFIX/TASK/STREAM/000000.gz`, a line an event. A task that a
//! restart interrupted begins again: what it had written is removed first.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ::store::{BlobName, Blobs, MAX_PAGE, Snapshot, Txn, Versioned, key};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::Timestamp;
use model::logs::{ExportStatus, ExportTask, LogStream};
use store::blobs::Error as BlobError;
use telemetry::{Direction, Key, Query};
use thiserror::Error;

use crate::cloud::Cloud;
use crate::logs::error::Error;
use crate::logs::retention::visible_from;
use crate::logs::select::{PAGE_BYTES_MAX, PAGE_EVENTS_MAX};
use crate::logs::store as tables;
use crate::logs::store::ExportTaskRow;

/// A file is closed when it holds this much text.
const FILE_BYTES: u64 = 64 << 20;
/// How long a task that has ended is shown.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest part of a folder's name that comes from its stream's.
const FOLDER_MAX: usize = 150;
/// The file that shows that a bucket can be written to.
const MARKER: &str = "aws-logs-write-test";

/// Why a task did not come to its end.
#[derive(Debug, Error)]
enum Stop {
    #[error("the task was cancelled")]
    Cancelled,
    #[error("the log group is gone")]
    Gone,
    #[error("the files cannot be written")]
    Blobs(#[from] BlobError),
    #[error("the log store failed")]
    Logs(#[from] Error),
}

/// Does the export tasks that wait, one after the other, and forgets old ones.
///
/// # Errors
/// Failures of the state store: what was not done still waits.
pub async fn run_waiting(cloud: &Cloud, now: impl Fn() -> Timestamp) -> Result<(), Error> {
    forget(cloud, now()).await?;
    while let Some(task) = waiting(&cloud.store.snapshot()) {
        let task = if task.status == ExportStatus::Pending {
            set(cloud, &task, ExportStatus::Running, "Started", None).await?
        } else {
            task.row.0.clone()
        };
        let (status, message) = match write(cloud, &task, now()).await {
            Ok(()) => (ExportStatus::Completed, "Completed successfully".to_owned()),
            Err(Stop::Cancelled) => (ExportStatus::Cancelled, "Cancelled by user".to_owned()),
            Err(stop) => {
                let cause = &stop as &dyn std::error::Error;
                tracing::warn!(task = %task.id, error = cause, "an export task failed");
                (ExportStatus::Failed, stop.to_string())
            }
        };
        let Some(last) = cloud.store.snapshot().get::<ExportTaskRow>(&key![task.scope, task.id]) else {
            continue;
        };
        set(cloud, &last, status, &message, Some(now())).await?;
    }
    Ok(())
}

/// Forgets the tasks that ended long ago; their files stay.
async fn forget(cloud: &Cloud, now: Timestamp) -> Result<(), Error> {
    let snapshot = cloud.store.snapshot();
    let ended = snapshot
        .all::<ExportTaskRow>(&key![])
        .filter(|task| task.completed_at.is_some_and(|end| now.since(end) > KEPT));
    for task in ended {
        match cloud.store.commit(Txn::new().remove(&task)).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The oldest task that is not at its end.
fn waiting(snapshot: &Snapshot) -> Option<Versioned<ExportTaskRow>> {
    let active = snapshot.all::<ExportTaskRow>(&key![]).filter(|task| task.status.is_active());
    active.min_by_key(|task| task.created_at)
}

async fn set(
    cloud: &Cloud,
    read: &Versioned<ExportTaskRow>,
    status: ExportStatus,
    message: &str,
    completed_at: Option<Timestamp>,
) -> Result<ExportTask, Error> {
    let task = ExportTask { status, message: message.to_owned(), completed_at, ..read.row.0.clone() };
    match cloud.store.commit(Txn::new().update(read, &ExportTaskRow(task.clone()))).await {
        Ok(_) => Ok(task),
        // Somebody wants it cancelled: the next look sees that.
        Err(error) if error.is_conflict() => Ok(read.row.0.clone()),
        Err(error) => Err(error.into()),
    }
}

/// Writes all files of a task.
async fn write(cloud: &Cloud, task: &ExportTask, now: Timestamp) -> Result<(), Stop> {
    if task.status == ExportStatus::PendingCancel {
        return Err(Stop::Cancelled);
    }
    let snapshot = cloud.store.snapshot();
    let group = tables::group(&snapshot, &task.scope, &task.group_name).map_err(|_| Stop::Gone)?;
    if group.id != task.group {
        return Err(Stop::Gone);
    }
    let start = visible_from(&group, Some(task.from.as_millis()), now);
    let bucket = format!("files/{}/{}", task.bucket, task.prefix);
    let folder = format!("{bucket}/{}", task.id);
    clear(&cloud.blobs, &folder).await?;
    cloud.blobs.ensure(&BlobName::new(format!("{bucket}/{MARKER}"))?, "Permission Check Successful").await?;
    let mut taken = BTreeSet::new();
    let prefix = task.stream_prefix.as_deref().unwrap_or_default();
    for stream in tables::streams(&snapshot, task.group, prefix) {
        let name = folder_of(&stream, &mut taken);
        write_stream(cloud, task, &stream, start, &format!("{folder}/{name}")).await?;
    }
    Ok(())
}

/// Removes what an interrupted attempt left.
async fn clear(blobs: &Blobs, folder: &str) -> Result<(), Stop> {
    loop {
        let page = blobs.list(folder, None, MAX_PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        for blob in page {
            blobs.delete(&blob.name).await?;
        }
    }
}

async fn write_stream(
    cloud: &Cloud,
    task: &ExportTask,
    stream: &LogStream,
    start: Option<Timestamp>,
    folder: &str,
) -> Result<(), Stop> {
    let (id, mut after, mut number) = (stream.id, None::<Key>, 0);
    let mut file = File::default();
    loop {
        let query = Query {
            group: task.group,
            streams: Arc::new(move |stream| stream == id),
            start,
            end: Some(Timestamp::from_millis(task.to.as_millis().saturating_add(1))),
            direction: Direction::Ascending,
            after,
            arrived: None,
            predicate: None,
            limit: PAGE_EVENTS_MAX,
            max_bytes: PAGE_BYTES_MAX,
        };
        let page = cloud.logs.select(&query).await.map_err(Error::from)?;
        for entry in &page.entries {
            file.line(entry.key.timestamp, &entry.message);
        }
        after = page.next;
        if file.bytes >= FILE_BYTES || (after.is_none() && file.bytes > 0) {
            let name = BlobName::new(format!("{folder}/{number:06}.gz"))?;
            cloud.blobs.put_new(&name, std::mem::take(&mut file).finish()).await?;
            number += 1;
        }
        let row = cloud.store.snapshot().get::<ExportTaskRow>(&key![task.scope, task.id]);
        if row.is_none_or(|row| row.status == ExportStatus::PendingCancel) {
            return Err(Stop::Cancelled);
        }
        if after.is_none() {
            return Ok(());
        }
    }
}

/// A file in the making; what is packed so far is in memory.
struct File {
    packer: GzEncoder<Vec<u8>>,
    bytes: u64,
}

impl Default for File {
    fn default() -> Self {
        File { packer: GzEncoder::new(Vec::new(), Compression::fast()), bytes: 0 }
    }
}

impl File {
    fn line(&mut self, timestamp: i64, message: &str) {
        let line = format!("{} {}\n", written(timestamp), message.trim_end_matches('\n'));
        self.bytes += line.len() as u64;
        self.packer.write_all(line.as_bytes()).expect("memory takes what is written to it");
    }

    fn finish(self) -> Vec<u8> {
        self.packer.finish().expect("memory takes what is written to it")
    }
}

/// `2026-11-23T22:36:17.000Z`.
fn written(timestamp: i64) -> String {
    match jiff::Timestamp::from_millisecond(timestamp) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => timestamp.to_string(),
    }
}

/// A stream's folder: its name with hyphens for slashes, as AWS has it. What no blob's name may hold is
/// written as `=` and two hexadecimal digits, and two streams never share one.
fn folder_of(stream: &LogStream, taken: &mut BTreeSet<String>) -> String {
    let mut folder = String::new();
    for byte in stream.name.as_str().bytes() {
        match byte {
            b'/' => folder.push('-'),
            b'.' if folder.is_empty() => folder.push_str("=2E"),
            byte if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) => folder.push(char::from(byte)),
            byte => folder.push_str(&format!("={byte:02X}")),
        }
    }
    let is_long = folder.len() > FOLDER_MAX;
    folder.truncate(FOLDER_MAX);
    if is_long || taken.contains(&folder) {
        folder = format!("{folder}={}", stream.id);
    }
    taken.insert(folder.clone());
    folder
}

#[cfg(test)]
mod tests {
    use model::logs::{LogGroupId, LogStreamId, LogStreamName};

    use super::*;

    #[test]
    fn folders_are_named_as_streams_and_never_shared() {
        let mut taken = BTreeSet::new();
        let mut check = |name: &str, expected: &str| {
            let stream = LogStream {
                group: LogGroupId::from_bits(1),
                name: LogStreamName::new(name).unwrap(),
                id: LogStreamId::from_bits(2),
                created_at: Timestamp::EPOCH,
            };
            assert_eq!(folder_of(&stream, &mut taken), expected, "{name}");
        };
        check("web/app/1", "web-app-1");
        check("web-app-1", "web-app-1=00000000000000000000000000000002");
        check("[$LATEST] ü", "=5B=24LATEST=5D=20=C3=BC");
        check(".hidden", "=2Ehidden");
    }

    #[test]
    fn a_line_begins_with_its_time() {
        assert_eq!(written(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
    }
}

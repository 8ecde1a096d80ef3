//! Task protection: for how long, and what a task asks of its own from inside.

use std::time::Duration;

use model::Timestamp;
use model::ecs::Task;
use store::{Store, Txn};
use wire::link::{Protection, ProtectionRequest, UplinkError};

use super::door;
use super::error::Error;
use super::store::TaskRow;

/// How long a protection lasts that names no time, in minutes.
const DEFAULT_MINUTES: i32 = 120;
/// The longest protection, in minutes.
const MAX_MINUTES: i32 = 2880;
/// Attempts at a commit that meets a conflict.
const ATTEMPTS: usize = 64;

/// How long a protection lasts that was asked for so many minutes.
pub(crate) fn lasting(minutes: Option<i32>) -> Result<Duration, Error> {
    let minutes = minutes.unwrap_or(DEFAULT_MINUTES);
    let seconds = u64::try_from(minutes).ok().filter(|_| (1..=MAX_MINUTES).contains(&minutes));
    let refusal = || Error::InvalidParameter("expiresInMinutes must be between 1 and 2880.".into());
    seconds.map(|minutes| Duration::from_secs(60 * minutes)).ok_or_else(refusal)
}

/// Answers a task that asks for its own protection, or changes it.
///
/// # Errors
/// `MISSING` or `TASK_NOT_VALID` for one that can have none; what UpdateTaskProtection answers otherwise.
pub async fn ask(
    store: &Store,
    task_arn: &str,
    request: ProtectionRequest,
    now: Timestamp,
) -> Result<Protection, UplinkError> {
    let refuse =
        |retryable, code: &str, message: String| UplinkError { retryable, code: code.into(), message };
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        let found = door::task(&snapshot, task_arn).filter(|task| !task.seen.last_status.is_ended());
        let Some(found) = found else {
            return Err(refuse(false, "MISSING", format!("The task {task_arn} does not run.")));
        };
        if found.spec.service.is_none() {
            return Err(refuse(false, "TASK_NOT_VALID", "The task is not part of a service.".into()));
        }
        let until = match request {
            ProtectionRequest::Get => {
                let until = found.supervision.protected_until.filter(|until| *until > now);
                return Ok(Protection { until: until.map(Timestamp::as_millis) });
            }
            ProtectionRequest::Unprotect => None,
            ProtectionRequest::Protect(minutes) => {
                let lasting = lasting(minutes)
                    .map_err(|error| refuse(false, "InvalidParameterException", error.to_string()))?;
                Some(now + lasting)
            }
        };
        let mut task = Task::clone(&found);
        task.supervision.protected_until = until;
        match store.commit(Txn::new().update(&found, &TaskRow(task))).await {
            Ok(_) => return Ok(Protection { until: until.map(Timestamp::as_millis) }),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(refuse(true, "ServerException", error.to_string())),
        }
    }
    Err(refuse(true, "ServerException", "The task changed too often.".into()))
}

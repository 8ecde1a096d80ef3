//! Housekeeping: what time alone makes superfluous is removed.
//!
//! Stopped tasks after their hour, deleted task definitions after their last task, the history of services after 90
//! days, log events after their retention, blobs that nothing refers to.
//! Each duty has its own pace; a failure is logged and the duty comes round again.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use services::{Cloud, ecs, logs};

use crate::clock::Clock;

/// The longest pause between two looks at stopped tasks: clocks may be set, and tasks keep stopping.
const TASKS_EVERY: Duration = Duration::from_secs(60);
/// The shortest pause, so that a batch that is full does not make a busy loop.
const TASKS_AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Between two sweeps of log events.
const LOGS_EVERY: Duration = Duration::from_secs(10 * 60);
/// Between two looks at the history of services.
const HISTORY_EVERY: Duration = Duration::from_secs(60 * 60);
/// Between two runs of the registry's reaper.
const REGISTRY_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long copies and scans that failed for a reason of ours wait; a wish wakes them at once.
const WISHES_EVERY: Duration = Duration::from_secs(60);
/// The least pause between two looks at what was put off.
const WISHES_PAUSE: Duration = Duration::from_millis(500);

/// Runs all duties until it is dropped.
pub async fn run(cloud: Arc<Cloud>, clock: Clock) {
    tokio::join!(
        stopped_tasks(&cloud, &clock),
        task_definitions(&cloud),
        service_deployments(&cloud, &clock),
        log_events(&cloud, &clock),
        blobs(&cloud, &clock),
        copies_and_scans(&cloud, &clock)
    );
}

async fn stopped_tasks(cloud: &Cloud, clock: &Clock) {
    loop {
        let now = clock.now();
        let pause = match ecs::door::reap_stopped_tasks(&cloud.store, now).await {
            Ok(wake_at) => pause_until(wake_at, now),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "removing stopped tasks");
                TASKS_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}

fn pause_until(wake_at: Option<Timestamp>, now: Timestamp) -> Duration {
    wake_at.map_or(TASKS_EVERY, |at| at.since(now)).clamp(TASKS_AT_MOST_EVERY, TASKS_EVERY)
}

async fn task_definitions(cloud: &Cloud) {
    loop {
        tokio::time::sleep(TASKS_EVERY).await;
        if let Err(error) = ecs::reap::task_definitions(&cloud.store).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "removing deleted task definitions");
        }
    }
}

async fn service_deployments(cloud: &Cloud, clock: &Clock) {
    loop {
        // A batch that was full is followed by the next one.
        match ecs::reap::service_deployments(&cloud.store, clock.now()).await {
            Ok(reaped) if reaped > 0 => continue,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "removing old service deployments");
            }
        }
        tokio::time::sleep(HISTORY_EVERY).await;
    }
}

async fn log_events(cloud: &Cloud, clock: &Clock) {
    loop {
        tokio::time::sleep(LOGS_EVERY).await;
        if let Err(error) = logs::door::sweep(cloud, clock.now()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "sweeping log events");
        }
    }
}

async fn blobs(cloud: &Cloud, clock: &Clock) {
    loop {
        tokio::time::sleep(REGISTRY_EVERY).await;
        match cloud.registry.reap(clock.now()).await {
            Ok(reaped) => tracing::debug!(?reaped, "the registry's reaper ran"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "reaping blobs"),
        }
    }
}

/// Makes the copies in other regions and runs the scans that pushes and requests wish for.
async fn copies_and_scans(cloud: &Cloud, clock: &Clock) {
    loop {
        let copied = cloud.registry.replicate(clock.now()).await;
        let scanned = cloud.registry.scan_pending(clock.now()).await;
        for error in [copied.as_ref().err(), scanned.as_ref().err()].into_iter().flatten() {
            tracing::warn!(error = error as &dyn std::error::Error, "copying and scanning images");
        }
        // There may be more than one round's worth.
        if copied.unwrap_or(0) + scanned.unwrap_or(0) > 0 {
            continue;
        }
        // A wish that came during the round is remembered and wakes at once.
        let put_off = cloud.registry.replication_due().map(|due| due.since(clock.now()));
        let pause = put_off.map_or(WISHES_EVERY, |pause| pause.clamp(WISHES_PAUSE, WISHES_EVERY));
        drop(tokio::time::timeout(pause, cloud.registry.work_is_wished()).await);
    }
}

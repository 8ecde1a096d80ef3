//! The store's engine in the storm: slow, sometimes failing, and booked by the ledger.
//!
//! A failed commit may have happened or not, as the engine's contract says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::Record;
use model::ecs::lifecycle::LifecycleStage;
use model::ecs::{DesiredStatus, LastStatus, NodeLoad, Service, ServiceDeployment, Task};
use model::elbv2::{Target, TargetHealth};
use parking_lot::Mutex;
use store::Seq;
use store::engine::{
    Commit, CommitError, Compacted, Cursor, Engine, Entry, MemoryEngine, Range, ReadError, Watch,
};

use crate::dice::Dice;
use crate::ledger::{Ledger, table_of};
use crate::planted::Planted;

/// Virtual time in which the store's memory follows a commit before anybody hears of it. Tokio wakes
/// those who wait for it in an order that no seed decides, so nobody may have to wait.
const FOLLOWED_WITHIN: Duration = Duration::from_millis(1);

/// An engine in memory that a storm can reach.
#[derive(Debug)]
pub struct StormyEngine {
    inner: MemoryEngine,
    ledger: Arc<Mutex<Ledger>>,
    weather: Mutex<Weather>,
    planted: Option<Planted>,
}

#[derive(Debug)]
struct Weather {
    dice: Dice,
    stormy: bool,
}

/// What happens to one commit.
struct Fate {
    before: Duration,
    after: Duration,
    fails_before: bool,
    fails_after: bool,
}

impl StormyEngine {
    /// An empty engine in calm weather.
    pub fn new(ledger: Arc<Mutex<Ledger>>, dice: Dice, planted: Option<Planted>) -> Self {
        let weather = Mutex::new(Weather { dice, stormy: false });
        StormyEngine { inner: MemoryEngine::new(), ledger, weather, planted }
    }

    /// Begins or ends the storm.
    pub fn set_stormy(&self, stormy: bool) {
        self.weather.lock().stormy = stormy;
    }

    fn fate(&self) -> Fate {
        let mut weather = self.weather.lock();
        let Weather { dice, stormy } = &mut *weather;
        if !*stormy {
            let none = Duration::ZERO;
            return Fate { before: none, after: none, fails_before: false, fails_after: false };
        }
        let slow = if dice.chance(10) { 400 } else { 8 };
        Fate {
            before: dice.millis(0, slow),
            after: dice.millis(0, slow),
            fails_before: dice.chance(2),
            fails_after: dice.chance(2),
        }
    }

    fn plant(&self, commit: &mut Commit) {
        let is = |key: &[u8], table| table_of(key) == Some(table);
        match self.planted {
            Some(Planted::KeepsLease) => {
                commit.writes.retain(|key, value| value.is_some() || !is(key, "ec2/address-lease"));
            }
            Some(Planted::ForgetsLoad) => commit.writes.retain(|key, _| !is(key, "ecs/node-load")),
            Some(Planted::IgnoresExpectations) => commit.expectations.clear(),
            Some(Planted::RevokesStop) => {
                let tasks = commit.writes.iter_mut().filter(|(key, _)| is(key, "ecs/task"));
                tasks.filter_map(|(_, value)| value.as_mut()).for_each(revoke);
            }
            Some(Planted::ForgetsMaximum) => each::<Service>(commit, "ecs/service", |service| {
                service.spec.deployment.maximum_percent = 200;
            }),
            Some(Planted::ForgetsMinimum) => each::<Service>(commit, "ecs/service", |service| {
                service.spec.deployment.minimum_healthy_percent = 0;
                service.spec.deployment.maximum_percent = 100;
            }),
            Some(Planted::ForgetDrain) => {
                let drains = |value: &bytes::Bytes| {
                    Target::decode(value).is_ok_and(|target| target.draining_until.is_some())
                };
                let targets = commit.writes.iter_mut().filter(|(key, _)| is(key, "elbv2/target"));
                for (_, value) in targets {
                    *value = value.take().filter(|value| !drains(value));
                }
            }
            Some(Planted::CountsUnhealthyTarget) => each::<Target>(commit, "elbv2/target", |target| {
                target.seen.get_or_insert_with(TargetHealth::healthy);
            }),
            Some(Planted::ForgetsShift) => {
                if commit.writes.keys().any(|key| is(key, "ecs/service-deployment")) {
                    commit.writes.retain(|key, _| !is(key, "elbv2/listener"));
                }
            }
            Some(Planted::SkipsScaleUp) => skip(commit, LifecycleStage::ScaleUp, LifecycleStage::PostScaleUp),
            Some(Planted::CleansUpEarly) => {
                skip(commit, LifecycleStage::PostScaleUp, LifecycleStage::CleanUp)
            }
            Some(Planted::ForgetsGrace) => each::<Service>(commit, "ecs/service", |service| {
                service.spec.health_check_grace_period_seconds = None;
            }),
            Some(Planted::DoubleReplace) => double(commit),
            Some(Planted::LosesOwner) => each::<Task>(commit, "ecs/task", |task| {
                // One in four: who sees none of its tasks would make them without end.
                if task.id.as_str().starts_with(['0', '1', '2', '3']) {
                    task.spec.service = None;
                }
            }),
            Some(
                Planted::OffersTooMuch
                | Planted::RunsAfterStop
                | Planted::LosesStop
                | Planted::ForgetsEnded
                | Planted::DropsReports
                | Planted::LeavesContainers,
            )
            | None => {}
        }
    }
}

/// Takes deployments that enter one stage for having come to a later one.
fn skip(commit: &mut Commit, from: LifecycleStage, to: LifecycleStage) {
    each::<ServiceDeployment>(commit, "ecs/service-deployment", |record| {
        if let Some(lifecycle) = record.lifecycle.as_mut().filter(|lifecycle| lifecycle.stage == from) {
            lifecycle.stage = to;
        }
    });
}

/// Changes every row of a table that a commit writes.
fn each<R: Record>(commit: &mut Commit, table: &str, change: impl Fn(&mut R)) {
    let rows = commit.writes.iter_mut().filter(|(key, _)| table_of(key) == Some(table));
    for value in rows.filter_map(|(_, value)| value.as_mut()) {
        if let Ok(mut row) = R::decode(value) {
            change(&mut row);
            *value = row.encode().into();
        }
    }
}

/// Makes a second one of a service's new task, with the load that goes with it.
fn double(commit: &mut Commit) {
    let new = commit.writes.iter().find_map(|(key, value)| {
        let task = Task::decode(value.as_ref().filter(|_| table_of(key) == Some("ecs/task"))?).ok()?;
        (task.version == 1 && task.spec.service.is_some()).then(|| (key.clone(), task))
    });
    let Some((key, task)) = new else { return };
    let (id, other) = (task.id.as_str(), task.id.as_str().chars().rev().collect::<String>());
    let text = String::from_utf8_lossy(&task.encode()).replace(id, &other);
    let Ok(mut copy) = Task::decode(text.as_bytes()) else { return };
    // Without a network of its own, so that no address is leased twice.
    copy.spec.network = None;
    copy.attachments.clear();
    let key = String::from_utf8_lossy(&key).replace(id, &other).into_bytes();
    commit.writes.insert(key.into(), Some(copy.encode().into()));
    each::<NodeLoad>(commit, "ecs/node-load", |load| {
        if Some(&load.node) == copy.node.as_ref() {
            load.cpu_units += copy.spec.cpu.unwrap_or_default();
            load.memory_mib += copy.spec.memory.unwrap_or_default();
            load.tasks += 1;
        }
    });
}

/// Makes a stopping task wanted again.
fn revoke(value: &mut bytes::Bytes) {
    if let Ok(mut task) = Task::decode(value)
        && task.seen.last_status == LastStatus::Stopping
    {
        task.desired_status = DesiredStatus::Running;
        *value = task.encode().into();
    }
}

fn failure() -> CommitError {
    CommitError::Unavailable("the storm".into())
}

#[async_trait]
impl Engine for StormyEngine {
    async fn get(&self, key: &[u8]) -> Result<Option<Entry>, ReadError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: Range) -> Result<Box<dyn Cursor>, ReadError> {
        self.inner.scan(range).await
    }

    async fn commit(&self, mut commit: Commit) -> Result<Seq, CommitError> {
        let fate = self.fate();
        tokio::time::sleep(fate.before).await;
        if fate.fails_before {
            return Err(failure());
        }
        self.plant(&mut commit);
        let writes = commit.writes.clone();
        // The engine in memory does not wait, so nothing comes between the commit and its booking.
        let committed = self.inner.commit(commit).await;
        if committed.is_ok() && !writes.is_empty() {
            self.ledger.lock().book(&writes);
        }
        tokio::time::sleep(FOLLOWED_WITHIN + fate.after).await;
        if fate.fails_after && committed.is_ok() { Err(failure()) } else { committed }
    }

    fn watch(&self, range: Range, after: Seq) -> Result<Watch, Compacted> {
        self.inner.watch(range, after)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

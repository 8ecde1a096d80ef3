//! What a simulated agent knows of one task, and how it says so. The journal keeps the same.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use model::ecs::status::StopCode;
use model::ecs::{DesiredStatus, LastStatus, TextEnum as _};
use reconcile::container::{
    Condition, Container, Dependency, Report, RestartPolicy, Seen, Site, Stage, View, Wanted,
};
use wire::link;

/// A task on a node.
#[derive(Clone, Debug)]
pub struct Record {
    /// What came down the link.
    pub task: link::Task,
    /// What the decider reads.
    pub view: View,
    /// Reports that have not been acknowledged, oldest first.
    pub outbox: VecDeque<link::TaskStateChange>,
    /// The last report that was queued.
    pub last: Option<link::TaskStateChange>,
    /// Whether the first report of the outbox is on its way.
    pub sending: bool,
    /// How long to wait before a refused report is sent again.
    pub pause: Duration,
    /// Only the wake-up with this number counts.
    pub wake: u64,
}

/// The pause after a first refusal.
pub const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A longer outbox loses its oldest report.
const OUTBOX_LIMIT: usize = 16;

impl Record {
    /// A task that has just come to the node.
    pub fn new(task: link::Task) -> Record {
        let stopped = task.desired_status == DesiredStatus::Stopped.as_str();
        let containers = task.containers.iter().map(|container| {
            (container.name.clone(), Container { wanted: wanted(container), seen: Seen::default() })
        });
        let view = View {
            desired: if stopped { DesiredStatus::Stopped } else { DesiredStatus::Running },
            status: LastStatus::Provisioning,
            stop: None,
            // A task that is to stop and is not known here has nothing here.
            site: if stopped { Site::Removed } else { Site::Absent },
            containers: containers.collect(),
            busy: BTreeSet::new(),
        };
        Record {
            task,
            view,
            outbox: VecDeque::new(),
            last: None,
            sending: false,
            pause: FIRST_PAUSE,
            wake: 0,
        }
    }

    /// The record as a successor reads it from the journal: nothing is under way, and what looks as if it had never
    /// been made may have been begun.
    pub fn revived(&self) -> Record {
        let mut record = self.clone();
        record.view.busy.clear();
        if record.view.site == Site::Absent {
            record.view.site = Site::Begun;
        }
        record.view.containers.values_mut().for_each(|container| container.seen.begun = true);
        record.sending = false;
        record.pause = FIRST_PAUSE;
        record
    }

    /// Whether the task's end has been acknowledged.
    pub fn is_over(&self) -> bool {
        self.view.status == LastStatus::Stopped && self.outbox.is_empty() && !self.sending
    }

    /// The task's address.
    pub fn address(&self) -> String {
        let interface = self.task.elastic_network_interfaces.first();
        let address = interface.and_then(|interface| interface.ipv4_addresses.first());
        address.map(|address| address.private_address.clone()).unwrap_or_default()
    }

    /// The image of a container.
    pub fn image(&self, container: &str) -> &str {
        let found = self.task.containers.iter().find(|it| it.name == container);
        found.map_or("", |container| container.image.as_str())
    }

    /// Queues the report if it has news; says whether it had.
    pub fn report(&mut self, report: &Report) -> bool {
        let change = state_change(self, report);
        let is_news = match &self.last {
            Some(last) => *last != change,
            None => report.status != LastStatus::Provisioning,
        };
        self.view.status = report.status;
        if is_news {
            self.last = Some(change.clone());
            self.outbox.push_back(change);
            while self.outbox.len() > OUTBOX_LIMIT {
                self.outbox.pop_front();
            }
        }
        is_news
    }
}

fn wanted(container: &link::Container) -> Wanted {
    let seconds = |value: i64| Duration::from_secs(u64::try_from(value).unwrap_or(0));
    let policy = container.restart_policy.as_ref().filter(|policy| policy.enabled);
    Wanted {
        essential: container.essential,
        depends_on: container.depends_on.iter().filter_map(dependency).collect(),
        start_timeout: Some(seconds(container.start_timeout)).filter(|timeout| !timeout.is_zero()),
        stop_timeout: container.stop_timeout.map_or(Wanted::STOP_TIMEOUT, seconds),
        restart_policy: policy.map(|policy| RestartPolicy {
            ignored_exit_codes: policy.ignored_exit_codes.iter().copied().collect(),
            attempt_period: seconds(policy.restart_attempt_period),
        }),
        health_check: None,
    }
}

fn dependency(dependency: &link::ContainerDependency) -> Option<Dependency> {
    let condition = match dependency.condition.as_str() {
        "START" => Condition::Start,
        "COMPLETE" => Condition::Complete,
        "SUCCESS" => Condition::Success,
        "HEALTHY" => Condition::Healthy,
        _ => return None,
    };
    Some(Dependency { container: dependency.container_name.clone(), condition })
}

fn state_change(record: &Record, report: &Report) -> link::TaskStateChange {
    let stop = report.stop.as_ref();
    let containers = report.containers.iter().map(|(name, told)| {
        let seen = record.view.containers.get(name).map(|container| &container.seen.stage);
        link::ContainerStateChange {
            container_name: name.clone(),
            status: told.status.as_str().to_owned(),
            runtime_id: seen.filter(|stage| **stage != Stage::Waiting).map(|_| format!("sim-{name}")),
            exit_code: told.exit_code,
            reason: told.reason.clone(),
            ..link::ContainerStateChange::default()
        }
    });
    link::TaskStateChange {
        cluster: record.task.longshore.as_ref().map(|it| it.cluster_arn.clone()).unwrap_or_default(),
        task: record.task.arn.clone(),
        status: report.status.as_str().to_owned(),
        reason: stop.and_then(|stop| stop.reason.clone()),
        stop_code: stop.and_then(|stop| stop.code).map(|code| StopCode::as_str(code).to_owned()),
        containers: containers.collect(),
        ..link::TaskStateChange::default()
    }
}

//! What the service scheduler looks at: one service, its change under way, its tasks.

use std::collections::BTreeSet;

use model::Timestamp;
use model::ecs::status::{DesiredStatus, LastStatus, StopCode};
use model::ecs::supervision::Supervision;
use model::ecs::{ContainerInstanceId, RevisionId, Service, ServiceDeployment, TaskId};

/// One service and all that bears on it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The service as it is stored.
    pub service: Service,
    /// The record of the change that its PRIMARY deployment belongs to.
    pub record: Option<ServiceDeployment>,
    /// Its tasks that have not ended, and those of whose end no note was taken.
    pub tasks: Vec<TaskView>,
    /// The container instances on which a task fits: what DAEMON counts.
    pub instances: BTreeSet<ContainerInstanceId>,
    /// The zones in which tasks of the PRIMARY revision can run, where they are to be balanced.
    pub zones: BTreeSet<String>,
    /// The rules by which the change under way shifts traffic.
    pub routes: Vec<RouteView>,
}

/// A rule by which traffic is shifted from one target group to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// The rule's ARN, or the listener's for its default rule.
    pub rule: String,
    /// Whether it is the test traffic's.
    pub is_test: bool,
    /// The target group that the serving revision's tasks are in.
    pub from: String,
    /// The one that the new revision's are in.
    pub to: String,
    /// What it does now.
    pub weights: Vec<(String, u16)>,
    /// Why it cannot be rewritten, if so.
    pub broken: Option<String>,
}

/// A task as the scheduler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// The deployment that started it.
    pub deployment: RevisionId,
    /// Whether it should run.
    pub desired: DesiredStatus,
    /// Where it is in its life.
    pub last: LastStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became RUNNING.
    pub started_at: Option<Timestamp>,
    /// When its work ended.
    pub ended_at: Option<Timestamp>,
    /// What its containers' health checks say.
    pub checks: Checks,
    /// Why it stopped.
    pub stop_code: Option<StopCode>,
    /// Why it did not start, where ECS tells it as an event: on Fargate.
    pub why_not: Option<String>,
    /// Whether it was stopped because it was not healthy.
    pub was_unhealthy: bool,
    /// The scheduler's own notes.
    pub supervision: Supervision,
    /// Its entries in the target groups that it is to join.
    pub targets: Vec<TargetView>,
    /// The container instance that it runs on.
    pub instance: Option<ContainerInstanceId>,
    /// Whether its container instance drains: it is to be replaced by one elsewhere.
    pub has_to_move: bool,
    /// The zone that it runs in.
    pub zone: Option<String>,
}

/// What the health checks of a task's containers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// No essential container has one.
    None,
    /// Not yet anything.
    Unknown,
    /// They pass.
    Passing,
    /// They fail.
    Failing,
}

/// A task's entry in one target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetView {
    /// The target group's ARN.
    pub group: String,
    /// The address or instance that is to be registered.
    pub id: String,
    /// The port.
    pub port: u16,
    /// What the load balancer says of it.
    pub state: TargetState,
}

/// What a load balancer says of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// It was never registered.
    Absent,
    /// Its first checks are under way.
    Initial,
    /// It takes traffic.
    Healthy,
    /// It fails its checks, and why.
    Unhealthy(String),
    /// It is being taken out, at the latest until then.
    Draining(Option<Timestamp>),
    /// No traffic goes there.
    Unused,
}

impl TaskView {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.last.is_ended()
    }

    /// Whether it is wanted, and has not ended.
    pub fn is_live(&self) -> bool {
        self.desired == DesiredStatus::Running && !self.has_ended()
    }

    /// Whether anybody checks its health: itself, or a load balancer.
    pub fn is_checked(&self) -> bool {
        self.checks != Checks::None || !self.targets.is_empty()
    }

    /// Whether it counts against the maximum: PENDING or RUNNING, in ECS's words.
    pub fn is_present(&self) -> bool {
        self.last <= LastStatus::Running
    }
}

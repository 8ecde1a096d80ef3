//! Deployments: the way from one revision of a service to the next.
//!
//! A [`Deployment`] is an entry of a service's `deployments`; its id and its revision's are one number. A
//! [`ServiceDeployment`] is the history's record of one change of a service, which also outlives a rollback.

use serde::{Deserialize, Serialize};

use super::lifecycle::{Lifecycle, Shifting};
use super::name::{ClusterName, RevisionId, ServiceDeploymentId, ServiceName};
use super::text::text_enum;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// A deployment's place among its service's.
    pub enum DeploymentStatus {
        /// The one that the service is to end up with.
        Primary = "PRIMARY",
        /// One whose tasks are being replaced.
        Active = "ACTIVE",
    }
}

text_enum! {
    /// How far a deployment has come.
    pub enum RolloutState {
        /// On its way.
        InProgress = "IN_PROGRESS",
        /// Every task is in place, and nothing else is left.
        Completed = "COMPLETED",
        /// Given up; it starts no more tasks.
        Failed = "FAILED",
    }
}

/// An entry of a service's `deployments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its revision's id.
    pub id: RevisionId,
    /// Its place among the service's.
    pub status: DeploymentStatus,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// Failed tasks in a row.
    pub failed_tasks: u32,
    /// How far it has come.
    pub rollout_state: RolloutState,
    /// How far it has come, in words.
    pub rollout_state_reason: String,
    /// Rounds in a row in which tasks did not come to run: what the pause before the next start follows.
    pub failed_rounds: u32,
    /// Rounds in a row in which tasks ran, and ended before they were healthy.
    #[serde(default)]
    pub crashed_rounds: u32,
    /// No task is started before this time.
    pub start_again_at: Option<Timestamp>,
    /// The record of the change that it belongs to.
    pub service_deployment: ServiceDeploymentId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Deployment {
    /// A new PRIMARY deployment, on its way.
    pub fn new(
        id: RevisionId,
        service_deployment: ServiceDeploymentId,
        desired_count: u32,
        now: Timestamp,
    ) -> Self {
        Deployment {
            rollout_state_reason: format!("ECS deployment {} in progress.", id.deployment()),
            id,
            status: DeploymentStatus::Primary,
            desired_count,
            failed_tasks: 0,
            rollout_state: RolloutState::InProgress,
            failed_rounds: 0,
            crashed_rounds: 0,
            start_again_at: None,
            service_deployment,
            created_at: now,
            updated_at: now,
        }
    }
}

text_enum! {
    /// The ways from one revision to the next.
    pub enum DeploymentStrategy {
        /// Task by task.
        Rolling = "ROLLING",
        /// All at once, once the new ones stand.
        BlueGreen = "BLUE_GREEN",
        /// In equal steps.
        Linear = "LINEAR",
        /// A small part first.
        Canary = "CANARY",
    }
}

impl DeploymentStrategy {
    /// Whether the new revision starts beside the old one, and traffic is shifted then.
    pub fn shifts_traffic(self) -> bool {
        match self {
            DeploymentStrategy::Rolling => false,
            DeploymentStrategy::BlueGreen | DeploymentStrategy::Linear | DeploymentStrategy::Canary => true,
        }
    }
}

/// How a service is rolled over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentConfiguration {
    /// The way.
    pub strategy: DeploymentStrategy,
    /// The least healthy tasks, in percent of the desired count, rounded up.
    pub minimum_healthy_percent: u32,
    /// The most tasks, in percent of the desired count, rounded down.
    pub maximum_percent: u32,
    /// When to give up.
    pub circuit_breaker: CircuitBreaker,
    /// How traffic is shifted, by the ways that shift it.
    #[serde(default)]
    pub shifting: Shifting,
    /// The alarms that were named and are not to be watched, when given: those that are to be are refused.
    #[serde(default)]
    pub idle_alarms: Option<IdleAlarms>,
}

/// Alarms that a deployment names and does not watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleAlarms {
    /// Their names.
    pub names: Vec<String>,
    /// Whether the last completed deployment would come back.
    pub rollback: bool,
}

/// When a deployment is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// Whether it ever is.
    pub enable: bool,
    /// Whether the last completed one then comes back.
    pub rollback: bool,
    /// Whether a healthy task sets the count of failures to 0, when given.
    pub reset_on_healthy_task: Option<bool>,
    /// How many failures are too many, when given.
    pub threshold: Option<Threshold>,
}

impl CircuitBreaker {
    /// The one that services have which ask for none.
    pub const OFF: CircuitBreaker =
        CircuitBreaker { enable: false, rollback: false, reset_on_healthy_task: None, threshold: None };
}

text_enum! {
    /// What a threshold's value means.
    pub enum ThresholdType {
        /// A number of failures.
        Count = "COUNT",
        /// Percent of the desired count, from 3 to 200 failures.
        BoundedPercent = "BOUNDED_PERCENT",
        /// Percent of the desired count.
        UnboundedPercent = "UNBOUNDED_PERCENT",
    }
}

/// How many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// What the value means.
    pub kind: ThresholdType,
    /// The value.
    pub value: u32,
}

text_enum! {
    /// How far a change of a service has come.
    pub enum ServiceDeploymentStatus {
        /// Not begun.
        Pending = "PENDING",
        /// Done.
        Successful = "SUCCESSFUL",
        /// Given up, or overtaken by the next one.
        Stopped = "STOPPED",
        /// Somebody asked for its end.
        StopRequested = "STOP_REQUESTED",
        /// On its way.
        InProgress = "IN_PROGRESS",
        /// Somebody asked for the revision before.
        RollbackRequested = "ROLLBACK_REQUESTED",
        /// On its way back.
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        /// Back.
        RollbackSuccessful = "ROLLBACK_SUCCESSFUL",
        /// Neither forth nor back.
        RollbackFailed = "ROLLBACK_FAILED",
    }
}

impl ServiceDeploymentStatus {
    /// Whether nothing more will come of it.
    pub fn is_final(self) -> bool {
        match self {
            ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => true,
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress => false,
        }
    }
}

text_enum! {
    /// What the circuit breaker of one change is doing.
    pub enum MonitorStatus {
        /// It gave the change up.
        Triggered = "TRIGGERED",
        /// It counts.
        Monitoring = "MONITORING",
        /// It counts no more.
        MonitoringComplete = "MONITORING_COMPLETE",
        /// It is off.
        Disabled = "DISABLED",
    }
}

/// The record of one change of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// Account and region.
    pub scope: Scope,
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Its id.
    pub id: ServiceDeploymentId,
    /// The revisions that had tasks when it began.
    pub sources: Vec<RevisionId>,
    /// The revision that it leads to.
    pub target: RevisionId,
    /// The revision that serves when it begins, and comes back when a shift of traffic is given up.
    #[serde(default)]
    pub serving: Option<RevisionId>,
    /// How far a shift of traffic has come.
    #[serde(default)]
    pub lifecycle: Option<Lifecycle>,
    /// How far it has come.
    pub status: ServiceDeploymentStatus,
    /// Why it is there.
    pub status_reason: Option<String>,
    /// The configuration that it began with.
    pub configuration: DeploymentConfiguration,
    /// The way back.
    pub rollback: Option<Rollback>,
    /// What the circuit breaker does.
    pub monitor: MonitorStatus,
    /// Failures that it counted.
    pub failure_count: u32,
    /// Failures at which it gives up.
    pub threshold: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was done.
    pub finished_at: Option<Timestamp>,
    /// When it was given up.
    pub stopped_at: Option<Timestamp>,
    /// When it changed last.
    pub updated_at: Timestamp,
}

impl Record for ServiceDeployment {}

/// The way back of a change that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Why.
    pub reason: String,
    /// Since when.
    pub started_at: Timestamp,
    /// The revision that comes back.
    pub revision: RevisionId,
}

impl ServiceDeployment {
    /// `service-deployment/CLUSTER/SERVICE/ID`.
    pub fn arn(&self) -> Arn {
        let (cluster, service, id) = (&self.cluster, &self.service, &self.id);
        Arn::new("ecs", &self.scope, format!("service-deployment/{cluster}/{service}/{id}"))
    }
}

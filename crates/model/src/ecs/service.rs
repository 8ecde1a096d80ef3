//! Services: a wanted number of tasks, kept alive and rolled over from revision to revision.
//!
//! [`ServiceSpec`] is what the user wants of the service as a whole; what a single revision of it runs is a
//! [`super::ServiceRevision`]. `deployments` says which revisions have tasks or are to have them, the PRIMARY
//! one first. Services that somebody else deploys have [`TaskSet`]s. [`ServiceSeen`] is the scheduler's memory. Only the scheduler changes what was seen, and only a
//! request changes what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::deployment::{Deployment, DeploymentConfiguration};
use super::name::{ClusterName, RevisionId, ServiceName};
use super::placement::{PlacementStrategy, TaskPlacementConstraint};
use super::tag::Tags;
use super::task_set::{TaskSet, TaskSetStatus};
use super::text::text_enum;
use super::volume::Switch;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// Where a service is in its life. The order is the order of life.
    pub enum ServiceStatus {
        /// It has the tasks that it wants, or will have.
        Active = "ACTIVE",
        /// Deleted; its tasks are being stopped.
        Draining = "DRAINING",
        /// Deleted; still described for a while.
        Inactive = "INACTIVE",
    }
}

text_enum! {
    /// How many tasks a service wants.
    pub enum SchedulingStrategy {
        /// As many as `desiredCount` says.
        Replica = "REPLICA",
        /// One on each container instance that fits.
        Daemon = "DAEMON",
    }
}

text_enum! {
    /// Who replaces the tasks of one revision by those of the next.
    pub enum DeploymentControllerType {
        /// The service scheduler.
        Ecs = "ECS",
        /// CodeDeploy.
        CodeDeploy = "CODE_DEPLOY",
        /// Somebody else, by task sets.
        External = "EXTERNAL",
    }
}

text_enum! {
    /// Whose tags tasks get.
    pub enum PropagateTags {
        /// Their definition's.
        TaskDefinition = "TASK_DEFINITION",
        /// Their service's.
        Service = "SERVICE",
        /// Nobody's.
        None = "NONE",
    }
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Account and region.
    pub scope: Scope,
    /// The cluster.
    pub cluster: ClusterName,
    /// Its name, unique in the cluster.
    pub name: ServiceName,
    /// Active, draining or deleted.
    pub status: ServiceStatus,
    /// What is wanted.
    pub spec: ServiceSpec,
    /// The revisions that have tasks or are to have them; the PRIMARY one first. Never empty: with the EXTERNAL
    /// controller, the first one stands for none, and each task set has one of its own.
    pub deployments: Vec<Deployment>,
    /// What somebody else deploys, with the EXTERNAL controller.
    #[serde(default)]
    pub task_sets: Vec<TaskSet>,
    /// The target groups that tasks of its deployments are in, or were.
    #[serde(default)]
    pub target_groups: BTreeSet<String>,
    /// The ARN of the namespace in which its newest revision has Service Connect on.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The last revision whose deployment completed: where a rollback leads.
    pub stable: Option<RevisionId>,
    /// What the scheduler has noticed.
    pub seen: ServiceSeen,
    /// Tags.
    pub tags: Tags,
    /// Who created it.
    pub created_by: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it became inactive.
    pub deleted_at: Option<Timestamp>,
}

impl Record for Service {}

/// What is wanted of a service, beyond the revision that it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// How many tasks, for REPLICA.
    pub desired_count: u32,
    /// What that number means.
    pub scheduling_strategy: SchedulingStrategy,
    /// Who rolls over.
    pub controller: DeploymentControllerType,
    /// How it is rolled over.
    pub deployment: DeploymentConfiguration,
    /// How long failing health checks of a young task are ignored, when given.
    pub health_check_grace_period_seconds: Option<u32>,
    /// Where tasks must go.
    pub placement_constraints: Vec<TaskPlacementConstraint>,
    /// Where tasks go among the places where they may.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Whether zones are kept balanced.
    pub availability_zone_rebalancing: Switch,
    /// Whether tasks get ECS's own tags.
    pub enable_ecs_managed_tags: bool,
    /// Whose tags tasks get.
    pub propagate_tags: PropagateTags,
    /// Whether ECS Exec is on.
    pub enable_execute_command: bool,
    /// The role that was named for the load balancer.
    pub role: Option<String>,
    /// The idempotency token of the request that created it.
    pub client_token: Option<String>,
}

/// What the scheduler remembers of a service from one look to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSeen {
    /// Whether it was in a steady state at the last look.
    pub is_steady: bool,
    /// The number of the first event that is its own: an older service of the same name may have left some.
    pub first_event: u64,
    /// The number of its next event.
    pub next_event: u64,
    /// When events of a cause that repeats itself were told last.
    pub told: BTreeMap<EventCause, Timestamp>,
    /// How often in a row tasks found no place.
    pub placements_refused: u32,
    /// Not before this time are tasks placed again.
    pub place_again_at: Option<Timestamp>,
    /// How uneven the zones were when a task began to move to an emptier one, while it moves.
    pub moving: Option<u64>,
    /// Not before this time is the next one moved.
    pub move_again_at: Option<Timestamp>,
}

text_enum! {
    /// The causes whose events are held back when they repeat themselves.
    pub enum EventCause {
        /// No place for a task.
        Placement = "placement",
        /// Tasks do not start.
        Start = "start",
        /// A task did not start, and why.
        Launch = "launch",
        /// Protected tasks stay beyond the wanted number.
        Protection = "protection",
        /// The deployment configuration allows neither a start nor a stop.
        Configuration = "configuration",
    }
}

/// Something that happened to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// Account and region.
    pub scope: Scope,
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Its number among the service's events.
    pub number: u64,
    /// A UUID.
    pub id: String,
    /// When.
    pub created_at: Timestamp,
    /// What, in ECS's words.
    pub message: String,
}

impl Record for ServiceEvent {}

impl Service {
    /// The service's ARN.
    pub fn arn(&self) -> Arn {
        self.name.arn(&self.scope, &self.cluster)
    }

    /// The deployment that the service is to end up with.
    ///
    /// # Panics
    /// Never: a service has a PRIMARY deployment from its creation on.
    pub fn primary(&self) -> &Deployment {
        self.deployments.first().expect("a service has a PRIMARY deployment")
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// Never: a service has a PRIMARY deployment from its creation on.
    pub fn primary_mut(&mut self) -> &mut Deployment {
        self.deployments.first_mut().expect("a service has a PRIMARY deployment")
    }

    /// The revision that the service itself shows: that of its PRIMARY task set, where task sets say what runs.
    pub fn shown_revision(&self) -> &RevisionId {
        let primary = self.task_sets.iter().find(|set| set.status == TaskSetStatus::Primary);
        primary.map_or(&self.primary().id, |set| &set.revision)
    }

    /// The deployment of a revision, if it still has tasks or is to have them.
    pub fn deployment_mut(&mut self, id: &RevisionId) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.id == *id)
    }
}

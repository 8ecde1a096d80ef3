//! Clusters: a name under which tasks, services and container instances stand.
//!
//! Counters are not stored: they are counted from the tasks' indexes when asked for.

use serde::{Deserialize, Serialize};

use super::name::ClusterName;
use super::tag::Tags;
use super::text::text_enum;
use crate::{Arn, Record, Scope, Timestamp};

text_enum! {
    /// A cluster's status.
    pub enum ClusterStatus {
        /// Ready for use.
        Active = "ACTIVE",
        /// Deleted; still described for a while.
        Inactive = "INACTIVE",
    }
}

text_enum! {
    /// The values of the cluster setting `containerInsights`.
    pub enum ContainerInsights {
        /// With enhanced observability.
        Enhanced = "enhanced",
        /// On.
        Enabled = "enabled",
        /// Off.
        Disabled = "disabled",
    }
}

text_enum! {
    /// Where the output of ECS Exec sessions is logged.
    pub enum ExecuteCommandLogging {
        /// Nowhere.
        None = "NONE",
        /// To the container's `awslogs` configuration.
        Default = "DEFAULT",
        /// As the cluster's log configuration says.
        Override = "OVERRIDE",
    }
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the scope.
    pub name: ClusterName,
    /// Active or deleted.
    pub status: ClusterStatus,
    /// The setting `containerInsights`.
    pub container_insights: ContainerInsights,
    /// What `configuration` was given.
    pub configuration: Option<ClusterConfiguration>,
    /// Capacity providers that tasks in the cluster may use.
    pub capacity_providers: Vec<String>,
    /// What RunTask and CreateService use when they name neither strategy nor launch type.
    pub default_capacity_provider_strategy: Vec<StrategyItem>,
    /// The ARN of the namespace of services that turn Service Connect on and name none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Tags.
    pub tags: Tags,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it became inactive.
    pub deleted_at: Option<Timestamp>,
}

impl Record for Cluster {}

impl Cluster {
    /// The cluster's ARN.
    pub fn arn(&self) -> Arn {
        self.name.arn(&self.scope)
    }

    /// Whether the cluster may be used.
    pub fn is_active(&self) -> bool {
        self.status == ClusterStatus::Active
    }
}

/// How a cluster runs ECS Exec and encrypts its storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterConfiguration {
    /// ECS Exec.
    pub execute_command_configuration: Option<ExecuteCommandConfiguration>,
}

/// How ECS Exec sessions are encrypted and logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecuteCommandConfiguration {
    /// The key that encrypts the session.
    pub kms_key_id: Option<String>,
    /// Where output is logged.
    pub logging: Option<ExecuteCommandLogging>,
    /// Used with [`ExecuteCommandLogging::Override`].
    pub log_configuration: Option<ExecuteCommandLogConfiguration>,
}

/// Where the output of ECS Exec goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecuteCommandLogConfiguration {
    /// A log group.
    pub cloud_watch_log_group_name: Option<String>,
    /// Whether that group must be encrypted.
    pub cloud_watch_encryption_enabled: Option<bool>,
    /// A bucket.
    pub s3_bucket_name: Option<String>,
    /// Whether its objects are encrypted.
    pub s3_encryption_enabled: Option<bool>,
    /// The prefix of the objects.
    pub s3_key_prefix: Option<String>,
}

/// A part of a capacity provider strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyItem {
    /// The provider: `FARGATE`, `FARGATE_SPOT`, or one that was created.
    pub capacity_provider: String,
    /// The share of the tasks beyond every base, 0 to 1000.
    pub weight: u32,
    /// The tasks that this provider takes first, 0 to 100000; at most one item has one.
    pub base: u32,
}

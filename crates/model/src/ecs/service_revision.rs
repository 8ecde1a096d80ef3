//! Service revisions: what the tasks of one deployment of a service are made from. Never changed.

use serde::{Deserialize, Serialize};

use super::cluster::StrategyItem;
use super::name::{ClusterName, RevisionId, ServiceName, TaskDefinitionId};
use super::service_connect::{Endpoint, ServiceConnect};
use super::task::{AwsvpcConfiguration, LaunchType};
use crate::{Arn, Record, Scope, Timestamp};

/// A revision of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRevision {
    /// Account and region.
    pub scope: Scope,
    /// The service's cluster.
    pub cluster: ClusterName,
    /// The service.
    pub service: ServiceName,
    /// Its id; its deployment's, too.
    pub id: RevisionId,
    /// What its tasks are made from.
    pub spec: RevisionSpec,
    /// The target groups that its tasks join, one for each load balancer; without a word, the first one of each.
    #[serde(default)]
    pub target_groups: Vec<String>,
    /// What its tasks can connect to by Service Connect.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Record for ServiceRevision {}

/// What the tasks of a revision are made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevisionSpec {
    /// The task definition.
    pub definition: TaskDefinitionId,
    /// The launch type; none when a strategy chooses the capacity.
    pub launch_type: Option<LaunchType>,
    /// The capacity provider strategy.
    pub strategy: Vec<StrategyItem>,
    /// The Fargate platform version, as it was given.
    pub platform_version: Option<String>,
    /// Where interfaces go.
    pub network: Option<AwsvpcConfiguration>,
    /// The target groups that its tasks join.
    pub load_balancers: Vec<ServiceLoadBalancer>,
    /// The services of Cloud Map in which its tasks are registered.
    #[serde(default)]
    pub registries: Vec<ServiceRegistry>,
    /// That Service Connect is off, when somebody said so.
    pub is_service_connect_off: bool,
    /// What is said of Service Connect where it is on.
    #[serde(default)]
    pub service_connect: Option<ServiceConnect>,
}

impl RevisionSpec {
    /// Whether its tasks run on Fargate.
    pub fn is_fargate(&self) -> bool {
        let fargate = |item: &StrategyItem| item.capacity_provider.starts_with("FARGATE");
        self.launch_type == Some(LaunchType::Fargate) || self.strategy.iter().any(fargate)
    }
}

/// A target group that the tasks of a revision join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLoadBalancer {
    /// The target group's ARN.
    pub target_group_arn: String,
    /// The container that takes the traffic.
    pub container_name: String,
    /// Its port.
    pub container_port: u16,
    /// How its traffic is shifted from one revision to the next.
    #[serde(default)]
    pub shift: Option<TrafficShift>,
}

/// What shifts the traffic of a load balancer between two target groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficShift {
    /// The ARN of the other target group.
    pub alternate_target_group_arn: String,
    /// The ARN of the rule, or the listener, of the production traffic.
    pub production_rule_arn: String,
    /// The ARN of the rule, or the listener, of the test traffic.
    pub test_rule_arn: Option<String>,
    /// The role that was named for it.
    pub role_arn: String,
}

impl ServiceLoadBalancer {
    /// The target groups that its tasks may join.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let other = self.shift.as_ref().map(|shift| shift.alternate_target_group_arn.as_str());
        std::iter::once(self.target_group_arn.as_str()).chain(other)
    }
}

/// A service of Cloud Map in which the tasks of a revision are registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRegistry {
    /// Its ARN.
    pub registry_arn: String,
    /// The port of SRV records, when no container says it.
    pub port: Option<u16>,
    /// The container whose port is registered.
    pub container_name: Option<String>,
    /// That port.
    pub container_port: Option<u16>,
}

impl ServiceRevision {
    /// `service-revision/CLUSTER/SERVICE/ID`.
    pub fn arn(&self) -> Arn {
        self.id.arn(&self.scope, &self.cluster, &self.service)
    }

    /// Its load balancers, each with the target group that its tasks join.
    pub fn balancers(&self) -> impl Iterator<Item = (&ServiceLoadBalancer, &str)> {
        self.spec.load_balancers.iter().enumerate().map(|(at, balancer)| {
            (balancer, self.target_groups.get(at).unwrap_or(&balancer.target_group_arn).as_str())
        })
    }
}

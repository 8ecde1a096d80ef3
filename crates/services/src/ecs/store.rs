//! The room's tables and their indexes.
//!
//! Every key begins with the scope, but for nodes, which belong to no account. Index names
//! are constants, so that a query cannot ask for one that does not exist.

use model::Scope;
use model::ecs::name::TaskDefinitionId;
use model::ecs::service::ServiceStatus;
use model::ecs::setting::{AccountSetting, SettingOwner};
use model::ecs::task_definition::{FamilyCounter, TaskDefinitionStatus};
use model::ecs::{
    Cluster, ClusterName, ContainerInstance, DesiredStatus, LastStatus, Node, NodeLoad, RevisionId, Service,
    ServiceDeployment, ServiceDeploymentId, ServiceEvent, ServiceName, ServiceRevision, Task, TaskDefinition,
    TextEnum,
};
use store::{Key, Schema, Snapshot, Versioned, key};

use super::error::Error;
use crate::table::table;

/// Task definitions by status, then family and revision.
pub(crate) const BY_STATUS: &str = "by-status";
/// Task definitions of all scopes whose deletion was asked for, by that time.
pub(crate) const DELETING: &str = "deleting";
/// Tasks that have not ended by task definition.
pub(crate) const BY_DEFINITION: &str = "by-definition";
/// Tasks of a cluster by desired status.
pub(crate) const BY_DESIRED: &str = "by-desired";
/// Tasks of a cluster by desired status and family.
pub(crate) const BY_FAMILY: &str = "by-family";
/// Tasks of a cluster by desired status and `startedBy`.
pub(crate) const BY_STARTED_BY: &str = "by-started-by";
/// Tasks of a cluster by desired status and service.
pub(crate) const BY_SERVICE: &str = "by-service";
/// Tasks of a node that have not ended; container instances of a node.
pub(crate) const BY_NODE: &str = "by-node";
/// Tasks of a cluster by launch type and seen status.
pub(crate) const BY_SEEN: &str = "by-seen";
/// Tasks by the idempotency token of the request that made them.
pub(crate) const BY_CLIENT_TOKEN: &str = "by-client-token";
/// Tasks of all scopes that have not ended and have Service Connect on.
pub(crate) const CONNECTED: &str = "connected";
/// Services that are not deleted, by the namespace in which they have Service Connect on.
pub(crate) const BY_NAMESPACE: &str = "by-namespace";
/// Tasks of all scopes that have not ended.
pub(crate) const UNENDED: &str = "unended";
/// Tasks of all scopes that have ended, the oldest end first.
pub(crate) const ENDED: &str = "ended";

/// Tasks of a service that have not ended, or of whose end the scheduler took no note.
pub(crate) const OF_SERVICE: &str = "of-service";
/// Services of a cluster by status.
pub(crate) const BY_SERVICE_STATUS: &str = "by-service-status";
/// Services of all scopes that the scheduler keeps an eye on.
pub(crate) const SCHEDULED: &str = "scheduled";
/// Services that the scheduler keeps an eye on by the target groups of their tasks.
pub(crate) const BY_TARGET_GROUP: &str = "by-target-group";
/// Service deployments of a service, the newest first.
pub(crate) const NEWEST: &str = "newest";
/// Service deployments of all scopes that have ended, the oldest end first.
pub(crate) const FINISHED: &str = "finished";

table! {
    /// Clusters, the inactive ones included.
    pub(crate) ClusterRow(Cluster) in "ecs/cluster" {
        key(it) => key![it.scope, it.name.as_str()],
    }

    /// Task definitions of every status.
    pub(crate) TaskDefinitionRow(TaskDefinition) in "ecs/task-definition" {
        key(it) => key![it.scope, it.id.family.as_str(), it.id.revision],
        BY_STATUS => key![it.scope, it.status.as_str(), it.id.family.as_str(), it.id.revision],
        DELETING => it.delete_requested_at.map(|at| key![at]),
    }

    /// The last revision of every family that ever was.
    pub(crate) FamilyRow(FamilyCounter) in "ecs/family" {
        key(it) => key![it.scope, it.family.as_str()],
    }

    /// Tasks, the stopped ones that are still shown included.
    pub(crate) TaskRow(Task) in "ecs/task" {
        key(it) => key![it.scope, it.cluster.as_str(), it.id.as_str()],
        BY_DEFINITION => (!it.seen.last_status.is_ended()).then(|| {
            key![it.scope, it.spec.definition.family.as_str(), it.spec.definition.revision]
        }),
        BY_DESIRED => key![it.scope, it.cluster.as_str(), it.desired_status.as_str()],
        BY_FAMILY => key![
            it.scope, it.cluster.as_str(), it.desired_status.as_str(), it.spec.definition.family.as_str()
        ],
        BY_STARTED_BY => it.spec.started_by.as_ref().map(|started_by| {
            key![it.scope, it.cluster.as_str(), it.desired_status.as_str(), started_by]
        }),
        BY_SERVICE => it.spec.service.as_ref().map(|service| {
            key![it.scope, it.cluster.as_str(), it.desired_status.as_str(), service.as_str()]
        }),
        BY_NODE => it.node.as_ref().filter(|_| !it.seen.last_status.is_ended()).map(|node| key![node.as_str()]),
        BY_SEEN => key![
            it.scope, it.cluster.as_str(), it.spec.launch_type.as_str(), it.seen.last_status.as_str()
        ],
        BY_CLIENT_TOKEN => it.spec.client_token.as_ref().map(|token| {
            key![it.scope, it.cluster.as_str(), token]
        }),
        OF_SERVICE => it.spec.service.as_ref().filter(|_| !it.supervision.is_settled).map(|service| {
            key![it.scope, it.cluster.as_str(), service.as_str()]
        }),
        CONNECTED => (it.spec.connects && !it.seen.last_status.is_ended()).then(|| key![it.scope]),
        UNENDED => (!it.seen.last_status.is_ended()).then(|| key![it.scope, it.cluster.as_str()]),
        ENDED => it.seen.stopped_at.map(|at| key![at]),
    }

    /// Container instances.
    pub(crate) ContainerInstanceRow(ContainerInstance) in "ecs/container-instance" {
        key(it) => key![it.scope, it.cluster.as_str(), it.id.as_str()],
        BY_NODE => key![it.node.as_str()],
    }

    /// Machines.
    pub(crate) NodeRow(Node) in "ecs/node" {
        key(it) => key![it.id.as_str()],
    }

    /// What the tasks of a node take of it.
    pub(crate) NodeLoadRow(NodeLoad) in "ecs/node-load" {
        key(it) => key![it.node.as_str()],
    }

    /// Services, the inactive ones included.
    pub(crate) ServiceRow(Service) in "ecs/service" {
        key(it) => key![it.scope, it.cluster.as_str(), it.name.as_str()],
        BY_SERVICE_STATUS => key![it.scope, it.cluster.as_str(), it.status.as_str(), it.name.as_str()],
        SCHEDULED => (it.status != ServiceStatus::Inactive).then(|| {
            key![it.scope, it.cluster.as_str(), it.name.as_str()]
        }),
        BY_TARGET_GROUP => groups_of(it),
        BY_NAMESPACE => it.namespace.as_ref().filter(|_| it.status != ServiceStatus::Inactive).map(|namespace| {
            key![it.scope, namespace, it.cluster.as_str(), it.name.as_str()]
        }),
    }

    /// What the tasks of a service's deployments are made from.
    pub(crate) ServiceRevisionRow(ServiceRevision) in "ecs/service-revision" {
        key(it) => key![it.scope, it.cluster.as_str(), it.service.as_str(), it.id.as_str()],
    }

    /// The changes of services.
    pub(crate) ServiceDeploymentRow(ServiceDeployment) in "ecs/service-deployment" {
        key(it) => key![it.scope, it.cluster.as_str(), it.service.as_str(), it.id.as_str()],
        NEWEST => key![
            it.scope, it.cluster.as_str(), it.service.as_str(), -it.created_at.as_millis(), it.id.as_str()
        ],
        FINISHED => it.finished_at.map(|at| key![at]),
    }

    /// What happened to services.
    pub(crate) ServiceEventRow(ServiceEvent) in "ecs/service-event" {
        key(it) => key![it.scope, it.cluster.as_str(), it.service.as_str(), it.number],
    }

    /// Account settings that somebody put.
    pub(crate) SettingRow(AccountSetting) in "ecs/setting" {
        key(it) => setting_key(&it.scope, it.name.as_str(), &it.owner),
    }
}

/// Adds the room's tables to `schema`.
pub(crate) fn tables(schema: Schema) -> Schema {
    schema
        .table::<ClusterRow>()
        .table::<TaskDefinitionRow>()
        .table::<FamilyRow>()
        .table::<TaskRow>()
        .table::<ContainerInstanceRow>()
        .table::<NodeRow>()
        .table::<NodeLoadRow>()
        .table::<SettingRow>()
        .table::<ServiceRow>()
        .table::<ServiceRevisionRow>()
        .table::<ServiceDeploymentRow>()
        .table::<ServiceEventRow>()
}

fn groups_of(service: &Service) -> Vec<Key> {
    let watched = service.target_groups.iter().filter(|_| service.status != ServiceStatus::Inactive);
    watched.map(|group| key![service.scope, group]).collect()
}

/// A setting's key; the account's own default comes first.
pub(crate) fn setting_key(scope: &Scope, name: &str, owner: &SettingOwner) -> Key {
    match owner {
        SettingOwner::Account => key![scope, name, ""],
        SettingOwner::Principal(arn) => key![scope, name, arn],
    }
}

/// The active cluster called `name`.
pub(crate) fn active_cluster(
    snapshot: &Snapshot,
    scope: &Scope,
    name: &ClusterName,
) -> Result<Versioned<ClusterRow>, Error> {
    let cluster = snapshot.get::<ClusterRow>(&key![scope, name.as_str()]);
    cluster.filter(|cluster| cluster.is_active()).ok_or(Error::ClusterNotFound)
}

/// The service called `name`, whatever its status.
pub(crate) fn service(
    snapshot: &Snapshot,
    scope: &Scope,
    cluster: &ClusterName,
    name: &ServiceName,
) -> Option<Versioned<ServiceRow>> {
    snapshot.get(&key![scope, cluster.as_str(), name.as_str()])
}

/// A revision of a service.
pub(crate) fn service_revision(
    snapshot: &Snapshot,
    service: &Service,
    id: &RevisionId,
) -> Option<Versioned<ServiceRevisionRow>> {
    snapshot.get(&key![service.scope, service.cluster.as_str(), service.name.as_str(), id.as_str()])
}

/// The record of a change of a service.
pub(crate) fn service_deployment(
    snapshot: &Snapshot,
    service: &Service,
    id: &ServiceDeploymentId,
) -> Option<Versioned<ServiceDeploymentRow>> {
    snapshot.get(&key![service.scope, service.cluster.as_str(), service.name.as_str(), id.as_str()])
}

/// The tasks of a service that have not ended, or of whose end the scheduler took no note.
pub(crate) fn tasks_of_service(snapshot: &Snapshot, service: &Service) -> Vec<Versioned<TaskRow>> {
    let prefix = key![service.scope, service.cluster.as_str(), service.name.as_str()];
    snapshot.all_by(OF_SERVICE, &prefix).collect()
}

/// How many services of a cluster have this status.
pub(crate) fn count_services(snapshot: &Snapshot, cluster: &Cluster, status: ServiceStatus) -> usize {
    let prefix = key![cluster.scope, cluster.name.as_str(), status.as_str()];
    snapshot.count_by::<ServiceRow>(BY_SERVICE_STATUS, &prefix)
}

/// One revision of a family.
pub(crate) fn task_definition(
    snapshot: &Snapshot,
    scope: &Scope,
    id: &TaskDefinitionId,
) -> Option<Versioned<TaskDefinitionRow>> {
    snapshot.get(&key![scope, id.family.as_str(), id.revision])
}

/// The newest active revision of a family. Goes down from the last one: mostly one step.
pub(crate) fn latest_active(
    snapshot: &Snapshot,
    scope: &Scope,
    family: &str,
) -> Option<Versioned<TaskDefinitionRow>> {
    let counter = snapshot.get::<FamilyRow>(&key![scope, family])?;
    (1..=counter.last_revision)
        .rev()
        .filter_map(|revision| snapshot.get::<TaskDefinitionRow>(&key![scope, family, revision]))
        .find(|definition| definition.status == TaskDefinitionStatus::Active)
}

/// How many tasks of a cluster have a seen status among `statuses`, on one launch type.
pub(crate) fn count_seen(
    snapshot: &Snapshot,
    cluster: &Cluster,
    launch_type: &str,
    statuses: &[LastStatus],
) -> usize {
    let count = |status: &LastStatus| {
        let prefix = key![cluster.scope, cluster.name.as_str(), launch_type, status.as_str()];
        snapshot.count_by::<TaskRow>(BY_SEEN, &prefix)
    };
    statuses.iter().map(count).sum()
}

/// Whether a cluster has tasks that have not ended.
pub(crate) fn has_unended_tasks(snapshot: &Snapshot, cluster: &Cluster) -> bool {
    let prefix = key![cluster.scope, cluster.name.as_str()];
    !snapshot.page_by::<TaskRow>(UNENDED, &prefix, None, 1).is_empty()
}

/// The index prefix of a cluster's tasks with a desired status.
pub(crate) fn tasks_of(scope: &Scope, cluster: &ClusterName, desired: DesiredStatus) -> Key {
    key![scope, cluster.as_str(), desired.as_str()]
}

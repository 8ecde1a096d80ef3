//! What TagResource, UntagResource and ListTagsForResource share: the resource behind an ARN.

use model::ecs::service::ServiceStatus;
use model::ecs::{Cluster, ContainerInstance, Service, Tags, Task, TaskDefinition};
use model::{Arn, Scope};
use store::{Snapshot, Txn, Versioned, key};

use super::error::Error;
use super::rules::identifier;
use super::store::{
    ClusterRow, ContainerInstanceRow, ServiceRow, TaskDefinitionRow, TaskRow, active_cluster, service,
    task_definition,
};
use crate::context::OpCtx;

/// A resource that carries tags.
pub(crate) enum Tagged {
    Cluster(Versioned<ClusterRow>),
    TaskDefinition(Versioned<TaskDefinitionRow>),
    Task(Versioned<TaskRow>),
    ContainerInstance(Versioned<ContainerInstanceRow>),
    Service(Versioned<ServiceRow>),
}

impl Tagged {
    /// Its tags.
    pub(crate) fn tags(&self) -> &Tags {
        match self {
            Tagged::Cluster(row) => &row.row.tags,
            Tagged::TaskDefinition(row) => &row.row.tags,
            Tagged::Task(row) => &row.row.tags,
            Tagged::ContainerInstance(row) => &row.row.tags,
            Tagged::Service(row) => &row.row.tags,
        }
    }

    /// The transaction that gives the resource other tags.
    fn with_tags(&self, tags: Tags) -> Txn {
        match self {
            Tagged::Cluster(row) => {
                Txn::new().update(row, &ClusterRow(Cluster { tags, ..Cluster::clone(row) }))
            }
            Tagged::TaskDefinition(row) => Txn::new()
                .update(row, &TaskDefinitionRow(TaskDefinition { tags, ..TaskDefinition::clone(row) })),
            Tagged::Task(row) => Txn::new().update(row, &TaskRow(Task { tags, ..Task::clone(row) })),
            Tagged::ContainerInstance(row) => Txn::new().update(
                row,
                &ContainerInstanceRow(ContainerInstance { tags, ..ContainerInstance::clone(row) }),
            ),
            Tagged::Service(row) => {
                Txn::new().update(row, &ServiceRow(Service { tags, ..Service::clone(row) }))
            }
        }
    }
}

/// Gives the resource the tags that `change` makes of its own.
pub(crate) async fn change(
    ctx: &OpCtx,
    arn: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    let found = find(ctx, &ctx.cloud.store.snapshot(), arn)?;
    let mut tags = found.tags().clone();
    change(&mut tags)?;
    if tags != *found.tags() {
        ctx.cloud.store.commit(found.with_tags(tags)).await?;
    }
    Ok(())
}

/// The resource that an ARN names.
pub(crate) fn find(ctx: &OpCtx, snapshot: &Snapshot, raw: &str) -> Result<Tagged, Error> {
    find_in(&ctx.scope, snapshot, raw)
}

/// The resource of a scope that an ARN names.
pub(super) fn find_in(scope: &Scope, snapshot: &Snapshot, raw: &str) -> Result<Tagged, Error> {
    let invalid = || Error::InvalidParameter("Invalid arn syntax.".into());
    let missing = || Error::ResourceNotFound("The specified resource was not found.".into());
    let arn: Arn = raw.parse().map_err(|_| invalid())?;
    let (kind, name) = arn.typed_resource().ok_or_else(invalid)?;
    match kind {
        "cluster" => {
            let name = identifier::cluster(Some(raw), scope)?;
            active_cluster(snapshot, scope, &name).map(Tagged::Cluster)
        }
        "task-definition" => {
            let reference = identifier::task_definition(raw, scope)?.ok_or_else(missing)?;
            let id = reference.id().ok_or_else(invalid)?;
            task_definition(snapshot, scope, &id).map(Tagged::TaskDefinition).ok_or_else(missing)
        }
        "task" => {
            let cluster = name.split('/').next().unwrap_or_default();
            let cluster = identifier::cluster(Some(cluster), scope)?;
            let id = identifier::task(raw, scope, &cluster)?.ok_or_else(missing)?;
            let found = snapshot.get(&key![scope, cluster.as_str(), id.as_str()]);
            found.map(Tagged::Task).ok_or_else(missing)
        }
        "container-instance" => {
            let cluster = name.split('/').next().unwrap_or_default();
            let cluster = identifier::cluster(Some(cluster), scope)?;
            let id = identifier::container_instance(raw, scope, &cluster)?.ok_or_else(missing)?;
            let found = snapshot.get(&key![scope, cluster.as_str(), id.as_str()]);
            found.map(Tagged::ContainerInstance).ok_or_else(missing)
        }
        "service" => {
            let cluster = name.split('/').next().unwrap_or_default();
            let cluster = identifier::cluster(Some(cluster), scope)?;
            let name = identifier::service(raw, scope, &cluster)?.ok_or_else(missing)?;
            let found = service(snapshot, scope, &cluster, &name);
            found.filter(|it| it.status != ServiceStatus::Inactive).map(Tagged::Service).ok_or_else(missing)
        }
        "capacity-provider" | "task-set" => Err(missing()),
        other => Err(Error::InvalidParameter(format!("Unsupported resource type: {other}"))),
    }
}

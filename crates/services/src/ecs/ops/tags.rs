//! TagResource, UntagResource and ListTagsForResource, for every kind of resource that exists.

use model::Arn;
use model::ecs::{Cluster, Tags, Task, TaskDefinition};
use store::{Snapshot, Txn, Versioned, key};
use wire::ecs as shape;
use wire::ecs::{ListTagsForResource, TagResource, UntagResource};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::{identifier, tag};
use crate::ecs::store::{ClusterRow, TaskDefinitionRow, TaskRow, active_cluster, task_definition};
use crate::ecs::wire::cluster::write_tags;
use crate::error::ServiceError;
use crate::room::Handler;

/// A resource that carries tags.
enum Tagged {
    Cluster(Versioned<ClusterRow>),
    TaskDefinition(Versioned<TaskDefinitionRow>),
    Task(Versioned<TaskRow>),
}

impl Handler for TagResource {
    fn access(_: &OpCtx, input: &shape::TagResourceRequest) -> Access {
        Access::new("ecs:TagResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::TagResourceRequest,
    ) -> Result<shape::TagResourceResponse, ServiceError> {
        let added = tag::read(Some(input.tags))?;
        if added.is_empty() {
            return Err(Error::InvalidParameter("Tags cannot be empty.".into()).into());
        }
        change(ctx, &input.resource_arn, |tags| {
            tags.extend(added);
            tag::check_count(tags).map_err(|error| Error::LimitExceeded(error.to_string()))
        })
        .await?;
        Ok(shape::TagResourceResponse {})
    }
}

impl Handler for UntagResource {
    fn access(_: &OpCtx, input: &shape::UntagResourceRequest) -> Access {
        Access::new("ecs:UntagResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::UntagResourceRequest,
    ) -> Result<shape::UntagResourceResponse, ServiceError> {
        tag::check_removal(&input.tag_keys)?;
        change(ctx, &input.resource_arn, |tags| {
            tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await?;
        Ok(shape::UntagResourceResponse {})
    }
}

impl Handler for ListTagsForResource {
    fn access(_: &OpCtx, input: &shape::ListTagsForResourceRequest) -> Access {
        Access::new("ecs:ListTagsForResource", &input.resource_arn)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListTagsForResourceRequest,
    ) -> Result<shape::ListTagsForResourceResponse, ServiceError> {
        let found = match find(ctx, &ctx.cloud.store.snapshot(), &input.resource_arn) {
            // The model gives this operation no ResourceNotFoundException.
            Err(Error::ResourceNotFound(text)) => return Err(Error::InvalidParameter(text).into()),
            found => found?,
        };
        Ok(shape::ListTagsForResourceResponse { tags: Some(write_tags(found.tags())) })
    }
}

impl Tagged {
    fn tags(&self) -> &Tags {
        match self {
            Tagged::Cluster(row) => &row.row.tags,
            Tagged::TaskDefinition(row) => &row.row.tags,
            Tagged::Task(row) => &row.row.tags,
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
        }
    }
}

async fn change(
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

fn find(ctx: &OpCtx, snapshot: &Snapshot, raw: &str) -> Result<Tagged, Error> {
    let invalid = || Error::InvalidParameter("Invalid arn syntax.".into());
    let missing = || Error::ResourceNotFound("The specified resource was not found.".into());
    let arn: Arn = raw.parse().map_err(|_| invalid())?;
    let (kind, name) = arn.typed_resource().ok_or_else(invalid)?;
    match kind {
        "cluster" => {
            let name = identifier::cluster(Some(raw), &ctx.scope)?;
            active_cluster(snapshot, &ctx.scope, &name).map(Tagged::Cluster)
        }
        "task-definition" => {
            let reference = identifier::task_definition(raw, &ctx.scope)?.ok_or_else(missing)?;
            let id = reference.id().ok_or_else(invalid)?;
            task_definition(snapshot, &ctx.scope, &id).map(Tagged::TaskDefinition).ok_or_else(missing)
        }
        "task" => {
            let cluster = name.split('/').next().unwrap_or_default();
            let cluster = identifier::cluster(Some(cluster), &ctx.scope)?;
            let id = identifier::task(raw, &ctx.scope, &cluster)?.ok_or_else(missing)?;
            let found = snapshot.get(&key![ctx.scope, cluster.as_str(), id.as_str()]);
            found.map(Tagged::Task).ok_or_else(missing)
        }
        "service" | "container-instance" | "capacity-provider" | "task-set" => Err(missing()),
        other => Err(Error::InvalidParameter(format!("Unsupported resource type: {other}"))),
    }
}

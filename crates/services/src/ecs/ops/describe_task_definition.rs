//! DescribeTaskDefinition: one revision, or the newest active one of a family.

use store::{Snapshot, Versioned};
use wire::ecs::{DescribeTaskDefinition, DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::identifier;
use crate::ecs::store::{self as tables, TaskDefinitionRow};
use crate::ecs::wire::cluster::write_tags;
use crate::ecs::wire::task_definition::write_task_definition;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for DescribeTaskDefinition {
    fn access(_: &OpCtx, _: &DescribeTaskDefinitionRequest) -> Access {
        Access::any("ecs:DescribeTaskDefinition")
    }

    async fn run(
        ctx: &OpCtx,
        input: DescribeTaskDefinitionRequest,
    ) -> Result<DescribeTaskDefinitionResponse, ServiceError> {
        let found = find(ctx, &ctx.cloud.store.snapshot(), &input.task_definition)?;
        let found = found.ok_or_else(|| Error::Client("Unable to describe task definition.".into()))?;
        let with_tags = input.include.iter().flatten().any(|field| field == "TAGS");
        Ok(DescribeTaskDefinitionResponse {
            task_definition: Some(write_task_definition(&found)),
            tags: Some(if with_tags { write_tags(&found.tags) } else { Vec::new() }),
        })
    }
}

/// The task definition that `raw` names: a revision of any status, or a family's newest active one.
pub(crate) fn find(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    raw: &str,
) -> Result<Option<Versioned<TaskDefinitionRow>>, Error> {
    let Some(reference) = identifier::task_definition(raw, &ctx.scope)? else { return Ok(None) };
    Ok(match reference.id() {
        Some(id) => tables::task_definition(snapshot, &ctx.scope, &id),
        None => tables::latest_active(snapshot, &ctx.scope, reference.family.as_str()),
    })
}

//! DeleteTaskDefinitions: inactive revisions become DELETE_IN_PROGRESS.
//!
//! [`reap`](crate::ecs::reap) removes them once no task refers to them.

use std::collections::BTreeSet;

use model::ecs::TaskDefinition;
use model::ecs::name::TaskDefinitionId;
use model::ecs::task_definition::TaskDefinitionStatus;
use store::{Snapshot, Txn, Versioned};
use wire::ecs as shape;
use wire::ecs::DeleteTaskDefinitions;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskDefinitionRow, task_definition};
use crate::ecs::wire::task_definition::write_task_definition;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most task definitions of one request.
const MAX_DEFINITIONS: usize = 10;

impl Handler for DeleteTaskDefinitions {
    fn access(ctx: &OpCtx, input: &shape::DeleteTaskDefinitionsRequest) -> Access {
        Access::each("ecs:DeleteTaskDefinitions", input.task_definitions.iter().map(|raw| resource(ctx, raw)))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteTaskDefinitionsRequest,
    ) -> Result<shape::DeleteTaskDefinitionsResponse, ServiceError> {
        let named: BTreeSet<String> = input.task_definitions.into_iter().collect();
        if named.is_empty() {
            return Err(Error::InvalidParameter("Task definitions cannot be empty.".into()).into());
        }
        if named.len() > MAX_DEFINITIONS {
            return Err(Error::InvalidParameter("Task definitions cannot be more than 10.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let (mut deleted, mut failures, mut txn) = (Vec::new(), Vec::new(), Txn::new());
        for raw in named {
            match deletable(ctx, &snapshot, &raw) {
                Ok(found) => {
                    let mut row = TaskDefinitionRow(TaskDefinition::clone(&found));
                    row.0.status = TaskDefinitionStatus::DeleteInProgress;
                    row.0.delete_requested_at.get_or_insert(ctx.now);
                    txn = txn.update(&found, &row);
                    deleted.push(write_task_definition(&row));
                }
                Err(reason) => failures.push(shape::Failure {
                    arn: Some(resource(ctx, &raw)),
                    reason: Some(reason.to_owned()),
                    detail: None,
                }),
            }
        }
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        }
        Ok(shape::DeleteTaskDefinitionsResponse { task_definitions: Some(deleted), failures: Some(failures) })
    }
}

/// The revision that `raw` names, or the reason why it cannot be deleted.
fn deletable(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    raw: &str,
) -> Result<Versioned<TaskDefinitionRow>, &'static str> {
    let id = id(ctx, raw).ok_or(
        "The specified task definition identifier is invalid. Specify a valid name or ARN and try again.",
    )?;
    let found = task_definition(snapshot, &ctx.scope, &id).ok_or(
        "The specified task definition does not exist. Specify a valid account, family, revision and try again.",
    )?;
    match found.status {
        TaskDefinitionStatus::Active => Err(
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
        ),
        TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => Ok(found),
    }
}

fn id(ctx: &OpCtx, raw: &str) -> Option<TaskDefinitionId> {
    identifier::task_definition(raw, &ctx.scope).ok().flatten()?.id()
}

fn resource(ctx: &OpCtx, raw: &str) -> String {
    id(ctx, raw).map_or_else(|| raw.to_owned(), |id| id.arn(&ctx.scope).to_string())
}

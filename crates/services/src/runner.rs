//! Runs one operation: validate, authorise, run, and once more when the store reports a conflict.

use std::sync::Arc;

use auth::principal::PrincipalKind;
use auth::rejection::Family;
use wire::{OperationModel, Value, validate};

use crate::access::{Asker, RequestTags, authorize};
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::usage;
use crate::room::{Entry, Room, family};

/// Attempts at an operation whose commit meets a conflict. Each loser of a conflict saw another
/// commit succeed, so a request starves only behind that many others.
const ATTEMPTS: usize = 32;

/// Answers `operation` of `room`.
///
/// # Errors
/// The service's own: unsupported operation, broken constraint, denied access, or what the handler says.
pub async fn run(
    room: &Room,
    operation: &'static OperationModel,
    ctx: OpCtx,
    input: Value,
) -> Result<Value, ServiceError> {
    let entry = room.entry(operation.name).ok_or_else(|| (room.unsupported)(operation.name))?;
    if let Some(schema) = operation.input {
        let violations = validate(schema, &input);
        if !violations.is_empty()
            && let Some(error) = (room.violation)(operation, &violations)
        {
            return Err(error);
        }
    }
    let access = (entry.access)(&ctx, input.clone())
        .map_err(|error| ServiceError::client("SerializationException", error.to_string()))?;
    // Decided on one snapshot; the root is not asked for anything.
    if ctx.principal.kind != PrincipalKind::Root {
        let snapshot = ctx.cloud.store.snapshot();
        let allowed = authorize(&Asker::of(&ctx, &snapshot), &access, &RequestTags::of(&input));
        allowed.map_err(|denied| named(denied, family(room.service)))?;
        let (name, region) = (room.service.signing_name, ctx.scope.region.as_str());
        usage::note(&ctx.cloud.store, &ctx.principal, name, region, ctx.now);
    }
    attempt(entry, Arc::new(ctx), input).await
}

/// A refused access under the name that the service's family has for it.
fn named(denied: ServiceError, family: Family) -> ServiceError {
    match family {
        Family::Json => denied,
        Family::Query => ServiceError { code: "AccessDenied".to_owned(), ..denied }.status(403),
        Family::Ec2 => {
            let message = format!("You are not authorized to perform this operation. {}", denied.message);
            ServiceError { code: "UnauthorizedOperation".to_owned(), message, ..denied }.status(403)
        }
    }
}

async fn attempt(entry: &Entry, ctx: Arc<OpCtx>, input: Value) -> Result<Value, ServiceError> {
    for _ in 1..ATTEMPTS {
        match (entry.run)(ctx.clone(), input.clone()).await {
            Err(error) if error.is_conflict() => {}
            answer => return answer,
        }
    }
    (entry.run)(ctx, input).await
}

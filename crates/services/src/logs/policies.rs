//! Resource policies as requests name them and answers show them.

use ::store::{Snapshot, Versioned};
use ::wire::logs::ResourcePolicy as Shape;
use model::logs::ResourcePolicy;

use crate::context::OpCtx;
use crate::logs::error::Error;
use crate::logs::store::{self, GroupRow, ResourcePolicyRow};
use crate::logs::wire::identified;

/// The longest name of a policy.
const NAME_MAX: usize = 512;

/// The name in a request.
pub(crate) fn name(given: Option<String>) -> Result<String, Error> {
    let name = given.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::parameter("policyName must be specified."))?;
    if name.chars().count() > NAME_MAX {
        return Err(Error::parameter("policyName is too long."));
    }
    Ok(name)
}

/// The group in a request, if it names one.
pub(crate) fn group(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    arn: Option<&str>,
) -> Result<Option<Versioned<GroupRow>>, Error> {
    let Some(arn) = arn else { return Ok(None) };
    if !arn.starts_with("arn:") {
        return Err(Error::parameter(format!("Invalid resource ARN '{arn}'.")));
    }
    store::group(snapshot, &ctx.scope, &identified(&ctx.scope, arn)?).map(Some)
}

/// Refuses a change by somebody who does not know the present version.
pub(crate) fn check_revision(
    present: Option<&Versioned<ResourcePolicyRow>>,
    expected: Option<&str>,
) -> Result<(), Error> {
    if present.map(|policy| policy.revision.as_str()) == expected { Ok(()) } else { Err(Error::Conflict) }
}

/// A policy as answers show it.
pub(crate) fn shown(policy: &ResourcePolicy) -> Shape {
    let of_group = policy.group.as_ref();
    Shape {
        policy_name: Some(policy.name.clone()),
        policy_document: Some(policy.document.clone()),
        last_updated_time: Some(policy.updated_at.as_millis()),
        policy_scope: Some(if of_group.is_some() { "RESOURCE" } else { "ACCOUNT" }.to_owned()),
        resource_arn: of_group.map(|name| name.arn(&policy.scope).to_string()),
        revision_id: of_group.map(|_| policy.revision.clone()),
    }
}

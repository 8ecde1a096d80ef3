//! The one place where a verified caller is let in or refused.

use std::net::IpAddr;

use auth::Principal;
use auth::policy::{Layer, Request, Verdict, Who};
use auth::principal::PrincipalKind;
use model::{Scope, Timestamp};
use store::Snapshot;

use super::tagging::{self, RequestTags};
use super::{Access, context, resources};
use crate::context::OpCtx;
use crate::ecs;
use crate::error::ServiceError;
use crate::iam::Identities;
use crate::iam::standing::{self, Standing};

/// Who asks, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Everybody's keys and policies.
    pub identities: &'a Identities,
    /// What is there.
    pub snapshot: &'a Snapshot,
    /// The caller.
    pub principal: &'a Principal,
    /// The account and region that is asked.
    pub scope: &'a Scope,
    /// The time.
    pub now: Timestamp,
    /// The caller's address.
    pub source_ip: Option<IpAddr>,
    /// What the caller's client calls itself.
    pub user_agent: Option<&'a str>,
}

impl<'a> Asker<'a> {
    /// The caller of a request.
    pub fn of(ctx: &'a OpCtx, snapshot: &'a Snapshot) -> Self {
        Asker {
            identities: &ctx.cloud.identities,
            snapshot,
            principal: &ctx.principal,
            scope: &ctx.scope,
            now: ctx.now,
            source_ip: ctx.source_ip,
            user_agent: ctx.user_agent.as_deref(),
        }
    }
}

/// Lets the caller in, or says why not. The account's root may do everything.
///
/// # Errors
/// `AccessDeniedException`, in IAM's words.
pub fn authorize(asker: &Asker<'_>, access: &Access, tags: &RequestTags) -> Result<(), ServiceError> {
    match asker.principal.kind {
        PrincipalKind::Root => return Ok(()),
        PrincipalKind::User | PrincipalKind::AssumedRole => {}
    }
    let standing = standing::of(asker.identities, asker.snapshot, asker.principal);
    let decider = Decider { asker, standing };
    decider.allow(access, tags)?;
    for other in &access.besides {
        decider.allow(other, tags)?;
    }
    let is_asked = |tagging: &Access| {
        !tagging.action.starts_with("ecs:") || ecs::door::tagging_is_asked(asker.snapshot, asker.scope)
    };
    match tagging::of_creation(access).filter(|_| tags.creates()).filter(is_asked) {
        Some(tagging) => decider.allow(&tagging, tags),
        None => Ok(()),
    }
}

struct Decider<'a> {
    asker: &'a Asker<'a>,
    standing: Standing,
}

impl Decider<'_> {
    fn allow(&self, access: &Access, tags: &RequestTags) -> Result<(), ServiceError> {
        for resource in &access.resources {
            let verdict = self.verdict(access, resource, tags);
            if let Some(reason) = verdict.reason(access.action) {
                return Err(denied(self.asker.principal, access.action, resource, &reason));
            }
        }
        Ok(())
    }

    fn verdict(&self, access: &Access, resource: &str, tags: &RequestTags) -> Verdict {
        let asker = self.asker;
        if is_beyond_session(asker.principal, access.action) {
            return Verdict::NotAllowed(Layer::Session);
        }
        let context = context::of(asker, &self.standing.tags, access, resource, tags);
        let arn = asker.principal.arn.to_string();
        let role = asker.principal.role().map(ToString::to_string);
        let arns: Vec<&str> = std::iter::once(arn.as_str()).chain(role.as_deref()).collect();
        let who = Who::Identity { arns: &arns, account: asker.principal.account.as_str() };
        let mut layers = self.standing.layers.clone();
        layers.resource = resources::policies(asker, access.action, resource);
        layers.decide(&Request { who, action: access.action, resource, context: &context })
    }
}

/// A user's session without a second factor may not use IAM: GetSessionToken's documentation.
fn is_beyond_session(principal: &Principal, action: &str) -> bool {
    principal.kind == PrincipalKind::User && principal.session.is_some() && action.starts_with("iam:")
}

/// IAM's message about a refusal.
pub(crate) fn denied(principal: &Principal, action: &str, resource: &str, reason: &str) -> ServiceError {
    let text =
        format!("User: {principal} is not authorized to perform: {action} on resource: {resource} {reason}");
    ServiceError::client("AccessDeniedException", text.trim_end())
}

#[cfg(test)]
mod tests;

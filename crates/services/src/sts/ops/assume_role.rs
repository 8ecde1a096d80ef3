//! AssumeRole: credentials of a role, for whom its trust policy and the caller's own policies let take it.
//!
//! A trust policy that names the caller is enough within an account; one that names the account leaves it to the
//! caller's policies. Tags and a source identity must be allowed besides.

use std::time::Duration;

use auth::SessionFacts;
use auth::policy::Who;
use auth::principal::PrincipalKind;
use store::Snapshot;
use wire::sts as shapes;

use crate::access::{Access, Asker, RequestTags, authorize, caller_context, denied};
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::store::RoleRow;
use crate::iam::trust;
use crate::room::Handler;
use crate::sts::error::Error;
use crate::sts::wire::{Wanted, credentials, wanted};

/// The longest session of a role that another role's session takes.
const CHAINED_SECONDS: u64 = 3600;

impl Handler for shapes::AssumeRole {
    /// Decided below, together with the trust policy.
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::free("sts:AssumeRole")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        if ctx.principal.kind == PrincipalKind::Root {
            return Err(Error::CalledByRoot.into());
        }
        let wanted = wanted(&input)?;
        let snapshot = ctx.cloud.store.snapshot();
        let role = trust::role(&snapshot, &input.role_arn);
        let role = role.ok_or_else(|| refused(ctx, "sts:AssumeRole", &input.role_arn))?;
        allow(ctx, &snapshot, &role, "sts:AssumeRole", &input, &wanted)?;
        if !wanted.tags.is_empty() {
            allow(ctx, &snapshot, &role, "sts:TagSession", &input, &wanted)?;
        }
        if input.source_identity.is_some() {
            allow(ctx, &snapshot, &role, "sts:SetSourceIdentity", &input, &wanted)?;
        }
        let facts = facts(ctx, &role, &input, wanted)?;
        let (expires_at, source_identity) = (facts.expires_at, facts.source_identity.clone());
        let principal = trust::principal(&role, &input.role_session_name);
        let mut ids = ctx.ids.clone();
        let (key, token) = ctx.cloud.identities.open_session(&principal, facts, &mut ids);
        Ok(Self::Output {
            credentials: Some(credentials(key, token, expires_at)),
            assumed_role_user: Some(shapes::AssumedRoleUser {
                assumed_role_id: principal.user_id.clone(),
                arn: principal.arn.to_string(),
            }),
            source_identity,
            ..Self::Output::default()
        })
    }
}

/// Asks the trust policy, and then the caller's own policies with it.
fn allow(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    role: &RoleRow,
    action: &'static str,
    input: &shapes::AssumeRoleRequest,
    wanted: &Wanted,
) -> Result<(), Error> {
    let asker = Asker::of(ctx, snapshot);
    let mut access = Access::new(action, role.arn()).with("sts:RoleSessionName", &input.role_session_name);
    if let Some(id) = &input.external_id {
        access = access.with("sts:ExternalId", id);
    }
    if let Some(source) = &input.source_identity {
        access = access.with("sts:SourceIdentity", source);
    }
    access = wanted.transitive.iter().fold(access, |access, key| access.with("sts:TransitiveTagKeys", key));
    let tags = RequestTags::from_pairs(&wanted.tags);
    let mut context = caller_context(&asker);
    for (key, values) in &access.context {
        context.insert(key.to_lowercase(), values.clone());
    }
    tags.add_to(&mut context);
    let arn = ctx.principal.arn.to_string();
    let own_role = ctx.principal.role().map(ToString::to_string);
    let arns: Vec<&str> = std::iter::once(arn.as_str()).chain(own_role.as_deref()).collect();
    let who = Who::Identity { arns: &arns, account: ctx.principal.account.as_str() };
    match trust::naming(role, who, action, &context) {
        Ok(Some(_)) => {}
        Ok(None) | Err(trust::Denied) => return Err(refused(ctx, action, &input.role_arn)),
    }
    authorize(&asker, &access, &tags).map_err(|error| Error::Denied(error.message))
}

fn refused(ctx: &OpCtx, action: &str, role: &str) -> Error {
    Error::Denied(denied(&ctx.principal, action, role, "").message)
}

fn facts(
    ctx: &OpCtx,
    role: &RoleRow,
    input: &shapes::AssumeRoleRequest,
    wanted: Wanted,
) -> Result<SessionFacts, Error> {
    if wanted.seconds > u64::from(role.max_session_seconds) {
        return Err(Error::Validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned(),
        ));
    }
    let is_chained = ctx.principal.kind == PrincipalKind::AssumedRole;
    if is_chained && wanted.seconds > CHAINED_SECONDS {
        return Err(Error::Validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
                .to_owned(),
        ));
    }
    let mut facts = SessionFacts::new(ctx.now, Duration::from_secs(wanted.seconds));
    facts.role = Some(role.arn());
    facts.source_identity = input.source_identity.clone();
    if let Some(before) = ctx.principal.session.as_ref().filter(|_| is_chained) {
        if before.source_identity.is_some() {
            facts.source_identity = before.source_identity.clone();
        }
        facts.transitive_tags = before.transitive_tags.clone();
        let inherited = before.tags.iter().filter(|(key, _)| before.transitive_tags.contains(*key));
        facts.tags = inherited.map(|(key, value)| (key.clone(), value.clone())).collect();
        if let Some(key) = wanted.tags.keys().find(|key| facts.tags.contains_key(*key)) {
            return Err(Error::Validation(format!(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                 from the calling session: {key}"
            )));
        }
    }
    Ok(wanted.into_facts(facts))
}

//! Whom requests mean that name no user: their caller. And what the root shows of itself.

use auth::principal::PrincipalKind;
use model::iam::KeyStatus;
use model::{Arn, Timestamp};
use store::{Snapshot, Versioned};
use wire::iam as shapes;

use super::error::Error;
use super::holder::{arn_of, find};
use super::seed;
use super::store::{KeyRow, UserRow, access_key, user_by_id};
use super::wire::whole;
use crate::context::OpCtx;

/// The name of the user who is meant; none for the root.
pub(super) fn user_name(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    named: Option<String>,
) -> Result<Option<String>, Error> {
    match (named, ctx.principal.kind) {
        (Some(name), _) => Ok(Some(name)),
        (None, PrincipalKind::Root) => Ok(None),
        (None, PrincipalKind::User) => {
            let user = user_by_id(snapshot, ctx.principal.entity_id());
            Ok(user.map(|user| user.identity.name.to_string()))
        }
        (None, PrincipalKind::AssumedRole) => {
            Err(Error::Validation("Must specify userName when calling with non-User credentials".to_owned()))
        }
    }
}

/// The ARN of the user who is meant.
pub(super) fn arn(ctx: &OpCtx, named: Option<&str>) -> Arn {
    named.map_or_else(|| ctx.principal.arn.clone(), |name| arn_of::<UserRow>(ctx, name))
}

/// A key of the user who is meant.
pub(super) fn key(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    named: Option<String>,
    id: &str,
) -> Result<Versioned<KeyRow>, Error> {
    let Some(name) = user_name(ctx, snapshot, named)? else {
        return Err(Error::NoSuchEntity(
            "The root access key is kept in a file of the operator's and cannot be changed here.".to_owned(),
        ));
    };
    let user = find::<UserRow>(snapshot, &ctx.scope.account, &name)?;
    let found = access_key(snapshot, id).filter(|key| key.user == user.identity.id);
    found.ok_or_else(|| no_key(id))
}

/// Says that there is no such key.
pub(super) fn no_key(id: &str) -> Error {
    Error::NoSuchEntity(format!("The Access Key with id {id} cannot be found."))
}

/// The root as a user: the account.
pub(super) fn root(ctx: &OpCtx, snapshot: &Snapshot) -> shapes::User {
    let account = ctx.scope.account.to_string();
    shapes::User {
        path: "/".to_owned(),
        user_name: account.clone(),
        user_id: account,
        arn: ctx.principal.arn.to_string(),
        create_date: whole(seed::opened_at(snapshot, &ctx.scope.account).unwrap_or(Timestamp::EPOCH)),
        ..shapes::User::default()
    }
}

/// The root's keys: the one that the operator gave it.
pub(super) fn root_keys(ctx: &OpCtx) -> Vec<shapes::AccessKeyMetadata> {
    vec![shapes::AccessKeyMetadata {
        user_name: Some(ctx.scope.account.to_string()),
        access_key_id: Some(ctx.cloud.identities.root_key().id.clone()),
        status: Some(KeyStatus::Active.to_string()),
        create_date: None,
    }]
}

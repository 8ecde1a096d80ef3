//! What the operations on account settings share: whose setting is meant, and its value.
//!
//! A principal's own setting comes before the account's, and that before ECS's default. What
//! the root user puts is the account's.

use model::Scope;
use model::ecs::TextEnum;
use model::ecs::setting::{AccountSetting, SettingName, SettingOwner};
use store::{Snapshot, Txn};
use wire::ecs as shape;

use super::error::Error;
use super::rules::setting as rules;
use super::store::{SettingRow, setting_key};
use crate::context::OpCtx;

/// The value of a setting that holds for the caller.
pub(crate) fn effective(ctx: &OpCtx, snapshot: &Snapshot, name: SettingName) -> String {
    effective_for(ctx, snapshot, name, &caller(ctx))
}

/// The value of a setting that holds for `owner`.
pub(crate) fn effective_for(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    name: SettingName,
    owner: &SettingOwner,
) -> String {
    own(ctx, snapshot, name, owner)
        .or_else(|| own(ctx, snapshot, name, &SettingOwner::Account))
        .unwrap_or_else(|| rules::default(name).to_owned())
}

/// The value of a setting that holds for the account as a whole.
pub(crate) fn of_account(snapshot: &Snapshot, scope: &Scope, name: SettingName) -> String {
    let row = snapshot.get::<SettingRow>(&setting_key(scope, name.as_str(), &SettingOwner::Account));
    row.map_or_else(|| rules::default(name).to_owned(), |row| row.value.clone())
}

/// What `owner` itself put.
pub(crate) fn own(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    name: SettingName,
    owner: &SettingOwner,
) -> Option<String> {
    let row = snapshot.get::<SettingRow>(&setting_key(&ctx.scope, name.as_str(), owner));
    row.map(|row| row.value.clone())
}

/// Stores a setting of `owner`.
pub(crate) async fn put(
    ctx: &OpCtx,
    name: &str,
    value: &str,
    owner: SettingOwner,
) -> Result<shape::Setting, Error> {
    let name = rules::name(name)?;
    let value = rules::value(name, value)?.to_owned();
    let answer = render(ctx, name, value.clone(), &owner);
    let row = SettingRow(AccountSetting { scope: ctx.scope.clone(), name, owner, value });
    ctx.cloud.store.commit(Txn::new().put(&row)).await?;
    Ok(answer)
}

/// The setting as the wire shows it.
pub(crate) fn render(ctx: &OpCtx, name: SettingName, value: String, owner: &SettingOwner) -> shape::Setting {
    let principal = match owner {
        SettingOwner::Account => root(ctx),
        SettingOwner::Principal(arn) => arn.clone(),
    };
    let kind = if name == SettingName::GuardDutyActivate { "aws_managed" } else { "user" };
    shape::Setting {
        name: Some(name.to_string()),
        value: Some(value),
        principal_arn: Some(principal),
        r#type: Some(kind.to_owned()),
    }
}

fn root(ctx: &OpCtx) -> String {
    format!("arn:aws:iam::{}:root", ctx.scope.account)
}

fn caller(ctx: &OpCtx) -> SettingOwner {
    // A role's settings hold for all of its sessions.
    let arn = ctx.principal.role().unwrap_or(&ctx.principal.arn).to_string();
    if arn == root(ctx) { SettingOwner::Account } else { SettingOwner::Principal(arn) }
}

/// Whose settings a request means: the named principal's, else the caller's.
pub(crate) fn owner(ctx: &OpCtx, principal: Option<&str>) -> Result<SettingOwner, Error> {
    let Some(arn) = principal.filter(|arn| !arn.is_empty()) else { return Ok(caller(ctx)) };
    if arn == root(ctx) {
        return Ok(SettingOwner::Account);
    }
    let ours = format!("arn:aws:iam::{}:", ctx.scope.account);
    let principal = arn.strip_prefix(ours.as_str());
    if principal.is_some_and(|rest| rest.starts_with("user/") || rest.starts_with("role/")) {
        return Ok(SettingOwner::Principal(arn.to_owned()));
    }
    Err(Error::InvalidParameter(format!("Invalid principalArn: {arn}")))
}

//! PutAccountSetting, PutAccountSettingDefault, DeleteAccountSetting and ListAccountSettings.
//!
//! A principal's own setting comes before the account's, and that before ECS's default. What
//! the root user puts is the account's.

use model::ecs::TextEnum;
use model::ecs::setting::{AccountSetting, SettingName, SettingOwner};
use store::{Key, Snapshot, Txn, key};
use wire::ecs as shape;
use wire::ecs::{DeleteAccountSetting, ListAccountSettings, PutAccountSetting, PutAccountSettingDefault};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::paging::Page;
use crate::ecs::rules::setting as rules;
use crate::ecs::store::{SettingRow, setting_key};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for PutAccountSetting {
    fn access(_: &OpCtx, _: &shape::PutAccountSettingRequest) -> Access {
        Access::any("ecs:PutAccountSetting")
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutAccountSettingRequest,
    ) -> Result<shape::PutAccountSettingResponse, ServiceError> {
        let owner = owner(ctx, input.principal_arn.as_deref())?;
        let setting = put(ctx, &input.name, &input.value, owner).await?;
        Ok(shape::PutAccountSettingResponse { setting: Some(setting) })
    }
}

impl Handler for PutAccountSettingDefault {
    fn access(_: &OpCtx, _: &shape::PutAccountSettingDefaultRequest) -> Access {
        Access::any("ecs:PutAccountSettingDefault")
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutAccountSettingDefaultRequest,
    ) -> Result<shape::PutAccountSettingDefaultResponse, ServiceError> {
        let setting = put(ctx, &input.name, &input.value, SettingOwner::Account).await?;
        Ok(shape::PutAccountSettingDefaultResponse { setting: Some(setting) })
    }
}

impl Handler for DeleteAccountSetting {
    fn access(_: &OpCtx, _: &shape::DeleteAccountSettingRequest) -> Access {
        Access::any("ecs:DeleteAccountSetting")
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DeleteAccountSettingRequest,
    ) -> Result<shape::DeleteAccountSettingResponse, ServiceError> {
        let name = rules::name(&input.name)?;
        let owner = owner(ctx, input.principal_arn.as_deref())?;
        let key = setting_key(&ctx.scope, name.as_str(), &owner);
        ctx.cloud.store.commit(Txn::new().delete::<SettingRow>(&key)).await.map_err(Error::from)?;
        let value = effective_for(ctx, &ctx.cloud.store.snapshot(), name, &owner);
        Ok(shape::DeleteAccountSettingResponse { setting: Some(render(ctx, name, value, &owner)) })
    }
}

impl Handler for ListAccountSettings {
    fn access(_: &OpCtx, _: &shape::ListAccountSettingsRequest) -> Access {
        Access::any("ecs:ListAccountSettings")
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListAccountSettingsRequest,
    ) -> Result<shape::ListAccountSettingsResponse, ServiceError> {
        let only = input.name.as_deref().map(rules::name).transpose()?;
        if input.value.is_some() && only.is_none() {
            return Err(
                Error::InvalidParameter("A value needs the name of its account setting.".into()).into()
            );
        }
        let owner = owner(ctx, input.principal_arn.as_deref())?;
        let prefix = key!["setting"];
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let snapshot = ctx.cloud.store.snapshot();
        let position = |name: SettingName| key![prefix, name.as_str()];
        let mut names: Vec<SettingName> = SettingName::ALL.to_vec();
        names.sort_by_key(|name| name.as_str());
        let found = names
            .into_iter()
            .filter(|name| only.is_none_or(|only| only == *name))
            .filter(|name| page.after.as_ref().is_none_or(|after: &Key| position(*name) > *after))
            .filter_map(|name| {
                let value = if input.effective_settings == Some(true) {
                    Some(effective_for(ctx, &snapshot, name, &owner))
                } else {
                    own(ctx, &snapshot, name, &owner)
                };
                value.map(|value| (name, value))
            })
            .filter(|(_, value)| input.value.as_ref().is_none_or(|wanted| wanted == value))
            .collect();
        let (found, next_token) = page.cut(found, |(name, _)| Some(position(*name)));
        let settings = found.into_iter().map(|(name, value)| render(ctx, name, value, &owner)).collect();
        Ok(shape::ListAccountSettingsResponse { settings: Some(settings), next_token })
    }
}

/// The value of a setting that holds for the caller.
pub(crate) fn effective(ctx: &OpCtx, snapshot: &Snapshot, name: SettingName) -> String {
    effective_for(ctx, snapshot, name, &caller(ctx))
}

fn effective_for(ctx: &OpCtx, snapshot: &Snapshot, name: SettingName, owner: &SettingOwner) -> String {
    own(ctx, snapshot, name, owner)
        .or_else(|| own(ctx, snapshot, name, &SettingOwner::Account))
        .unwrap_or_else(|| rules::default(name).to_owned())
}

fn own(ctx: &OpCtx, snapshot: &Snapshot, name: SettingName, owner: &SettingOwner) -> Option<String> {
    let row = snapshot.get::<SettingRow>(&setting_key(&ctx.scope, name.as_str(), owner));
    row.map(|row| row.value.clone())
}

async fn put(ctx: &OpCtx, name: &str, value: &str, owner: SettingOwner) -> Result<shape::Setting, Error> {
    let name = rules::name(name)?;
    let value = rules::value(name, value)?.to_owned();
    let answer = render(ctx, name, value.clone(), &owner);
    let row = SettingRow(AccountSetting { scope: ctx.scope.clone(), name, owner, value });
    ctx.cloud.store.commit(Txn::new().put(&row)).await?;
    Ok(answer)
}

fn render(ctx: &OpCtx, name: SettingName, value: String, owner: &SettingOwner) -> shape::Setting {
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
    let arn = ctx.principal.arn.to_string();
    if arn == root(ctx) { SettingOwner::Account } else { SettingOwner::Principal(arn) }
}

/// Whose settings a request means: the named principal's, else the caller's.
fn owner(ctx: &OpCtx, principal: Option<&str>) -> Result<SettingOwner, Error> {
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

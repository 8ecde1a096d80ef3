//! ListAccountSettings: what was put, or with `effectiveSettings` what holds.

use model::ecs::TextEnum;
use model::ecs::setting::SettingName;
use store::{Key, key};
use wire::ecs as shape;
use wire::ecs::ListAccountSettings;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::paging::Page;
use crate::ecs::rules::setting as rules;
use crate::ecs::setting::{effective_for, own, owner, render};
use crate::error::ServiceError;
use crate::room::Handler;

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

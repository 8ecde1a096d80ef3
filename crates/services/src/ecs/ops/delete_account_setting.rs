//! DeleteAccountSetting: back to what the account or ECS has.

use model::ecs::TextEnum;
use store::Txn;
use wire::ecs as shape;
use wire::ecs::DeleteAccountSetting;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::rules::setting as rules;
use crate::ecs::setting::{effective_for, owner, render};
use crate::ecs::store::{SettingRow, setting_key};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for DeleteAccountSetting {
    fn access(_: &OpCtx, input: &shape::DeleteAccountSettingRequest) -> Access {
        Access::any("ecs:DeleteAccountSetting").with("ecs:account-setting", &input.name)
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

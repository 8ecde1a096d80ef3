//! PutAccountSettingDefault: what holds for all who put nothing.

use model::ecs::setting::SettingOwner;
use wire::ecs as shape;
use wire::ecs::PutAccountSettingDefault;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::setting::put;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for PutAccountSettingDefault {
    fn access(_: &OpCtx, input: &shape::PutAccountSettingDefaultRequest) -> Access {
        Access::any("ecs:PutAccountSettingDefault").with("ecs:account-setting", &input.name)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::PutAccountSettingDefaultRequest,
    ) -> Result<shape::PutAccountSettingDefaultResponse, ServiceError> {
        let setting = put(ctx, &input.name, &input.value, SettingOwner::Account).await?;
        Ok(shape::PutAccountSettingDefaultResponse { setting: Some(setting) })
    }
}

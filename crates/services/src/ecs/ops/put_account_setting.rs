//! PutAccountSetting: a principal's own setting.

use wire::ecs as shape;
use wire::ecs::PutAccountSetting;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::setting::{owner, put};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for PutAccountSetting {
    fn access(_: &OpCtx, input: &shape::PutAccountSettingRequest) -> Access {
        Access::any("ecs:PutAccountSetting").with("ecs:account-setting", &input.name)
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

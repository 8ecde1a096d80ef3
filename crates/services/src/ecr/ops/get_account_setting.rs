//! GetAccountSetting: the value of one of the registry's settings.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::ops::account_setting;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::GetAccountSetting {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::any("ecr:GetAccountSetting").with("ecr:AccountSetting", &input.name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let setting = account_setting(&input.name)?;
        let stored = ctx.cloud.registry.settings(&ctx.scope).account.get(setting.name).cloned();
        let value = stored.unwrap_or_else(|| setting.values[0].to_owned());
        Ok(Self::Output { name: Some(input.name), value: Some(value) })
    }
}

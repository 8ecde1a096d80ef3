//! PutAccountSetting: changes one of the registry's settings.
//!
//! Deviation: blobs may be mounted unless `BLOB_MOUNTING` says otherwise; `BASIC_SCAN_TYPE_VERSION`
//! is always `AWS_NATIVE` and `REGISTRY_POLICY_SCOPE` always `V2`, other values are refused.

use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::account_setting;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::PutAccountSetting {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::any("ecr:PutAccountSetting").with("ecr:AccountSetting", &input.name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let setting = account_setting(&input.name)?;
        if !setting.values.contains(&input.value.as_str()) {
            let constraint = format!("Member must satisfy enum value set: [{}]", setting.values.join(", "));
            return Err(Error::parameter("value", constraint).into());
        }
        let change = |settings: &mut registry::tables::RegistrySettings| {
            settings.account.insert(setting.name.to_owned(), input.value.clone());
            Ok(())
        };
        ctx.cloud.registry.change_settings::<_, Error>(&ctx.scope, change).await?;
        Ok(Self::Output { name: Some(input.name), value: Some(input.value) })
    }
}

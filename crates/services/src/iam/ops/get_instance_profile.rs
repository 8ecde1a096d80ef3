//! GetInstanceProfile: a profile with its role.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::ProfileRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetInstanceProfile {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetInstanceProfile", arn_of::<ProfileRow>(ctx, &input.instance_profile_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<ProfileRow>(&snapshot, account, &input.instance_profile_name)?;
        Ok(Self::Output { instance_profile: render::instance_profile(&snapshot, &found) })
    }
}

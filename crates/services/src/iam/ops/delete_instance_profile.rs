//! DeleteInstanceProfile: one without a role.

use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::store::ProfileRow;
use crate::room::Handler;

impl Handler for shapes::DeleteInstanceProfile {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteInstanceProfile", arn_of::<ProfileRow>(ctx, &input.instance_profile_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<ProfileRow>(&snapshot, account, &input.instance_profile_name)?;
        if found.role.is_some() {
            return Err(Error::first("remove roles from instance profile").into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

//! SetDefaultPolicyVersion: which version is in force.

use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::managed;
use crate::iam::store::PolicyRow;
use crate::iam::versions;
use crate::room::Handler;

impl Handler for shapes::SetDefaultPolicyVersion {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:SetDefaultPolicyVersion", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::own(&snapshot, account, &input.policy_arn)?;
        let mut new = found.row.0.clone();
        let number =
            managed::version_number(&input.version_id).filter(|number| new.versions.contains_key(number));
        new.default_version =
            number.ok_or_else(|| versions::missing(&input.policy_arn, &input.version_id))?;
        new.updated_at = ctx.now;
        ctx.cloud.store.commit(Txn::new().update(&found, &PolicyRow(new))).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

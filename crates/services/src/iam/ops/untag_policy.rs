//! UntagPolicy: takes tags from a policy of the account's.

use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::PolicyRow;
use crate::iam::versions;
use crate::room::Handler;

impl Handler for shapes::UntagPolicy {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:UntagPolicy", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::own(&snapshot, account, &input.policy_arn)?;
        let mut new = found.row.0.clone();
        new.tags.retain(|key, _| !input.tag_keys.contains(key));
        ctx.cloud.store.commit(Txn::new().update(&found, &PolicyRow(new))).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

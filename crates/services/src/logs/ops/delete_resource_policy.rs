//! DeleteResourcePolicy.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{DeleteResourcePolicy, DeleteResourcePolicyRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::policies;
use crate::logs::store::{self, ResourcePolicyRow};
use crate::room::Handler;

impl Handler for DeleteResourcePolicy {
    fn access(_: &OpCtx, _: &DeleteResourcePolicyRequest) -> Access {
        Access::any("logs:DeleteResourcePolicy")
    }

    async fn run(ctx: &OpCtx, input: DeleteResourcePolicyRequest) -> Result<Empty, ServiceError> {
        let name = policies::name(input.policy_name)?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = policies::group(ctx, &snapshot, input.resource_arn.as_deref())?;
        let key = store::policy_key(&ctx.scope, group.as_ref().map(|group| &group.name), &name);
        let policy = snapshot.get::<ResourcePolicyRow>(&key).filter(|policy| policy.name == name);
        let policy = policy.ok_or(Error::PolicyNotFound(name))?;
        if group.is_some() {
            policies::check_revision(Some(&policy), input.expected_revision_id.as_deref())?;
        }
        ctx.cloud.store.commit(Txn::new().remove(&policy)).await.map_err(Error::Store)?;
        Ok(Empty {})
    }
}

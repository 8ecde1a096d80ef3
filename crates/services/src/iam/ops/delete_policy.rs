//! DeletePolicy: a policy that nothing uses and that has one version.

use store::{Txn, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::{BY_BOUNDARY, BY_POLICY, GroupRow, RoleRow, UserRow};
use crate::iam::versions;
use crate::room::Handler;

impl Handler for shapes::DeletePolicy {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeletePolicy", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::own(&snapshot, account, &input.policy_arn)?;
        let key = key![account, input.policy_arn];
        let used = snapshot.count_by::<UserRow>(BY_POLICY, &key)
            + snapshot.count_by::<GroupRow>(BY_POLICY, &key)
            + snapshot.count_by::<RoleRow>(BY_POLICY, &key)
            + snapshot.count_by::<UserRow>(BY_BOUNDARY, &key)
            + snapshot.count_by::<RoleRow>(BY_BOUNDARY, &key);
        if used > 0 {
            return Err(
                Error::DeleteConflict("Cannot delete a policy attached to entities.".to_owned()).into()
            );
        }
        if found.versions.len() > 1 {
            let text = "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                        versions. The default version is deleted with the policy.";
            return Err(Error::DeleteConflict(text.to_owned()).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

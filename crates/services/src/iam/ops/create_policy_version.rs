//! CreatePolicyVersion: another text for a policy, in force at once if asked.

use model::iam::PolicyVersion;
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::store::PolicyRow;
use crate::iam::versions;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreatePolicyVersion {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:CreatePolicyVersion", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::own(&snapshot, account, &input.policy_arn)?;
        versions::check(&input.policy_document)?;
        if found.versions.len() >= versions::MOST {
            let text = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                        existing version.";
            return Err(Error::Limit(text.to_owned()).into());
        }
        let mut new = found.row.0.clone();
        let number = new.next_version;
        let version = PolicyVersion { document: input.policy_document, created_at: ctx.now };
        new.versions.insert(number, version.clone());
        new.next_version += 1;
        new.updated_at = ctx.now;
        if input.set_as_default.unwrap_or(false) {
            new.default_version = number;
        }
        let shown = render::version(&new, number, &version, false);
        ctx.cloud.store.commit(Txn::new().update(&found, &PolicyRow(new))).await.map_err(Error::from)?;
        Ok(Self::Output { policy_version: Some(shown) })
    }
}

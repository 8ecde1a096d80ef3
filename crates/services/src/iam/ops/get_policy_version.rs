//! GetPolicyVersion: the text of one version.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::managed::{self, Managed};
use crate::iam::versions;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetPolicyVersion {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetPolicyVersion", &input.policy_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = versions::find(&snapshot, account, &input.policy_arn)?;
        let shown = match &found {
            Managed::Own(row) => managed::version_number(&input.version_id)
                .and_then(|number| Some(render::version(row, number, row.versions.get(&number)?, true))),
            Managed::Aws(policy) => {
                Some(render::aws_version(policy, true)).filter(|_| policy.version == input.version_id)
            }
        };
        let shown = shown.ok_or_else(|| versions::missing(&input.policy_arn, &input.version_id));
        Ok(Self::Output { policy_version: Some(shown.map_err(ServiceError::from)?) })
    }
}

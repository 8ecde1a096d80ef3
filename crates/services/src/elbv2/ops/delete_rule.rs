//! DeleteRule. The default rule goes with its listener.

use store::Txn;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteRule {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:DeleteRule", &input.rule_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = find::plain_rule(&snapshot, &ctx.scope, &input.rule_arn, "deleted")?;
        ctx.cloud.store.commit(Txn::new().remove(&found)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

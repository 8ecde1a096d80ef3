//! AddTags.

use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::rules::tag;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::AddTags {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::each("elasticloadbalancing:AddTags", &input.resource_arns)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let new = tag::read(Some(input.tags))?;
        for arn in &input.resource_arns {
            let snapshot = store.snapshot();
            let found = find::tagged(&snapshot, &ctx.scope, arn)?;
            let mut tags = found.tags().clone();
            tags.extend(new.clone());
            tag::check_count(&tags)?;
            store.commit(found.with_tags(tags)).await.map_err(Error::from)?;
        }
        Ok(Self::Output {})
    }
}

//! DescribeTags: of up to twenty resources.

use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find;
use crate::elbv2::rules::tag;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeTags {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeTags")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        if input.resource_arns.len() > 20 {
            return Err(Error::validation("Cannot have more than 20 resources described").into());
        }
        let describe = |arn: &String| {
            let found = find::tagged(&snapshot, &ctx.scope, arn)?;
            Ok(shapes::TagDescription {
                resource_arn: Some(arn.clone()),
                tags: Some(tag::write(found.tags())),
            })
        };
        let described = input.resource_arns.iter().map(describe).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self::Output { tag_descriptions: Some(described) })
    }
}

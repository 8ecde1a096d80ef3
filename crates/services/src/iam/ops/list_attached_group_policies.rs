//! ListAttachedGroupPolicies: the managed policies attached to a group.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::policies;
use crate::iam::store::GroupRow;
use crate::iam::wire::attached_policy;
use crate::room::Handler;

impl Handler for shapes::ListAttachedGroupPolicies {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListAttachedGroupPolicies", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_deref());
        let page = policies::attached::<GroupRow>(ctx, &input.group_name, prefix, marker, input.max_items)?
            .map(attached_policy);
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            attached_policies: Some(page.items),
            marker: page.marker,
        })
    }
}

//! ListInstanceProfiles: the account's, by the beginning of their paths.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::new_arn;
use crate::iam::page::entities;
use crate::iam::store::ProfileRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListInstanceProfiles {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListInstanceProfiles", new_arn::<ProfileRow>(ctx, input.path_prefix.as_deref(), ""))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_deref());
        let page = entities::<ProfileRow>(ctx, &snapshot, prefix, marker, input.max_items)?;
        let page = page.map(|it| render::instance_profile(&snapshot, &it));
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            instance_profiles: page.items,
            marker: page.marker,
        })
    }
}

//! ListRoles: the account's roles, by the beginning of their paths.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::new_arn;
use crate::iam::page::entities;
use crate::iam::store::RoleRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListRoles {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListRoles", new_arn::<RoleRow>(ctx, input.path_prefix.as_deref(), ""))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let (prefix, marker) = (input.path_prefix.as_deref(), input.marker.as_deref());
        let page = entities::<RoleRow>(ctx, &snapshot, prefix, marker, input.max_items)?;
        let page = page.map(|it| render::role(&snapshot, &it, false));
        Ok(Self::Output { is_truncated: Some(page.is_truncated()), roles: page.items, marker: page.marker })
    }
}

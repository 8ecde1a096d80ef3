//! ListRoleTags: the tags of a role.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::page::cut;
use crate::iam::store::RoleRow;
use crate::iam::wire::write_tags;
use crate::room::Handler;

impl Handler for shapes::ListRoleTags {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListRoleTags", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        let tags = write_tags(&found.tags).into_iter().map(|tag| (tag.key.clone(), tag));
        let page = cut(tags.collect::<Vec<_>>(), input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output { is_truncated: Some(page.is_truncated()), tags: page.items, marker: page.marker })
    }
}

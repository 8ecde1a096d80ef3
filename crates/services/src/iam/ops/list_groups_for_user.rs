//! ListGroupsForUser: the groups of a user.

use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::page::cut;
use crate::iam::store::{UserRow, group_by_id};
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListGroupsForUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListGroupsForUser", arn_of::<UserRow>(ctx, &input.user_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let user = find::<UserRow>(&snapshot, account, &input.user_name)?;
        let groups = user.groups.iter().filter_map(|id| group_by_id(&snapshot, id));
        let mut groups: Vec<_> = groups.map(|it| (it.identity.name.folded(), render::group(&it))).collect();
        groups.sort_by(|left, right| left.0.cmp(&right.0));
        let page = cut(groups, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output { is_truncated: Some(page.is_truncated()), groups: page.items, marker: page.marker })
    }
}

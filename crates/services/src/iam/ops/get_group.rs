//! GetGroup: a group and its members.

use store::key;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::page::cut;
use crate::iam::store::{BY_GROUP, GroupRow, UserRow};
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::GetGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:GetGroup", arn_of::<GroupRow>(ctx, &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<GroupRow>(&snapshot, account, &input.group_name)?;
        let members = snapshot.all_by::<UserRow>(BY_GROUP, &key![found.identity.id]);
        let members = members.map(|it| (it.identity.name.folded(), render::user(&it, false)));
        let page = cut(members, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            group: render::group(&found),
            is_truncated: Some(page.is_truncated()),
            users: page.items,
            marker: page.marker,
        })
    }
}

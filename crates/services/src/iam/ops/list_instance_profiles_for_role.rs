//! ListInstanceProfilesForRole: the profiles that hand out a role.

use store::key;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::page::cut;
use crate::iam::store::{BY_ROLE, ProfileRow, RoleRow};
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::ListInstanceProfilesForRole {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:ListInstanceProfilesForRole", arn_of::<RoleRow>(ctx, &input.role_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let role = find::<RoleRow>(&snapshot, account, &input.role_name)?;
        let all = snapshot.all_by::<ProfileRow>(BY_ROLE, &key![role.identity.id]);
        let all = all.map(|it| (it.identity.name.folded(), render::instance_profile(&snapshot, &it)));
        let page = cut(all, input.marker.as_deref(), input.max_items)?;
        Ok(Self::Output {
            is_truncated: Some(page.is_truncated()),
            instance_profiles: page.items,
            marker: page.marker,
        })
    }
}

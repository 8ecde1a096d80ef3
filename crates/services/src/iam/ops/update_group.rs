//! UpdateGroup: another name or another path.

use model::iam::Group;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::arn_of;
use crate::iam::holder::find;
use crate::iam::holder::new_arn;
use crate::iam::holder::renamed;
use crate::iam::holder::replace;
use crate::iam::store::GroupRow;
use crate::room::Handler;

impl Handler for shapes::UpdateGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let access = Access::new("iam:UpdateGroup", arn_of::<GroupRow>(ctx, &input.group_name));
        let name = input.new_group_name.as_deref().unwrap_or(&input.group_name);
        let moved = input.new_group_name.is_some() || input.new_path.is_some();
        if moved { access.and_on(new_arn::<GroupRow>(ctx, input.new_path.as_deref(), name)) } else { access }
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let account = &ctx.scope.account;
        let found = find::<GroupRow>(&snapshot, account, &input.group_name)?;
        let identity = renamed::<GroupRow>(&snapshot, &found.identity, input.new_group_name, input.new_path)?;
        let new = GroupRow(Group { identity, ..found.row.0.clone() });
        ctx.cloud.store.commit(replace(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

//! CreateGroup: policies for several users.

use model::iam::{Group, Permissions};
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::identity;
use crate::iam::holder::new_arn;
use crate::iam::store::GroupRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreateGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:CreateGroup", new_arn::<GroupRow>(ctx, input.path.as_deref(), &input.group_name))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let identity = identity::<GroupRow>(ctx, &snapshot, input.group_name, input.path)?;
        let group = GroupRow(Group { identity, permissions: Permissions::default() });
        ctx.cloud.store.commit(Txn::new().insert(&group)).await.map_err(Error::from)?;
        Ok(Self::Output { group: render::group(&group) })
    }
}

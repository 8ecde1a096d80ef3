//! CreateUser: somebody who may have keys of their own.

use model::iam::{Permissions, User};
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::holder::identity;
use crate::iam::holder::new_arn;
use crate::iam::policies;
use crate::iam::store::UserRow;
use crate::iam::wire as render;
use crate::room::Handler;

impl Handler for shapes::CreateUser {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let arn = new_arn::<UserRow>(ctx, input.path.as_deref(), &input.user_name);
        let access = Access::new("iam:CreateUser", arn);
        input
            .permissions_boundary
            .iter()
            .fold(access, |access, arn| access.with("iam:PermissionsBoundary", arn))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let boundary = input.permissions_boundary;
        let bound = boundary.as_deref().map(|arn| policies::boundary(ctx, &snapshot, arn)).transpose()?;
        let user = UserRow(User {
            identity: identity::<UserRow>(ctx, &snapshot, input.user_name, input.path)?,
            permissions: Permissions { boundary, ..Permissions::default() },
            groups: Default::default(),
            tags: render::tags(input.tags)?,
        });
        let txn = Txn::new().insert(&user);
        let txn = bound.map_or(txn.clone(), |policy| policy.held(txn));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { user: Some(render::user(&user, true)) })
    }
}

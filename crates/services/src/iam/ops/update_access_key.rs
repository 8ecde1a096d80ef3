//! UpdateAccessKey: whether a key may sign.

use model::ecs::text::TextEnum;
use model::iam::{KeyStatus, UserKey};
use store::Txn;
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::own;
use crate::iam::store::KeyRow;
use crate::room::Handler;

impl Handler for shapes::UpdateAccessKey {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:UpdateAccessKey", own::arn(ctx, input.user_name.as_deref()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = own::key(ctx, &snapshot, input.user_name, &input.access_key_id)?;
        let wanted = KeyStatus::parse(&input.status);
        let status =
            wanted.ok_or_else(|| Error::Validation("The status must be Active or Inactive.".to_owned()))?;
        let new = KeyRow(UserKey { status, ..found.row.0.clone() });
        ctx.cloud.store.commit(Txn::new().update(&found, &new)).await.map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

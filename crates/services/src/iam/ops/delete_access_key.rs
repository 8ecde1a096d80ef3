//! DeleteAccessKey: from now on the key signs nothing.

use store::{Txn, key};
use wire::iam as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::iam::error::Error;
use crate::iam::own;
use crate::iam::store::LastUseRow;
use crate::room::Handler;

impl Handler for shapes::DeleteAccessKey {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("iam:DeleteAccessKey", own::arn(ctx, input.user_name.as_deref()))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = own::key(ctx, &snapshot, input.user_name, &input.access_key_id)?;
        let used = key![found.id];
        ctx.cloud
            .store
            .commit(Txn::new().remove(&found).delete::<LastUseRow>(&used))
            .await
            .map_err(Error::from)?;
        Ok(Self::Output {})
    }
}

//! DeleteSubnet: only when no interface stands in it.

use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::dry_run;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SubnetRow};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DeleteSubnet {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("ec2:DeleteSubnet", ctx.arn("ec2", format!("subnet/{}", input.subnet_id)))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        // A lease expects its subnet, but does not change it: no task may be placed between look and commit.
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        let subnet = tables::find::<SubnetRow>(&snapshot, &ctx.scope, &input.subnet_id)
            .ok_or_else(|| Error::SubnetNotFound(input.subnet_id.clone()))?;
        if tables::leases(&snapshot, &subnet) > 0 {
            let text = format!("The subnet '{}' has dependencies and cannot be deleted.", subnet.id);
            return Err(Error::Dependency(text).into());
        }
        ctx.cloud.store.commit(Txn::new().remove(&subnet)).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}

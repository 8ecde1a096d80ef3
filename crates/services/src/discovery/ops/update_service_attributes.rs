//! UpdateServiceAttributes: adds and replaces.

use ::wire::servicediscovery as shapes;
use model::discovery::Instance;
use store::Txn;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::store::{self as tables, ServiceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UpdateServiceAttributes {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        Access::new("servicediscovery:UpdateServiceAttributes", wire::arn(ctx, "service", &input.service_id))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let service = tables::service(&ctx.cloud.store.snapshot(), &ctx.scope, &input.service_id)?;
        let mut new = service.row.0.clone();
        new.attributes.extend(input.attributes);
        if new.attributes.len() > Instance::ATTRIBUTE_LIMIT {
            return Err(Error::TooManyAttributes.into());
        }
        ctx.cloud.store.commit(Txn::new().update(&service, &ServiceRow(new))).await.map_err(Error::Store)?;
        Ok(Self::Output::default())
    }
}

//! CreateLogStream.

use ::wire::Empty;
use ::wire::logs::{CreateLogStream, CreateLogStreamRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::wire::{access_arn, group_name, stream_name};
use crate::logs::{door, store};
use crate::room::Handler;

impl Handler for CreateLogStream {
    fn access(ctx: &OpCtx, input: &CreateLogStreamRequest) -> Access {
        Access::new("logs:CreateLogStream", access_arn(&ctx.scope, Some(&input.log_group_name), None))
    }

    async fn run(ctx: &OpCtx, input: CreateLogStreamRequest) -> Result<Empty, ServiceError> {
        let name = stream_name(&input.log_stream_name)?;
        let snapshot = ctx.cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        if store::stream(&snapshot, group.id, &name).is_ok() {
            return Err(Error::StreamExists.into());
        }
        door::insert_stream(&ctx.cloud, &group, name, ctx.now, &ctx.ids).await?;
        Ok(Empty {})
    }
}

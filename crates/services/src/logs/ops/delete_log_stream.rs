//! DeleteLogStream.

use ::store::Txn;
use ::wire::Empty;
use ::wire::logs::{DeleteLogStream, DeleteLogStreamRequest};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::logs::store;
use crate::logs::wire::{group_name, stream_access_arn, stream_name};
use crate::room::Handler;

impl Handler for DeleteLogStream {
    fn access(ctx: &OpCtx, input: &DeleteLogStreamRequest) -> Access {
        let arn = stream_access_arn(&ctx.scope, Some(&input.log_group_name), None, &input.log_stream_name);
        Access::new("logs:DeleteLogStream", arn)
    }

    async fn run(ctx: &OpCtx, input: DeleteLogStreamRequest) -> Result<Empty, ServiceError> {
        let cloud = &ctx.cloud;
        let snapshot = cloud.store.snapshot();
        let group = store::group(&snapshot, &ctx.scope, &group_name(&input.log_group_name)?)?;
        if group.deletion_protection {
            return Err(Error::Protected(group.name.to_string()).into());
        }
        let stream = store::stream(&snapshot, group.id, &stream_name(&input.log_stream_name)?)?;
        cloud.store.commit(Txn::new().remove(&stream)).await.map_err(Error::Store)?;
        // No query shows events of a stream without a record; this frees their memory early.
        if let Err(error) = cloud.logs.drop_stream(group.id, stream.id).await {
            tracing::warn!(stream = %stream.name, error = &error as &dyn std::error::Error, "left to retention");
        }
        Ok(Empty {})
    }
}

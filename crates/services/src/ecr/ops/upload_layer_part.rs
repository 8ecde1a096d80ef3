//! UploadLayerPart: the next part of a layer; parts come in order.

use futures_util::stream;
use registry::{Chunk, ChunkRange, Error as RegistryError};
use wire::Value;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::ops::upload_unknown;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::UploadLayerPart {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:UploadLayerPart", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let id = &input.upload_id;
        let (first, last) = (input.part_first_byte, input.part_last_byte);
        let invalid = |received: u64, what: String| Error::InvalidLayerPart {
            message: format!("Layer part upload for upload with id '{id}' is invalid: {what}"),
            members: vec![
                ("registryId".into(), Value::from(ctx.scope.account.as_str())),
                ("repositoryName".into(), Value::from(name.as_str())),
                ("uploadId".into(), Value::from(id.as_str())),
                ("lastValidByteReceived".into(), Value::Integer(last_byte(received))),
            ],
        };
        let length = i64::try_from(input.layer_part_blob.len()).unwrap_or(i64::MAX);
        if first < 0 || last < first || last - first + 1 != length {
            let what = format!("the part from byte {first} to byte {last} has {length} bytes");
            return Err(invalid(0, what).into());
        }
        let range = ChunkRange { start: first.unsigned_abs(), end: last.unsigned_abs() };
        let bytes = Box::pin(stream::iter([Ok(input.layer_part_blob.into())]));
        let chunk = Chunk { range: Some(range), bytes };
        match registry.append(&repository, id, chunk).await {
            Ok(size) => Ok(Self::Output {
                registry_id: Some(ctx.scope.account.to_string()),
                repository_name: Some(name.to_string()),
                upload_id: Some(id.clone()),
                last_byte_received: Some(last_byte(size)),
            }),
            Err(RegistryError::UploadUnknown(_)) => Err(upload_unknown(ctx, &name, id).into()),
            Err(RegistryError::ChunkOutOfOrder { received }) => {
                Err(invalid(received, format!("the next part begins at byte {received}")).into())
            }
            Err(error) => Err(Error::from(error).into()),
        }
    }
}

fn last_byte(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX) - 1
}

//! DescribeImageReplicationStatus: how far an image's copies in other regions are.

use registry::Reference;
use registry::tables::{Replica, ReplicaState};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::ecr::wire::ImageId;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeImageReplicationStatus {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DescribeImageReplicationStatus", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let refused = |failed: parse::ImageFailed| Error::parameter("imageId", failed.reason);
        let id = ImageId::parse(&input.image_id).map_err(refused)?;
        let image = registry.image(&repository, &id.reference()).map_err(Error::from)?;
        id.agrees(&image).map_err(refused)?;
        let copies = registry.replicas(&repository, &image.digest);
        let tag = match id.reference() {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        Ok(Self::Output {
            repository_name: Some(name.to_string()),
            image_id: Some(parse::identifier(&image.digest, tag.as_ref())),
            replication_statuses: Some(copies.iter().map(|copy| status(copy)).collect()),
        })
    }
}

fn status(copy: &Replica) -> shapes::ImageReplicationStatus {
    let status = match copy.state {
        ReplicaState::Pending => "IN_PROGRESS",
        ReplicaState::Complete => "COMPLETE",
        ReplicaState::Failed => "FAILED",
    };
    shapes::ImageReplicationStatus {
        region: Some(copy.destination.region.to_string()),
        registry_id: Some(copy.destination.registry.to_string()),
        status: Some(status.to_owned()),
        failure_code: copy.failure.clone(),
    }
}

//! DescribeImageReplicationStatus: how far an image's copies in other regions are.

use registry::tables::{Replica, ReplicaState};
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::ops::NamedImage;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeImageReplicationStatus {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:DescribeImageReplicationStatus", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let registry = &ctx.cloud.registry;
        let named =
            NamedImage::find(ctx, input.registry_id.as_ref(), &input.repository_name, &input.image_id)?;
        let NamedImage { repository, image, .. } = &named;
        let copies = registry.replicas(repository, &image.digest);
        Ok(Self::Output {
            repository_name: Some(repository.name.to_string()),
            image_id: Some(named.id()),
            replication_statuses: Some(copies.iter().map(|copy| status(ctx, copy)).collect()),
        })
    }
}

fn status(ctx: &OpCtx, copy: &Replica) -> shapes::ImageReplicationStatus {
    let status = match copy.state {
        ReplicaState::Pending => "IN_PROGRESS",
        ReplicaState::Complete => "COMPLETE",
        ReplicaState::Failed => "FAILED",
    };
    shapes::ImageReplicationStatus {
        region: Some(copy.destination.region.to_string()),
        registry_id: Some(copy.destination.registry.as_ref().unwrap_or(&ctx.scope.account).to_string()),
        status: Some(status.to_owned()),
        failure_code: copy.failure.clone(),
    }
}

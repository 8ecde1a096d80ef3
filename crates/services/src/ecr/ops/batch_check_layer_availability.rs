//! BatchCheckLayerAvailability: which layers a push need not send.

use model::ecr::Digest;
use wire::ecr as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecr::error::Error;
use crate::ecr::wire as parse;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::BatchCheckLayerAvailability {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        parse::access(ctx, "ecr:BatchCheckLayerAvailability", &input.repository_name)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let name = parse::repository_name(ctx, input.registry_id.as_ref(), &input.repository_name)?;
        let registry = &ctx.cloud.registry;
        let repository = registry.repository(&ctx.scope, &name).map_err(Error::from)?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for raw in input.layer_digests {
            let Ok(digest) = raw.parse::<Digest>() else {
                failures.push(failure(raw));
                continue;
            };
            let size = match registry.link_for_push(&repository, &digest, ctx.now).await {
                Ok(link) => Some(i64::try_from(link.size).unwrap_or(i64::MAX)),
                Err(registry::Error::BlobUnknown(_)) => None,
                Err(error) => return Err(Error::from(error).into()),
            };
            let availability = if size.is_some() { "AVAILABLE" } else { "UNAVAILABLE" };
            layers.push(shapes::Layer {
                layer_digest: Some(raw),
                layer_availability: Some(availability.to_owned()),
                layer_size: size,
                media_type: None,
            });
        }
        Ok(Self::Output { layers: Some(layers), failures: Some(failures) })
    }
}

fn failure(raw: String) -> shapes::LayerFailure {
    let (code, reason) = if raw.is_empty() {
        ("MissingLayerDigest", "Invalid request parameters: layer digest cannot be null or empty")
    } else {
        (
            "InvalidLayerDigest",
            "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )
    };
    shapes::LayerFailure {
        layer_digest: Some(raw),
        failure_code: Some(code.to_owned()),
        failure_reason: Some(reason.to_owned()),
    }
}

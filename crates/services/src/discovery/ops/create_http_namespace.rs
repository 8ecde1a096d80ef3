//! CreateHttpNamespace: a namespace that `DiscoverInstances` alone can ask.

use ::wire::servicediscovery as shapes;
use model::discovery::NamespaceKind;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::namespaces;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateHttpNamespace {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:CreateHttpNamespace")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let namespace = namespaces::New {
            name: input.name,
            kind: NamespaceKind::Http,
            description: input.description,
            creator_request_id: input.creator_request_id,
            tags: input.tags,
        };
        let operation_id = Some(namespaces::create(ctx, namespace).await?);
        Ok(Self::Output { operation_id })
    }
}

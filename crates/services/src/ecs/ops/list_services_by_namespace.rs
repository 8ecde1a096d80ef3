//! ListServicesByNamespace: no service is in a Cloud Map namespace, since services that ask for one are refused.

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::ListServicesByNamespace {
    fn access(_: &OpCtx, input: &shape::ListServicesByNamespaceRequest) -> Access {
        Access::any("ecs:ListServicesByNamespace").with("ecs:namespace", &input.namespace)
    }

    async fn run(
        _: &OpCtx,
        input: shape::ListServicesByNamespaceRequest,
    ) -> Result<shape::ListServicesByNamespaceResponse, ServiceError> {
        if input.namespace.is_empty() {
            return Err(Error::InvalidParameter("Namespace cannot be empty.".into()).into());
        }
        Err(Error::NamespaceNotFound.into())
    }
}

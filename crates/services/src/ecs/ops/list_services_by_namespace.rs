//! ListServicesByNamespace: the services of all clusters that have Service Connect on in a namespace.

use store::{Key, Versioned, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::connect as discovery;
use crate::ecs::error::Error;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::{BY_NAMESPACE, ServiceRow};
use crate::error::ServiceError;
use crate::room::Handler;

/// The services of a page when no number is asked for.
const DEFAULT_PAGE: i32 = 10;

impl Handler for shape::ListServicesByNamespace {
    fn access(_: &OpCtx, input: &shape::ListServicesByNamespaceRequest) -> Access {
        Access::any("ecs:ListServicesByNamespace").with("ecs:namespace", &input.namespace)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListServicesByNamespaceRequest,
    ) -> Result<shape::ListServicesByNamespaceResponse, ServiceError> {
        if input.namespace.is_empty() {
            return Err(Error::InvalidParameter("Namespace cannot be empty.".into()).into());
        }
        let snapshot = ctx.cloud.store.snapshot();
        let namespace = discovery::namespace(&snapshot, &ctx.scope, &input.namespace);
        let namespace = namespace.ok_or(Error::NamespaceNotFound)?;
        let prefix = key![ctx.scope, namespace.arn];
        let limit = input.max_results.or(Some(DEFAULT_PAGE));
        let page = Page::read(input.next_token.as_deref(), limit, &prefix)?;
        let position = |service: &Versioned<ServiceRow>| service.position(BY_NAMESPACE, &prefix);
        let load =
            |after: Option<&Key>, limit| snapshot.page_by::<ServiceRow>(BY_NAMESPACE, &prefix, after, limit);
        let (services, next_token) = page.cut(page.fill(load, position, |_| true), position);
        let arns = services.iter().map(|service| service.arn().to_string()).collect();
        Ok(shape::ListServicesByNamespaceResponse { service_arns: Some(arns), next_token })
    }
}

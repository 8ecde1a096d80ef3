//! ListNamespaces: by type, name or owner.

use ::wire::servicediscovery as shapes;
use model::discovery::Namespace;
use store::key;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::page::{cut, passes};
use crate::discovery::store::{self as tables, NamespaceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListNamespaces {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:ListNamespaces")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let mut found = Vec::new();
        for namespace in snapshot.all::<NamespaceRow>(&key![ctx.scope]) {
            if passes_all(&namespace, input.filters.as_deref().unwrap_or_default())? {
                let services = tables::services_of(&snapshot, &namespace).len();
                found.push((namespace.id.clone(), wire::namespace_summary(&namespace, services)));
            }
        }
        let (page, next_token) = cut(found, input.next_token.as_deref(), input.max_results)?;
        Ok(Self::Output { namespaces: Some(page), next_token })
    }
}

fn passes_all(namespace: &Namespace, filters: &[shapes::NamespaceFilter]) -> Result<bool, Error> {
    for filter in filters {
        let value = match filter.name.as_str() {
            "TYPE" => wire::namespace_type(&namespace.kind),
            "NAME" | "HTTP_NAME" => &namespace.name,
            "RESOURCE_OWNER" => "SELF",
            other => return Err(Error::Input(format!("The filter {other} is unknown."))),
        };
        if !passes(filter.condition.as_deref(), &filter.values, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

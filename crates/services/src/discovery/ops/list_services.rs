//! ListServices: of all namespaces, or of one.

use ::wire::servicediscovery as shapes;
use model::discovery::Service;
use store::key;

use crate::access::Access;
use crate::context::OpCtx;
use crate::discovery::error::Error;
use crate::discovery::page::{cut, passes};
use crate::discovery::store::{self as tables, ServiceRow};
use crate::discovery::wire;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::ListServices {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("servicediscovery:ListServices")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let mut found = Vec::new();
        for service in snapshot.all::<ServiceRow>(&key![ctx.scope]) {
            if passes_all(&service, input.filters.as_deref().unwrap_or_default())? {
                let instances = tables::instance_count(&snapshot, &service);
                found.push((service.id.clone(), wire::service_summary(&service, instances)));
            }
        }
        let (page, next_token) = cut(found, input.next_token.as_deref(), input.max_results)?;
        Ok(Self::Output { services: Some(page), next_token })
    }
}

fn passes_all(service: &Service, filters: &[shapes::ServiceFilter]) -> Result<bool, Error> {
    for filter in filters {
        let value = match filter.name.as_str() {
            "NAMESPACE_ID" => &service.namespace_id,
            "RESOURCE_OWNER" => "SELF",
            other => return Err(Error::Input(format!("The filter {other} is unknown."))),
        };
        if !passes(filter.condition.as_deref(), &filter.values, value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

//! ListServices: the ARNs of a cluster's active services, by name.

use model::ecs::TextEnum;
use model::ecs::service::{SchedulingStrategy, ServiceStatus};
use model::ecs::task::LaunchType;
use store::{Key, Versioned, key};
use wire::ecs as shape;
use wire::ecs::ListServices;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::{BY_SERVICE_STATUS, ServiceRow, active_cluster};
use crate::ecs::view::launch_type;
use crate::ecs::wire::service::word;
use crate::error::ServiceError;
use crate::room::Handler;

/// The services of a page when no number is asked for.
const DEFAULT_PAGE: i32 = 10;

impl Handler for ListServices {
    fn access(ctx: &OpCtx, input: &shape::ListServicesRequest) -> Access {
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        Access::any("ecs:ListServices").with("ecs:cluster", cluster)
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListServicesRequest,
    ) -> Result<shape::ListServicesResponse, ServiceError> {
        let cluster = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &cluster)?;
        if input.resource_management_type.as_deref().is_some_and(|kind| kind != "CUSTOMER") {
            return Err(Error::UnsupportedFeature("Express services are not supported.".into()).into());
        }
        let launch = input.launch_type.as_deref().map(|raw| word::<LaunchType>("launchType", raw));
        let launch = launch.transpose()?;
        let scheduling = input
            .scheduling_strategy
            .as_deref()
            .map(|raw| word::<SchedulingStrategy>("schedulingStrategy", raw));
        let scheduling = scheduling.transpose()?;
        let prefix = key![ctx.scope, cluster.as_str(), ServiceStatus::Active.as_str()];
        let limit = input.max_results.or(Some(DEFAULT_PAGE));
        let page = Page::read(input.next_token.as_deref(), limit, &prefix)?;
        let position = |service: &Versioned<ServiceRow>| service.position(BY_SERVICE_STATUS, &prefix);
        let load = |after: Option<&Key>, limit| {
            snapshot.page_by::<ServiceRow>(BY_SERVICE_STATUS, &prefix, after, limit)
        };
        let keep = |service: &Versioned<ServiceRow>| {
            scheduling.is_none_or(|wanted| service.spec.scheduling_strategy == wanted)
                && launch.is_none_or(|wanted| launch_type(&snapshot, service) == Some(wanted))
        };
        let (services, next_token) = page.cut(page.fill(load, position, keep), position);
        let arns = services.iter().map(|service| service.arn().to_string()).collect();
        Ok(shape::ListServicesResponse { service_arns: Some(arns), next_token })
    }
}

//! ListServiceDeployments: the changes of a service, the newest first.

use model::Timestamp;
use model::ecs::deployment::ServiceDeploymentStatus;
use store::{Key, Versioned, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::service_view;
use crate::ecs::store::{NEWEST, ServiceDeploymentRow, active_cluster, service};
use crate::ecs::wire::service::word;
use crate::error::ServiceError;
use crate::room::Handler;

/// The records of a page when no number is asked for.
const DEFAULT_PAGE: i32 = 20;

impl Handler for shape::ListServiceDeployments {
    fn access(ctx: &OpCtx, input: &shape::ListServiceDeploymentsRequest) -> Access {
        let resource = service_resource(ctx, input.cluster.as_deref(), &input.service);
        Access::new("ecs:ListServiceDeployments", resource)
            .with("ecs:cluster", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListServiceDeploymentsRequest,
    ) -> Result<shape::ListServiceDeploymentsResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &cluster)?;
        let name = identifier::service(&input.service, &ctx.scope, &cluster)?;
        let found = name.and_then(|name| service(&snapshot, &ctx.scope, &cluster, &name));
        let found = found.ok_or(Error::ServiceNotFound)?;
        let statuses = input.status.unwrap_or_default();
        let statuses: Vec<ServiceDeploymentStatus> =
            statuses.iter().map(|raw| word("status", raw)).collect::<Result<_, _>>()?;
        let bounds = input.created_at.unwrap_or_default();
        let (after, before) =
            (bounds.after.map(Timestamp::from_millis), bounds.before.map(Timestamp::from_millis));

        let prefix = key![ctx.scope, cluster.as_str(), found.name.as_str()];
        let limit = input.max_results.or(Some(DEFAULT_PAGE));
        let page = Page::read(input.next_token.as_deref(), limit, &prefix)?;
        let position = |record: &Versioned<ServiceDeploymentRow>| record.position(NEWEST, &prefix);
        let load = |from: Option<&Key>, limit| {
            snapshot.page_by::<ServiceDeploymentRow>(NEWEST, &prefix, from, limit)
        };
        let keep = |record: &Versioned<ServiceDeploymentRow>| {
            (statuses.is_empty() || statuses.contains(&record.status))
                && after.is_none_or(|after| record.created_at >= after)
                && before.is_none_or(|before| record.created_at <= before)
                && record.created_at >= found.created_at
        };
        let (records, next_token) = page.cut(page.fill(load, position, keep), position);
        let briefs = records.iter().map(|record| service_view::brief(record)).collect();
        Ok(shape::ListServiceDeploymentsResponse { service_deployments: Some(briefs), next_token })
    }
}

//! ListContainerInstances: the ARNs of a cluster's container instances, by status and by a cluster query.
//!
//! The nodes behind Fargate belong to no cluster and are not shown here.

use model::ecs::TextEnum;
use model::ecs::container_instance::ContainerInstanceStatus;
use reconcile::placement::instances::facts;
use store::{Key, Row, Versioned, key};
use wire::ecs as shape;
use wire::ecs::ListContainerInstances;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::instances::member;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::rules::placement::expression;
use crate::ecs::store::{ContainerInstanceRow, active_cluster};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for ListContainerInstances {
    fn access(ctx: &OpCtx, input: &shape::ListContainerInstancesRequest) -> Access {
        Access::new("ecs:ListContainerInstances", cluster_resource(ctx, input.cluster.as_deref()))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ListContainerInstancesRequest,
    ) -> Result<shape::ListContainerInstancesResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let query =
            input.filter.as_deref().filter(|text| !text.trim().is_empty()).map(expression).transpose()?;
        // REGISTERING and the like are statuses of ECS, in which no instance stays here.
        let status = input.status.as_deref().map(ContainerInstanceStatus::parse);
        let prefix = key![ctx.scope, name.as_str()];
        let page = Page::read(input.next_token.as_deref(), input.max_results, &prefix)?;
        let position = |row: &Versioned<ContainerInstanceRow>| Some(row.row.key());
        let load = |after: Option<&Key>, limit| snapshot.page::<ContainerInstanceRow>(&prefix, after, limit);
        let keep = |row: &Versioned<ContainerInstanceRow>| {
            let meant = query.as_ref().is_none_or(|query| {
                let candidate = member(&snapshot, row.clone())
                    .map(|member| member.candidate(&snapshot, query.asks_about_tasks()));
                candidate.is_some_and(|candidate| query.holds(&facts(&candidate)))
            });
            meant && status.is_none_or(|status| status == Some(row.status))
        };
        let (found, next_token) = page.cut(page.fill(load, position, keep), position);
        let arns = found.iter().map(|row| row.arn().to_string()).collect();
        Ok(shape::ListContainerInstancesResponse { container_instance_arns: Some(arns), next_token })
    }
}

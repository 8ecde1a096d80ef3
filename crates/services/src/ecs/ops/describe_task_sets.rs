//! DescribeTaskSets: the task sets of a service, all of them or those that are named.

use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_set_resource;
use crate::ecs::ops::{cluster_resource, missing, service_resource};
use crate::ecs::task_sets;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::DescribeTaskSets {
    fn access(ctx: &OpCtx, input: &shape::DescribeTaskSetsRequest) -> Access {
        let named = input.task_sets.iter().flatten();
        let named = named.map(|raw| task_set_resource(ctx, &input.cluster, &input.service, raw));
        Access::each("ecs:DescribeTaskSets", named)
            .with("ecs:cluster", cluster_resource(ctx, Some(&input.cluster)))
            .with("ecs:service", service_resource(ctx, Some(&input.cluster), &input.service))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::DescribeTaskSetsRequest,
    ) -> Result<shape::DescribeTaskSetsResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let owner = task_sets::owner(&snapshot, &ctx.scope, &input.cluster, &input.service)?;
        let with_tags = input.include.iter().flatten().any(|field| field == "TAGS");
        let named = input.task_sets.unwrap_or_default();
        let (mut sets, mut failures) = (Vec::new(), Vec::new());
        for raw in &named {
            let number = task_sets::number_of(raw, &owner);
            match owner.task_sets.iter().find(|set| Some(&set.revision) == number.as_ref()) {
                Some(set) => sets.push(task_sets::write(&snapshot, &owner, set, with_tags)),
                None => failures.push(missing(raw)),
            }
        }
        if named.is_empty() {
            let all = owner.task_sets.iter();
            sets = all.map(|set| task_sets::write(&snapshot, &owner, set, with_tags)).collect();
        }
        Ok(shape::DescribeTaskSetsResponse { task_sets: Some(sets), failures: Some(failures) })
    }
}

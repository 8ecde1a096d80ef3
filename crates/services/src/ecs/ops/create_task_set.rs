//! CreateTaskSet: a revision of an EXTERNAL service with its share of the tasks. The scheduler starts them.

use model::ecs::deployment::{Deployment, DeploymentStatus};
use model::ecs::task_set::{StabilityStatus, TaskSet, TaskSetStatus};
use model::ecs::{RevisionId, Service, ServiceRevision};
use store::Txn;
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::{with_definition, with_network, with_providers};
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::revising;
use crate::ecs::rules::service as rules;
use crate::ecs::rules::tag;
use crate::ecs::store::{ServiceRevisionRow, ServiceRow, active_cluster};
use crate::ecs::task_sets;
use crate::ecs::wire::launch::bounded;
use crate::error::ServiceError;
use crate::room::Handler;

/// The longest idempotency token.
const MAX_TOKEN: usize = 36;
/// The longest name that somebody else gives.
const MAX_EXTERNAL_ID: usize = 255;
/// The most task sets of a service; its row has to end somewhere.
const MOST: usize = 20;

impl Handler for shape::CreateTaskSet {
    fn access(ctx: &OpCtx, input: &shape::CreateTaskSetRequest) -> Access {
        let access = Access::any("ecs:CreateTaskSet")
            .with("ecs:cluster", cluster_resource(ctx, Some(&input.cluster)))
            .with("ecs:service", service_resource(ctx, Some(&input.cluster), &input.service));
        let access = with_network(access, input.network_configuration.as_ref());
        let access = with_providers(access, input.capacity_provider_strategy.as_deref());
        with_definition(ctx, access, Some(&input.task_definition))
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::CreateTaskSetRequest,
    ) -> Result<shape::CreateTaskSetResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let found = task_sets::owner(&snapshot, &ctx.scope, &input.cluster, &input.service)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &found.cluster)?;
        let client_token = bounded("clientToken", input.client_token.clone(), MAX_TOKEN)?;
        let shown = |owner: &Service, set: &TaskSet| {
            let task_set = task_sets::write(&ctx.cloud.store.snapshot(), owner, set, true);
            Ok(shape::CreateTaskSetResponse { task_set: Some(task_set) })
        };
        let repeated =
            found.task_sets.iter().find(|set| client_token.is_some() && set.client_token == client_token);
        if let Some(set) = repeated {
            return shown(&found, set);
        }
        if found.task_sets.len() >= MOST {
            return Err(Error::LimitExceeded(format!("A service can have at most {MOST} task sets.")).into());
        }
        let definition = revising::active_definition(ctx, &snapshot, &input.task_definition)?;
        let asked = revising::Asked {
            launch_type: input.launch_type.as_deref(),
            strategy: input.capacity_provider_strategy.as_deref(),
            platform_version: input.platform_version.as_deref(),
            network: input.network_configuration.as_ref(),
            load_balancers: input.load_balancers.as_deref(),
            registries: input.service_registries.as_deref(),
        };
        let spec = revising::revision(&asked, &cluster, &definition)?;
        if spec.load_balancers.iter().any(|balancer| balancer.shift.is_some()) {
            let text = "advancedConfiguration cannot be used with task sets.";
            return Err(Error::InvalidParameter(text.into()).into());
        }
        rules::check(&found.spec, &spec)?;
        revising::check(ctx, &snapshot, &cluster, &found, &spec, &definition)?;
        let set = TaskSet {
            revision: ctx.ids.with(|ids| RevisionId::random(ids)),
            status: TaskSetStatus::Active,
            scale: task_sets::scale(input.scale)?,
            external_id: bounded("externalId", input.external_id, MAX_EXTERNAL_ID)?,
            stability: StabilityStatus::Stabilizing,
            stability_at: ctx.now,
            client_token,
            tags: tag::read(input.tags)?,
            created_at: ctx.now,
            updated_at: ctx.now,
        };
        let mut next = Service::clone(&found);
        next.target_groups.extend(spec.load_balancers.iter().map(|it| it.target_group_arn.clone()));
        // What slows down the starts of tasks that fail is kept where other services keep it.
        let change = next.primary().service_deployment.clone();
        let entry = Deployment::new(set.revision.clone(), change, next.spec.desired_count, ctx.now);
        next.deployments.push(Deployment { status: DeploymentStatus::Active, ..entry });
        next.task_sets.push(set.clone());
        next.seen.is_steady = false;
        next.seen.placements_refused = 0;
        next.seen.place_again_at = None;
        let revision = ServiceRevision {
            scope: next.scope.clone(),
            cluster: next.cluster.clone(),
            service: next.name.clone(),
            id: set.revision.clone(),
            endpoints: Vec::new(),
            spec,
            target_groups: Vec::new(),
            created_at: ctx.now,
        };
        let txn = Txn::new()
            .expect(&cluster)
            .insert(&ServiceRevisionRow(revision))
            .update(&found, &ServiceRow(next.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        shown(&next, &set)
    }
}

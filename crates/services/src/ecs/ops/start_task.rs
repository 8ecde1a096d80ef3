//! StartTask: one task on each of up to ten container instances that the caller names.
//!
//! Strategies and constraints have no say; what the task needs of an instance still has to be there.

use model::ecs::task::LaunchType;
use wire::ecs as shape;

use super::describe_task_definition::find;
use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::launching;
use crate::ecs::error::Error;
use crate::ecs::instances;
use crate::ecs::launching::{Made, Maker};
use crate::ecs::ops::{cluster_resource, instance_resource, missing};
use crate::ecs::placement::Unplaced;
use crate::ecs::rules::identifier;
use crate::ecs::rules::launch::{self, Capacity};
use crate::ecs::store::active_cluster;
use crate::ecs::wire::launch::read;
use crate::ecs::wire::task::write_task;
use crate::error::ServiceError;
use crate::room::Handler;

/// The most container instances of one request.
const MAX_INSTANCES: usize = 10;

impl Handler for shape::StartTask {
    fn access(ctx: &OpCtx, input: &shape::StartTaskRequest) -> Access {
        let (cluster, changes) = (input.cluster.as_deref(), input.overrides.as_ref());
        let access = launching(ctx, "ecs:StartTask", &input.task_definition, changes)
            .with("ecs:cluster", cluster_resource(ctx, cluster))
            .with("ecs:enable-execute-command", input.enable_execute_command.unwrap_or(false));
        input.container_instances.iter().fold(access, |access, raw| {
            access.with("ecs:container-instances", instance_resource(ctx, cluster, raw))
        })
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::StartTaskRequest,
    ) -> Result<shape::StartTaskResponse, ServiceError> {
        let named = input.container_instances.clone();
        if named.is_empty() || named.len() > MAX_INSTANCES {
            let text = if named.is_empty() { "empty" } else { "more than 10" };
            return Err(Error::InvalidParameter(format!("Container instances cannot be {text}.")).into());
        }
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        let definition = find(ctx, &snapshot, &input.task_definition)?;
        let definition = definition.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
        let launch = read(as_run_task(input), &cluster)?;
        let (mut capacities, mut failures) = (Vec::new(), Vec::new());
        for raw in named {
            let id = identifier::container_instance(&raw, &ctx.scope, &name)?;
            match id.and_then(|id| instances::find(&snapshot, &ctx.scope, &name, &id)) {
                Some(found) if found.is_active() => capacities.push(Capacity {
                    launch_type: LaunchType::Ec2,
                    provider: None,
                    instance: Some(found.row.id.clone()),
                }),
                Some(draining) => failures.push(failure(draining.row.arn(), "INACTIVE")),
                None => failures.push(missing(raw)),
            }
        }
        let maker = Maker { snapshot: &snapshot, cluster: &cluster, now: ctx.now, ids: ctx.ids.clone() };
        launch::check(&launch, &definition, LaunchType::Ec2)?;
        let Made { txn, tasks, unplaced } = maker.make(&launch, &definition, &capacities)?;
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn.expect(&cluster)).await.map_err(Error::from)?;
        }
        failures.extend(unplaced.iter().map(Unplaced::failure));
        let tasks = tasks.iter().map(|task| write_task(task, true)).collect();
        Ok(shape::StartTaskResponse { tasks: Some(tasks), failures: Some(failures) })
    }
}

/// What both requests have in common, so that one reader checks it.
fn as_run_task(input: shape::StartTaskRequest) -> shape::RunTaskRequest {
    shape::RunTaskRequest {
        cluster: input.cluster,
        enable_ecs_managed_tags: input.enable_ecs_managed_tags,
        enable_execute_command: input.enable_execute_command,
        group: input.group,
        launch_type: Some(LaunchType::Ec2.to_string()),
        network_configuration: input.network_configuration,
        overrides: input.overrides,
        propagate_tags: input.propagate_tags,
        reference_id: input.reference_id,
        started_by: input.started_by,
        tags: input.tags,
        task_definition: input.task_definition,
        volume_configurations: input.volume_configurations,
        ..shape::RunTaskRequest::default()
    }
}

fn failure(arn: impl ToString, reason: &str) -> shape::Failure {
    shape::Failure { arn: Some(arn.to_string()), reason: Some(reason.to_owned()), detail: None }
}

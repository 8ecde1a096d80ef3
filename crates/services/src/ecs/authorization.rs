//! What several operations of this room say of themselves to authorisation: the ARNs behind names, roles that are
//! passed on, and the condition keys of launches.

use model::ecs::TaskDefinition;
use wire::ecs as shape;

use super::ops::{cluster_resource, service_resource};
use super::rules::identifier;
use super::{roles, store as tables};
use crate::access::Access;
use crate::context::OpCtx;

/// Who gets the roles of tasks.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// Who gets the roles that rules of load balancers are rewritten with.
const SERVICES: &str = "ecs.amazonaws.com";

/// The task definition that a request names, if it names one.
fn find(ctx: &OpCtx, raw: &str) -> Option<TaskDefinition> {
    let snapshot = ctx.cloud.store.snapshot();
    let reference = identifier::task_definition(raw, &ctx.scope).ok().flatten()?;
    let found = match reference.id() {
        Some(id) => tables::task_definition(&snapshot, &ctx.scope, &id),
        None => tables::latest_active(&snapshot, &ctx.scope, reference.family.as_str()),
    };
    found.map(|found| found.row.0.clone())
}

/// The ARN of the task that a request names; where it names none rightly, the ARN it gave, or every task.
pub(super) fn task_resource(ctx: &OpCtx, cluster: Option<&str>, raw: &str) -> String {
    let found = identifier::cluster(cluster, &ctx.scope).ok().and_then(|name| {
        let id = identifier::task(raw, &ctx.scope, &name).ok().flatten()?;
        Some(id.arn(&ctx.scope, &name).to_string())
    });
    let given = || Some(raw).filter(|raw| raw.starts_with("arn:")).map(str::to_owned);
    let any = || cluster_resource(ctx, cluster).replacen(":cluster/", ":task/", 1) + "/*";
    found.or_else(given).unwrap_or_else(any)
}

/// Adds the cluster and the service that the ARNs of deployments or revisions name.
pub(super) fn of_service(mut access: Access, arns: &[String]) -> Access {
    for arn in arns {
        let Some((head, rest)) = arn.split_once("/") else { continue };
        let mut parts = rest.split('/');
        let (Some(cluster), Some(service)) = (parts.next(), parts.next()) else { continue };
        let head = head.rsplit_once(':').map_or(head, |(head, _)| head);
        access = access
            .with("ecs:cluster", format!("{head}:cluster/{cluster}"))
            .with("ecs:service", format!("{head}:service/{cluster}/{service}"));
    }
    access
}

/// `action` on the task definition that a launch names, with the roles that its tasks get.
pub(super) fn launching(
    ctx: &OpCtx,
    action: &'static str,
    definition: &str,
    changes: Option<&shape::TaskOverride>,
) -> Access {
    let Some(found) = find(ctx, definition) else {
        // Nothing will be launched; the answer says so to whom may launch everything.
        return Access::new(action, ctx.arn("ecs", "task-definition/*"));
    };
    let task = changes.and_then(|it| it.task_role_arn.as_ref()).or(found.spec.task_role_arn.as_ref());
    let execution =
        changes.and_then(|it| it.execution_role_arn.as_ref()).or(found.spec.execution_role_arn.as_ref());
    passing_roles(ctx, Access::new(action, found.arn()), [task, execution].into_iter().flatten())
}

/// Asks whether the caller may pass `roles` on to tasks.
pub(super) fn passing_roles<'r>(
    ctx: &OpCtx,
    access: Access,
    roles: impl IntoIterator<Item = &'r String>,
) -> Access {
    let roles = roles.into_iter().filter(|role| !role.is_empty());
    roles.fold(access, |access, role| access.passing(&roles::arn(&ctx.scope.account, role), TASKS))
}

/// Adds a service's task definition: its ARN, its size, and the roles that its tasks get.
pub(super) fn with_definition(ctx: &OpCtx, access: Access, definition: Option<&str>) -> Access {
    let Some(raw) = definition else { return access };
    let Some(found) = find(ctx, raw) else { return access.with("ecs:task-definition", raw) };
    let mut access = access.with("ecs:task-definition", found.arn());
    if let Some(cpu) = found.spec.cpu {
        access = access.with("ecs:task-cpu", cpu);
    }
    if let Some(memory) = found.spec.memory {
        access = access.with("ecs:task-memory", memory);
    }
    let roles = [&found.spec.task_role_arn, &found.spec.execution_role_arn];
    passing_roles(ctx, access, roles.into_iter().flatten())
}

/// Adds the subnets of a service, and whether its tasks get public addresses.
pub(super) fn with_network(access: Access, network: Option<&shape::NetworkConfiguration>) -> Access {
    let Some(awsvpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
        return access;
    };
    let public = awsvpc.assign_public_ip.as_deref() == Some("ENABLED");
    let access = access.with("ecs:auto-assign-public-ip", public);
    awsvpc.subnets.iter().fold(access, |access, subnet| access.with("ecs:subnet", subnet))
}

/// Asks whether the caller may pass on the roles by which traffic is shifted.
pub(super) fn passing_balancers(access: Access, balancers: Option<&[shape::LoadBalancer]>) -> Access {
    let shifts = balancers.unwrap_or_default().iter().filter_map(|it| it.advanced_configuration.as_ref());
    let roles = shifts.filter_map(|shift| shift.role_arn.as_deref());
    roles.fold(access, |access, role| access.passing(role, SERVICES))
}

/// The ARN of the task set that a request names; where it names none rightly, the ARN it gave, or every one.
pub(super) fn task_set_resource(ctx: &OpCtx, cluster: &str, service: &str, raw: &str) -> String {
    if raw.starts_with("arn:") {
        return raw.to_owned();
    }
    let service = service_resource(ctx, Some(cluster), service);
    service.replacen(":service/", ":task-set/", 1) + "/" + raw
}

/// Adds the capacity providers of a strategy.
pub(super) fn with_providers(
    access: Access,
    strategy: Option<&[shape::CapacityProviderStrategyItem]>,
) -> Access {
    let items = strategy.unwrap_or_default().iter();
    items.fold(access, |access, item| access.with("ecs:capacity-provider", &item.capacity_provider))
}

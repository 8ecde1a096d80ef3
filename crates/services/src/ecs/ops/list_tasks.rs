//! ListTasks: the ARNs of a cluster's tasks, filtered.
//!
//! The narrowest filter chooses the index; the others look at the rows that it gives.

use model::ecs::task::LaunchType;
use model::ecs::{ClusterName, ContainerInstanceId, DesiredStatus, TextEnum};
use store::{Key, Snapshot, Versioned, key};
use wire::ecs::{ListTasks, ListTasksRequest, ListTasksResponse};

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, instance_resource};
use crate::ecs::rules::identifier;
use crate::ecs::rules::paging::Page;
use crate::ecs::store::{
    BY_DESIRED, BY_FAMILY, BY_SERVICE, BY_STARTED_BY, ServiceRow, TaskRow, active_cluster, tasks_of,
};
use crate::error::ServiceError;
use crate::room::Handler;

/// The filters of a request.
struct Filter {
    cluster: ClusterName,
    desired: DesiredStatus,
    family: Option<String>,
    started_by: Option<String>,
    service: Option<String>,
    instance: Option<String>,
    launch_type: Option<LaunchType>,
}

impl Handler for ListTasks {
    fn access(ctx: &OpCtx, input: &ListTasksRequest) -> Access {
        let cluster = cluster_resource(ctx, input.cluster.as_deref());
        let resource = match &input.container_instance {
            Some(instance) => instance_resource(ctx, input.cluster.as_deref(), instance),
            None => cluster.replacen(":cluster/", ":container-instance/", 1) + "/*",
        };
        Access::new("ecs:ListTasks", resource).with("ecs:cluster", cluster)
    }

    async fn run(ctx: &OpCtx, input: ListTasksRequest) -> Result<ListTasksResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        active_cluster(&snapshot, &ctx.scope, &name)?;
        let (token, limit) = (input.next_token.clone(), input.max_results);
        let Some(filter) = read(name, input)? else {
            // No task ever has the desired status PENDING.
            return Ok(ListTasksResponse { task_arns: Some(Vec::new()), next_token: None });
        };
        let (index, prefix) = index(ctx, &filter);
        let page = Page::read(token.as_deref(), limit, &prefix)?;
        let position = |task: &Versioned<TaskRow>| task.position(index, &prefix);
        let load = |after: Option<&Key>, limit| snapshot.page_by::<TaskRow>(index, &prefix, after, limit);
        let found = page.fill(load, position, |task| passes(&filter, task));
        if let Some(name) = &filter.service
            && !knows_service(ctx, &snapshot, &filter.cluster, name)
        {
            return Err(Error::ServiceNotFound.into());
        }
        let (tasks, next_token) = page.cut(found, position);
        let arns = tasks.iter().map(|task| task.arn().to_string()).collect();
        Ok(ListTasksResponse { task_arns: Some(arns), next_token })
    }
}

fn knows_service(ctx: &OpCtx, snapshot: &Snapshot, cluster: &ClusterName, name: &str) -> bool {
    snapshot.get::<ServiceRow>(&key![ctx.scope, cluster.as_str(), name]).is_some()
}

fn read(cluster: ClusterName, input: ListTasksRequest) -> Result<Option<Filter>, Error> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    if given(input.daemon_name).is_some() {
        return Err(Error::InvalidParameter("Daemons are not supported.".into()));
    }
    let launch_type = match input.launch_type.as_deref() {
        None => None,
        Some(raw) => Some(
            LaunchType::parse(raw)
                .ok_or_else(|| Error::InvalidParameter(format!("Invalid launch type: {raw}")))?,
        ),
    };
    let desired = match input.desired_status.as_deref() {
        None => DesiredStatus::Running,
        Some("PENDING") => return Ok(None),
        Some(raw) => DesiredStatus::parse(raw)
            .ok_or_else(|| Error::InvalidParameter(format!("Invalid desired status: {raw}")))?,
    };
    let filter = Filter {
        cluster,
        desired,
        family: given(input.family),
        started_by: given(input.started_by),
        // A service may be named by its ARN, whose last part is its name.
        service: given(input.service_name).map(|name| name.rsplit('/').next().unwrap_or_default().to_owned()),
        instance: given(input.container_instance),
        launch_type,
    };
    let narrow = [&filter.family, &filter.service, &filter.instance];
    if filter.started_by.is_some() && (narrow.iter().any(|f| f.is_some()) || filter.launch_type.is_some()) {
        return Err(Error::InvalidParameter("startedBy cannot be combined with other filters.".into()));
    }
    if filter.family.is_some() && filter.service.is_some() {
        return Err(Error::InvalidParameter("family and serviceName cannot be combined.".into()));
    }
    Ok(Some(filter))
}

fn index(ctx: &OpCtx, filter: &Filter) -> (&'static str, Key) {
    let cluster = tasks_of(&ctx.scope, &filter.cluster, filter.desired);
    if let Some(started_by) = &filter.started_by {
        (BY_STARTED_BY, key![cluster, started_by])
    } else if let Some(service) = &filter.service {
        (BY_SERVICE, key![cluster, service])
    } else if let Some(family) = &filter.family {
        (BY_FAMILY, key![cluster, family])
    } else {
        (BY_DESIRED, cluster)
    }
}

fn passes(filter: &Filter, task: &TaskRow) -> bool {
    let launch = filter.launch_type.is_none_or(|launch| launch == task.spec.launch_type);
    let instance = filter.instance.as_deref().is_none_or(|instance| {
        let id = instance.rsplit('/').next().unwrap_or_default();
        task.container_instance.as_ref().map(ContainerInstanceId::as_str) == Some(id)
    });
    launch && instance
}

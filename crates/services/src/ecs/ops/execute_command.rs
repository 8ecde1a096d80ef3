//! ExecuteCommand: grants a session in a running container; the client opens it over a websocket.
//!
//! The command is split into words and started without a shell, as root, as the SSM agent in a task does.
//! Deviation: no task role is asked for, as nothing in the task has to call Systems Manager.

use model::ecs::cluster::ExecuteCommandLogging;
use model::ecs::container_definition::LogDriver;
use model::ecs::task_container::TaskContainer;
use model::ecs::{Cluster, ContainerStatus, Task};
use store::{Snapshot, key};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::task_resource;
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::rules::identifier;
use crate::ecs::store::{TaskRow, active_cluster, task_definition};
use crate::error::ServiceError;
use crate::exec::{LogDestination, Target, split_words, stream_url};
use crate::room::Handler;

const NOT_ENABLED: &str = "The execute command failed because execute command was not enabled when the task was run \
     or the execute command agent isn\u{2019}t running. Wait and try again or run a new task with execute command \
     enabled and try again.";
const NOT_CONNECTED: &str = "The execute command failed due to an internal error. Try again later.";

impl Handler for shape::ExecuteCommand {
    fn access(ctx: &OpCtx, input: &shape::ExecuteCommandRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let task = task_resource(ctx, cluster, &input.task);
        let access = Access::new("ecs:ExecuteCommand", &task)
            .with("ecs:cluster", cluster_resource(ctx, cluster))
            .with("ecs:task", task);
        match &input.container {
            Some(container) => access.with("ecs:container-name", container),
            None => access,
        }
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::ExecuteCommandRequest,
    ) -> Result<shape::ExecuteCommandResponse, ServiceError> {
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let snapshot = ctx.cloud.store.snapshot();
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        if !input.interactive {
            return Err(
                Error::InvalidParameter("Interactive is the only mode supported currently.".into()).into()
            );
        }
        let command = command(&input.command)?;
        let id = identifier::task(&input.task, &ctx.scope, &cluster.name)?;
        let task = id.and_then(|id| snapshot.get::<TaskRow>(&key![ctx.scope, name.as_str(), id.as_str()]));
        let task =
            task.ok_or_else(|| Error::InvalidParameter("The referenced task was not found.".into()))?;
        let container = container(&task, input.container.as_deref())?;
        let target = target(&snapshot, &cluster, (&task, container), command, ctx.principal.arn.to_string())?;
        let granted = ctx
            .cloud
            .exec
            .grant(target, ctx.now, &ctx.ids)
            .map_err(|_limit_or_link| Error::TargetNotConnected(NOT_CONNECTED.into()))?;
        Ok(shape::ExecuteCommandResponse {
            cluster_arn: Some(cluster.arn().to_string()),
            container_arn: Some(task.container_arn(container).to_string()),
            container_name: Some(container.name.to_string()),
            interactive: Some(true),
            session: Some(shape::Session {
                stream_url: Some(stream_url(&ctx.cloud.settings.endpoint, &granted.session_id)),
                session_id: Some(granted.session_id),
                token_value: Some(granted.token),
            }),
            task_arn: Some(task.arn().to_string()),
        })
    }
}

fn command(line: &str) -> Result<Vec<String>, Error> {
    let words = split_words(line).ok_or_else(|| {
        Error::InvalidParameter("Failed to parse commands input: no closing quotation".into())
    })?;
    if words.is_empty() {
        return Err(Error::InvalidParameter("Command cannot be empty.".into()));
    }
    Ok(words)
}

fn container<'a>(task: &'a Task, named: Option<&str>) -> Result<&'a TaskContainer, Error> {
    match (named.filter(|name| !name.is_empty()), task.containers.as_slice()) {
        (Some(name), containers) => containers.iter().find(|c| c.name.as_str() == name).ok_or_else(|| {
            Error::InvalidParameter(format!("The container {name} was not found in the task."))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::InvalidParameter(
            "Container name must be specified for tasks with multiple containers.".into(),
        )),
    }
}

fn target(
    snapshot: &Snapshot,
    cluster: &Cluster,
    (task, container): (&Task, &TaskContainer),
    command: Vec<String>,
    owner: String,
) -> Result<Target, Error> {
    let serves =
        container.seen.managed_agents.iter().any(|agent| agent.last_status == ContainerStatus::Running);
    let (Some(node), Some(runtime_id), true) =
        (&task.node, &container.seen.runtime_id, serves && task.spec.enable_execute_command)
    else {
        return Err(Error::InvalidParameter(NOT_ENABLED.into()));
    };
    Ok(Target {
        scope: task.scope.clone(),
        node: node.clone(),
        task_arn: task.arn().to_string(),
        owner,
        container_name: container.name.to_string(),
        runtime_id: runtime_id.clone(),
        command,
        log: log(snapshot, cluster, task, container),
    })
}

/// Where the output is logged: nowhere, where the cluster says, or where the container's own output goes.
fn log(
    snapshot: &Snapshot,
    cluster: &Cluster,
    task: &Task,
    container: &TaskContainer,
) -> Option<LogDestination> {
    let wanted = cluster.configuration.as_ref().and_then(|c| c.execute_command_configuration.as_ref());
    match wanted.and_then(|wanted| wanted.logging).unwrap_or(ExecuteCommandLogging::Default) {
        ExecuteCommandLogging::None => None,
        ExecuteCommandLogging::Override => {
            let group = wanted?.log_configuration.as_ref()?.cloud_watch_log_group_name.clone()?;
            Some(LogDestination { scope: task.scope.clone(), group, create_group: false })
        }
        ExecuteCommandLogging::Default => {
            let definition = task_definition(snapshot, &task.scope, &task.spec.definition)?;
            let log = definition.container(container.name.as_str())?.log_configuration.as_ref()?;
            let options = log.options.as_ref().filter(|_| log.log_driver == LogDriver::Awslogs)?;
            let region =
                options.get("awslogs-region").and_then(|region| model::Region::new(region.as_str()).ok());
            let scope = model::Scope::new(
                task.scope.account.clone(),
                region.unwrap_or_else(|| task.scope.region.clone()),
            );
            let create_group = options.get("awslogs-create-group").is_some_and(|value| value == "true");
            Some(LogDestination { scope, group: options.get("awslogs-group")?.clone(), create_group })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_or_refused() {
        assert_eq!(command("sh -c 'a b'").unwrap(), ["sh", "-c", "a b"]);
        assert_eq!(command(" ").unwrap_err().to_string(), "Command cannot be empty.");
        assert!(command("'").unwrap_err().to_string().starts_with("Failed to parse commands input"));
    }
}

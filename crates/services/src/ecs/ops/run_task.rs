//! RunTask: places up to ten tasks, leases their addresses, and writes all of it at once.
//!
//! The tasks start in PROVISIONING; `control` sends them to their nodes. A task without a place is
//! an entry of `failures`, not an error.

use model::ecs::task_definition::TaskDefinition;
use model::ecs::{Cluster, Task};
use store::{Snapshot, Versioned, key};
use wire::ecs as shape;

use super::describe_task_definition::find;
use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::{launching, with_providers};
use crate::ecs::error::Error;
use crate::ecs::launching::{Made, Maker};
use crate::ecs::ops::cluster_resource;
use crate::ecs::placement::Unplaced;
use crate::ecs::rules::identifier;
use crate::ecs::rules::launch::{self, Launch};
use crate::ecs::store::{BY_CLIENT_TOKEN, TaskRow, active_cluster};
use crate::ecs::wire::launch::read;
use crate::ecs::wire::task::write_task;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::RunTask {
    fn access(ctx: &OpCtx, input: &shape::RunTaskRequest) -> Access {
        let changes = input.overrides.as_ref();
        let access = launching(ctx, "ecs:RunTask", &input.task_definition, changes)
            .with("ecs:cluster", cluster_resource(ctx, input.cluster.as_deref()))
            .with("ecs:enable-execute-command", input.enable_execute_command.unwrap_or(false));
        with_providers(access, input.capacity_provider_strategy.as_deref())
    }

    async fn run(ctx: &OpCtx, input: shape::RunTaskRequest) -> Result<shape::RunTaskResponse, ServiceError> {
        // One placement at a time: requests wait for each other here instead of meeting in conflicts.
        let _turn = ctx.cloud.placing.lock().await;
        let snapshot = ctx.cloud.store.snapshot();
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        let definition = find(ctx, &snapshot, &input.task_definition)?;
        let definition = definition.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
        let launch = read(input, &cluster)?;
        if let Some(tasks) = repeated(&snapshot, &launch, &cluster, &definition)? {
            return Ok(answer(&tasks, &[]));
        }
        let maker = Maker { snapshot: &snapshot, cluster: &cluster, now: ctx.now, ids: ctx.ids.clone() };
        let capacities = launch::capacities(&launch, &cluster)?;
        let made = maker.make(&launch, &definition, &capacities)?;
        let Made { txn, tasks, unplaced } = made;
        if unplaced.contains(&Unplaced::NoInstances) {
            let text = "No Container Instances were found in your cluster.";
            return Err(Error::InvalidParameter(text.into()).into());
        }
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn.expect(&cluster)).await.map_err(Error::from)?;
        }
        Ok(answer(&tasks, &unplaced))
    }
}

/// The tasks that an earlier request with the same token made.
fn repeated(
    snapshot: &Snapshot,
    launch: &Launch,
    cluster: &Cluster,
    definition: &TaskDefinition,
) -> Result<Option<Vec<Task>>, Error> {
    let Some(token) = &launch.client_token else { return Ok(None) };
    let prefix = key![cluster.scope, cluster.name.as_str(), token];
    let found: Vec<Versioned<TaskRow>> = snapshot.all_by(BY_CLIENT_TOKEN, &prefix).collect();
    let Some(first) = found.first() else { return Ok(None) };
    let same = first.spec.definition == definition.id
        && first.spec.overrides == launch.overrides
        && first.spec.started_by == launch.started_by
        && found.len() <= launch.count;
    if !same {
        return Err(Error::TokenReused);
    }
    Ok(Some(found.iter().map(|task| task.row.0.clone()).collect()))
}

/// Tasks are answered by id, so that a repeated request gets the very same answer.
fn answer(tasks: &[Task], unplaced: &[Unplaced]) -> shape::RunTaskResponse {
    let mut tasks: Vec<_> = tasks.iter().map(|task| write_task(task, true)).collect();
    tasks.sort_by(|a, b| a.task_arn.cmp(&b.task_arn));
    shape::RunTaskResponse {
        tasks: Some(tasks),
        failures: Some(unplaced.iter().map(Unplaced::failure).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Timestamp;
    use model::ecs::node::CpuArchitecture;
    use model::ecs::{LastStatus, Node, NodeId};
    use reconcile::task::Report;

    use super::*;
    use crate::ecs::door;
    use crate::ecs::store::NodeLoadRow;
    use crate::testing;

    const NODE: &str = "00000000000000000000000000000001";

    /// A cloud with the cluster `default`, the definition `web` and a node of two cores and 2 GiB.
    async fn ready() -> OpCtx {
        let ctx = testing::ctx().await;
        shape::CreateCluster::run(&ctx, shape::CreateClusterRequest::default()).await.unwrap();
        let container = shape::ContainerDefinition {
            name: Some("web".into()),
            image: Some("web:1".into()),
            ..shape::ContainerDefinition::default()
        };
        let definition = shape::RegisterTaskDefinitionRequest {
            family: "web".into(),
            container_definitions: vec![container],
            requires_compatibilities: Some(vec!["FARGATE".into()]),
            network_mode: Some("awsvpc".into()),
            cpu: Some("256".into()),
            memory: Some("512".into()),
            ..shape::RegisterTaskDefinitionRequest::default()
        };
        shape::RegisterTaskDefinition::run(&ctx, definition).await.unwrap();
        door::register_node(&ctx.cloud.store, node()).await.unwrap();
        ctx
    }

    fn node() -> Node {
        Node {
            id: NodeId::new(NODE).unwrap(),
            cpu_units: 2048,
            memory_mib: 2048,
            architecture: CpuArchitecture::X86_64,
            zone: "a".into(),
            attributes: Default::default(),
            agent_version: "0".into(),
            connected: true,
            connected_at: Timestamp::EPOCH,
            registered_at: Timestamp::EPOCH,
            membership: None,
            reserved_ports: Default::default(),
        }
    }

    async fn request(ctx: &OpCtx, count: i32) -> shape::RunTaskRequest {
        let described = ::wire::ec2::DescribeSubnets::run(ctx, Default::default()).await.unwrap();
        let subnets = described.subnets.unwrap().into_iter().filter_map(|subnet| subnet.subnet_id).collect();
        let awsvpc = shape::AwsVpcConfiguration { subnets, ..shape::AwsVpcConfiguration::default() };
        shape::RunTaskRequest {
            task_definition: "web".into(),
            count: Some(count),
            launch_type: Some("FARGATE".into()),
            network_configuration: Some(shape::NetworkConfiguration { awsvpc_configuration: Some(awsvpc) }),
            ..shape::RunTaskRequest::default()
        }
    }

    async fn run(ctx: &OpCtx, input: shape::RunTaskRequest) -> Result<shape::RunTaskResponse, String> {
        shape::RunTask::run(ctx, input).await.map_err(|error| error.to_string())
    }

    fn load(ctx: &OpCtx) -> (u32, u32, u32) {
        let row = ctx.cloud.store.get::<NodeLoadRow>(&key![NODE]).unwrap();
        (row.cpu_units, row.memory_mib, row.tasks)
    }

    #[tokio::test]
    async fn what_does_not_fit_is_a_failure_with_a_reason() {
        let ctx = ready().await;
        let answer = run(&ctx, request(&ctx, 6).await).await.unwrap();
        let (tasks, failures) = (answer.tasks.unwrap(), answer.failures.unwrap());
        assert_eq!((tasks.len(), failures.len()), (4, 2));
        assert_eq!(failures[0].detail.as_deref(), Some("RESOURCE:MEMORY"));
        assert_eq!(load(&ctx), (1024, 2048, 4));
        let addresses: BTreeSet<_> = tasks.iter().map(|task| format!("{:?}", task.attachments)).collect();
        assert_eq!(addresses.len(), 4, "every task has an address of its own");
        assert_eq!(tasks[0].last_status.as_deref(), Some("PROVISIONING"));
        assert_eq!(tasks[0].group.as_deref(), Some("family:web"));
    }

    #[tokio::test]
    async fn an_ended_task_gives_everything_back() {
        let ctx = ready().await;
        let answer = run(&ctx, request(&ctx, 1).await).await.unwrap();
        let arn = answer.tasks.unwrap()[0].task_arn.clone().unwrap();
        for status in [LastStatus::Pending, LastStatus::Running, LastStatus::Stopped, LastStatus::Stopped] {
            let report = Report { status: Some(status), ..Report::default() };
            door::report(&ctx.cloud.store, &arn, &report, ctx.now).await.unwrap();
        }
        assert_eq!(load(&ctx), (0, 0, 0));
        let interfaces = ::wire::ec2::DescribeNetworkInterfaces::run(&ctx, Default::default()).await.unwrap();
        assert_eq!(interfaces.network_interfaces, Some(Vec::new()));
    }

    #[tokio::test]
    async fn a_token_makes_a_request_happen_once() {
        let ctx = ready().await;
        let input = shape::RunTaskRequest { client_token: Some("once".into()), ..request(&ctx, 4).await };
        let first = run(&ctx, input.clone()).await.unwrap().tasks.unwrap();
        let again = run(&ctx, input.clone()).await.unwrap().tasks.unwrap();
        let arns = |tasks: &[shape::Task]| tasks.iter().map(|t| t.task_arn.clone()).collect::<Vec<_>>();
        assert_eq!(arns(&first), arns(&again));
        let other = shape::RunTaskRequest { started_by: Some("me".into()), ..input };
        assert!(run(&ctx, other).await.unwrap_err().starts_with("ConflictException: "));
    }

    #[tokio::test]
    async fn refusals_are_ecss_own() {
        let ctx = ready().await;
        let base = request(&ctx, 1).await;
        let subnet = |id: &str| {
            let awsvpc = shape::AwsVpcConfiguration { subnets: vec![id.into()], ..Default::default() };
            Some(shape::NetworkConfiguration { awsvpc_configuration: Some(awsvpc) })
        };
        let cases = [
            (
                shape::RunTaskRequest { cluster: Some("other".into()), ..base.clone() },
                "ClusterNotFoundException: Cluster not found.",
            ),
            (
                shape::RunTaskRequest { task_definition: "none".into(), ..base.clone() },
                "ClientException: TaskDefinition not found.",
            ),
            (
                shape::RunTaskRequest { network_configuration: None, ..base.clone() },
                "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ),
            (
                shape::RunTaskRequest { network_configuration: subnet("subnet-1"), ..base.clone() },
                "InvalidParameterException: Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does \
                 not exist (ErrorCode: InvalidSubnetID.NotFound)",
            ),
            (
                shape::RunTaskRequest { launch_type: None, ..base.clone() },
                "InvalidParameterException: No Container Instances were found in your cluster.",
            ),
            (
                shape::RunTaskRequest { platform_version: Some("9".into()), ..base.clone() },
                "PlatformUnknownException: The platform version 9 does not exist.",
            ),
            (
                shape::RunTaskRequest { count: Some(11), ..base },
                "InvalidParameterException: Tasks count must be between 1 and 10.",
            ),
        ];
        for (input, expected) in cases {
            assert_eq!(run(&ctx, input).await.unwrap_err(), expected);
        }
    }

    #[tokio::test]
    async fn a_disconnected_node_takes_nothing() {
        let ctx = ready().await;
        door::disconnect_all(&ctx.cloud.store, ctx.now).await.unwrap();
        let answer = run(&ctx, request(&ctx, 1).await).await.unwrap();
        assert_eq!(answer.failures.unwrap()[0].detail.as_deref(), Some("AGENT"));
    }
}

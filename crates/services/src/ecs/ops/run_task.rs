//! RunTask: places up to ten tasks, leases their addresses, and writes all of it at once.
//!
//! The tasks start in PROVISIONING; `control` sends them to their nodes. A task without a place is
//! an entry of `failures`, not an error.

use std::collections::BTreeSet;

use model::ec2::NetworkInterface;
use model::ecs::container_definition::KeyValuePair;
use model::ecs::task::{Attachment, AttachmentStatus, LaunchType};
use model::ecs::task_definition::TaskDefinition;
use model::ecs::{Cluster, Task};
use reconcile::placement::Refusal;
use store::{Snapshot, Txn, Versioned, key};
use wire::ecs as shape;

use super::describe_task_definition::find;
use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2;
use crate::ec2::interfaces::{Lease, LeaseRequest};
use crate::ecs::error::Error;
use crate::ecs::ops::cluster_resource;
use crate::ecs::placement::Placement;
use crate::ecs::rules::identifier;
use crate::ecs::rules::launch::{self, Launch};
use crate::ecs::store::{BY_CLIENT_TOKEN, TaskRow, active_cluster};
use crate::ecs::wire::launch::read;
use crate::ecs::wire::task::write_task;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shape::RunTask {
    fn access(ctx: &OpCtx, input: &shape::RunTaskRequest) -> Access {
        let found = find(ctx, &ctx.cloud.store.snapshot(), &input.task_definition);
        let definition = found.ok().flatten().map_or_else(|| "*".to_owned(), |found| found.arn().to_string());
        Access::new("ecs:RunTask", definition)
            .with("ecs:cluster", cluster_resource(ctx, input.cluster.as_deref()))
            .with("ecs:enable-execute-command", input.enable_execute_command.unwrap_or(false))
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
        let (txn, tasks, refusals) = plan(ctx, &snapshot, &launch, &cluster, &definition)?;
        if !txn.is_read_only() {
            ctx.cloud.store.commit(txn.expect(&cluster)).await.map_err(Error::from)?;
        }
        Ok(answer(&tasks, &refusals))
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

/// Decides everything: the writes, the tasks in them, and why the others found no place.
fn plan(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    launch: &Launch,
    cluster: &Cluster,
    definition: &TaskDefinition,
) -> Result<(Txn, Vec<Task>, Vec<Refusal>), Error> {
    let capacities = launch::capacities(launch, cluster)?;
    for launch_type in capacities.iter().map(|it| it.launch_type).collect::<BTreeSet<_>>() {
        launch::check(launch, definition, launch_type)?;
        // Container instances join clusters in a later step; an ECS cluster without any says this.
        if launch_type != LaunchType::Fargate {
            return Err(Error::InvalidParameter("No Container Instances were found in your cluster.".into()));
        }
    }
    if let Some(network) = &launch.network {
        ec2::interfaces::check(snapshot, &ctx.scope, &network.subnets, &network.security_groups)
            .map_err(network_error)?;
    }
    let mut placement = Placement::new(snapshot);
    let (mut txn, mut tasks, mut refusals) = (Txn::new(), Vec::new(), Vec::new());
    let mut taken: Vec<NetworkInterface> = Vec::new();
    for capacity in &capacities {
        let mut task = ctx.ids.with(|ids| launch::task(launch, cluster, definition, capacity, ctx.now, ids));
        if let Err(refusal) = placement.place(&mut task) {
            refusals.push(refusal);
            continue;
        }
        if task.spec.network.is_some() {
            let (next, lease) = lease(ctx, snapshot, txn, &task, &taken)?;
            attach(&mut task, &lease);
            taken.push(lease.interface);
            txn = next;
        }
        txn = txn.insert(&TaskRow(task.clone()));
        tasks.push(task);
    }
    Ok((placement.commit(txn), tasks, refusals))
}

fn lease(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    txn: Txn,
    task: &Task,
    taken: &[NetworkInterface],
) -> Result<(Txn, AttachedLease), Error> {
    let network = task.spec.network.clone().unwrap_or_default();
    let id = ctx.ids.uuid();
    let request = LeaseRequest {
        scope: &ctx.scope,
        subnets: &network.subnets,
        security_groups: &network.security_groups,
        task_arn: &task.arn().to_string(),
        attachment_arn: &ctx.arn("ecs", format!("attachment/{}/{id}", task.cluster)).to_string(),
        taken,
        now: ctx.now,
    };
    let mut ids = ctx.ids.clone();
    let (txn, Lease { interface, .. }) =
        ec2::interfaces::lease(snapshot, txn, &request, &mut ids).map_err(network_error)?;
    Ok((txn, AttachedLease { id, interface }))
}

/// A leased interface and the id of the attachment that it becomes.
struct AttachedLease {
    id: String,
    interface: NetworkInterface,
}

fn attach(task: &mut Task, lease: &AttachedLease) {
    let interface = &lease.interface;
    let details = [
        ("subnetId", interface.subnet_id.clone()),
        ("networkInterfaceId", interface.id.clone()),
        ("macAddress", interface.mac.to_string()),
        ("privateDnsName", ec2::wire::private_dns_name(interface)),
        ("privateIPv4Address", interface.address.to_string()),
    ];
    task.seen.availability_zone = Some(interface.availability_zone.clone());
    task.attachments.push(Attachment {
        id: lease.id.clone(),
        kind: "ElasticNetworkInterface".into(),
        status: AttachmentStatus::Precreated,
        details: details.map(|(name, value)| KeyValuePair { name: name.into(), value }).to_vec(),
    });
}

/// EC2's refusals in the words in which ECS passes them on.
fn network_error(error: ec2::error::Error) -> Error {
    let code = error.code();
    match error {
        ec2::error::Error::Store(source) => Error::Store(source),
        ec2::error::Error::SubnetNotFound(ref id) => Error::InvalidParameter(format!(
            "Error retrieving subnet information for [{id}]: {error} (ErrorCode: {code})"
        )),
        ec2::error::Error::GroupNotFound(ref id) => Error::InvalidParameter(format!(
            "Error retrieving security group information for [{id}]: {error} (ErrorCode: {code})"
        )),
        other => Error::InvalidParameter(format!("{other} (ErrorCode: {code})")),
    }
}

fn answer(tasks: &[Task], refusals: &[Refusal]) -> shape::RunTaskResponse {
    shape::RunTaskResponse {
        tasks: Some(tasks.iter().map(|task| write_task(task, true)).collect()),
        failures: Some(refusals.iter().map(failure).collect()),
    }
}

/// Fargate's own reason; the detail says what was short, in the words for container instances.
fn failure(refusal: &Refusal) -> shape::Failure {
    let detail = match refusal {
        Refusal::NoNodes => "No node offers Fargate capacity.",
        Refusal::Agent => "AGENT",
        Refusal::Attribute => "ATTRIBUTE",
        Refusal::Memory => "RESOURCE:MEMORY",
        Refusal::Cpu => "RESOURCE:CPU",
    };
    shape::Failure {
        arn: None,
        reason: Some(
            "Capacity is unavailable at this time. Please try again later or in a different availability zone".into(),
        ),
        detail: Some(detail.into()),
    }
}

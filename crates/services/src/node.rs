//! What a node asks of the rooms: its reports, its log lines, its logins at the registry.
//!
//! The messages are those of the agent link; each function answers one of the calls of
//! [`link::Uplink`]. Repeating a call changes nothing.

use auth::Principal;
use model::ecs::container_definition::TransportProtocol;
use model::ecs::container_instance::Membership;
use model::ecs::node::CpuArchitecture;
use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::task_container::NetworkBinding;
use model::ecs::{ClusterName, ContainerStatus, LastStatus, Node, NodeId, Task, TextEnum};
use model::{AccountId, Arn, Region, Scope, Timestamp};
use reconcile::task::{ContainerReport, Report};
use registry::token::{Caller, LIFETIME};
use store::Snapshot;
use store::blobs::BlobName;
use telemetry::{Event, Source};
use wire::link;

use crate::access::{Access, Asker, RequestTags, authorize};
use crate::cloud::Cloud;
use crate::context::Ids;
use crate::error::{Fault, ServiceError};
use crate::logs::door::Target;
use crate::{discovery, ec2, ecs, elbv2, logs};

/// The zone of a node that names none.
const DEFAULT_ZONE: &str = "a";

/// Registers a node; answers its id.
pub async fn register(
    cloud: &Cloud,
    told: link::NodeRegistration,
    now: Timestamp,
    ids: &Ids,
) -> Answer<NodeId> {
    let id =
        NodeId::new(told.node_id.as_str()).map_err(|error| refusal("InvalidParameterException", error))?;
    let attribute =
        |name: &str| told.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let architecture = match attribute("ecs.cpu-architecture") {
        Some("arm64" | "aarch64" | "ARM64") => CpuArchitecture::Arm64,
        Some(_) | None => CpuArchitecture::X86_64,
    };
    let cluster_by_default = told.cluster_by_default;
    let membership = told.cluster.map(|cluster| {
        let cluster =
            ClusterName::new(cluster).map_err(|error| refusal("InvalidParameterException", error))?;
        // The installation's own scope: a machine says nothing about accounts.
        let scope = Scope::new(cloud.settings.account.clone(), cloud.settings.region.clone());
        Ok(Membership { scope, cluster, by_default: cluster_by_default })
    });
    let node = Node {
        id: id.clone(),
        cpu_units: told.cpu_units,
        memory_mib: told.memory_mib,
        architecture,
        zone: attribute("ecs.availability-zone").unwrap_or(DEFAULT_ZONE).to_owned(),
        attributes: told.attributes.into_iter().collect(),
        agent_version: told.agent_version,
        connected: true,
        connected_at: now,
        registered_at: now,
        membership: membership.transpose()?,
        reserved_ports: told.reserved_ports.into_iter().collect(),
    };
    ecs::door::register_node(&cloud.store, node).await.map_err(pass)?;
    ecs::door::join_cluster(&cloud.store, &id, now, ids).await.map_err(pass)?;
    Ok(id)
}

/// Merges a report about a task.
pub async fn submit(cloud: &Cloud, told: link::TaskStateChange, now: Timestamp) -> Answer<()> {
    let millis = |at: Option<i64>| at.map(Timestamp::from_millis);
    let report = Report {
        status: LastStatus::parse(&told.status),
        stop_code: told.stop_code.as_deref().and_then(StopCode::parse),
        reason: told.reason,
        pull_started_at: millis(told.pull_started_at),
        pull_stopped_at: millis(told.pull_stopped_at),
        execution_stopped_at: millis(told.execution_stopped_at),
        containers: told.containers.into_iter().map(container).collect(),
    };
    ecs::door::report(&cloud.store, &told.task, &report, now).await.map_err(pass)
}

fn container(told: link::ContainerStateChange) -> ContainerReport {
    ContainerReport {
        name: told.container_name,
        status: ContainerStatus::parse(&told.status),
        runtime_id: told.runtime_id,
        image_digest: told.image_digest,
        exit_code: told.exit_code.and_then(|code| i32::try_from(code).ok()),
        reason: told.reason,
        health_status: told.health_status.as_deref().and_then(HealthStatus::parse),
        network_bindings: told.network_bindings.into_iter().map(binding).collect(),
    }
}

fn binding(told: link::NetworkBinding) -> NetworkBinding {
    NetworkBinding {
        bind_ip: told.bind_ip,
        container_port: Some(told.container_port),
        host_port: Some(told.host_port),
        protocol: TransportProtocol::parse(&told.protocol).unwrap_or(TransportProtocol::Tcp),
        container_port_range: None,
        host_port_range: None,
    }
}

/// Makes a log stream ready; answers the first offset of the spool that is still wanted.
pub async fn open_log_stream(
    cloud: &Cloud,
    batch: &link::LogBatch,
    now: Timestamp,
    ids: &Ids,
) -> Answer<u64> {
    let scope = scope(&batch.account, &batch.region)?;
    let access = logs::door::access_to_open(&cloud.store.snapshot(), &target(batch, &scope));
    by_execution_role(cloud, &batch.task_arn, &access, &scope, now)?;
    logs::door::open_stream(cloud, target(batch, &scope), &batch.source, now, ids).await.map_err(pass)
}

/// Stores log lines durably.
pub async fn put_log_events(cloud: &Cloud, batch: link::LogBatch, now: Timestamp, ids: &Ids) -> Answer<()> {
    let scope = scope(&batch.account, &batch.region)?;
    let access = logs::door::access_to_write(&target(&batch, &scope));
    by_execution_role(cloud, &batch.task_arn, &access, &scope, now)?;
    let source = Source { id: batch.source.clone(), offset: batch.offset, next: batch.next_offset };
    let event = |event: &link::LogEvent| Event {
        timestamp: Timestamp::from_millis(event.timestamp),
        message: event.message.clone(),
    };
    let events = batch.events.iter().map(event).collect();
    logs::door::ingest(cloud, target(&batch, &scope), source, events, now, ids).await.map(drop).map_err(pass)
}

fn target<'a>(batch: &'a link::LogBatch, scope: &'a Scope) -> Target<'a> {
    Target { scope, group: &batch.log_group, stream: &batch.log_stream, create_group: batch.create_group }
}

/// A login for the image of a task, when the registry at `host` is ours.
pub fn registry_login(
    cloud: &Cloud,
    task_arn: &str,
    host: &str,
    now: Timestamp,
) -> Answer<Option<(String, String)>> {
    let task: Arn = task_arn.parse().map_err(|error| refusal("InvalidParameterException", error))?;
    let Some(scope) = registry_scope(cloud, &task, host)? else { return Ok(None) };
    let principal = puller(cloud, task_arn, &scope, now)?;
    let caller = Caller { scope, principal: principal.arn.clone(), identity: Some(principal) };
    Ok(Some(("AWS".to_owned(), cloud.registry.mint_token(&caller, now + LIFETIME))))
}

/// A task's protection, asked for or changed from inside: the task's own role must be allowed to.
pub async fn protection(
    cloud: &Cloud,
    task_arn: &str,
    request: link::ProtectionRequest,
    now: Timestamp,
) -> Answer<link::Protection> {
    let snapshot = cloud.store.snapshot();
    if let Some((task, role)) = ecs::door::task_role(&snapshot, task_arn) {
        let role = role.ok_or_else(|| refusal("AccessDeniedException", "The task has no role."))?;
        let action = match request {
            link::ProtectionRequest::Get => "ecs:GetTaskProtection",
            link::ProtectionRequest::Protect(_) | link::ProtectionRequest::Unprotect => {
                "ecs:UpdateTaskProtection"
            }
        };
        let access = Access::new(action, task_arn).with("ecs:cluster", task.cluster.arn(&task.scope));
        acting(cloud, &snapshot, (&task, &role), &task.scope, &access, now)?;
    }
    ecs::protection::ask(&cloud.store, task_arn, request, now).await
}

/// As whom the node pulls: the task's execution role, which must be allowed to log in. A task without one is pulled for
/// with the account's own right, as by a container instance whose role may.
fn puller(cloud: &Cloud, task_arn: &str, scope: &Scope, now: Timestamp) -> Answer<Principal> {
    let access = Access::any("ecr:GetAuthorizationToken");
    let role = by_execution_role(cloud, task_arn, &access, scope, now)?;
    Ok(role.unwrap_or_else(|| Principal::root(scope.account.clone(), "")))
}

/// The execution role of a task, if it has one, which must be allowed what the node does for the task.
fn by_execution_role(
    cloud: &Cloud,
    task_arn: &str,
    access: &Access,
    scope: &Scope,
    now: Timestamp,
) -> Answer<Option<Principal>> {
    let snapshot = cloud.store.snapshot();
    let Some((task, role)) = ecs::door::execution_role(&snapshot, task_arn) else { return Ok(None) };
    acting(cloud, &snapshot, (&task, &role), scope, access, now).map(Some)
}

/// A task in one of its roles, which must be allowed to do what it is about to do.
fn acting(
    cloud: &Cloud,
    snapshot: &Snapshot,
    (task, role): (&Task, &str),
    scope: &Scope,
    access: &Access,
    now: Timestamp,
) -> Answer<Principal> {
    let principal = ecs::roles::session(snapshot, task, role, now);
    let principal = principal.ok_or_else(|| refusal("AccessDeniedException", ecs::roles::unable(role)))?;
    let asker = Asker {
        identities: &cloud.identities,
        snapshot,
        principal: &principal,
        scope,
        now,
        source_ip: None,
        user_agent: None,
    };
    authorize(&asker, access, &RequestTags::default())
        .map_err(|denied| refusal(&denied.code, denied.message))?;
    Ok(principal)
}

/// The text of a file of environment variables.
pub async fn environment_file(cloud: &Cloud, arn: &str) -> Answer<String> {
    let missing = || refusal("NoSuchKey", format!("The specified key does not exist: {arn}"));
    let name = file_name(arn).ok_or_else(missing)?;
    match cloud.blobs.get(&name).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(store::blobs::Error::NotFound { .. }) => Err(missing()),
        Err(error) => Err(link::UplinkError {
            retryable: true,
            code: "InternalError".into(),
            message: error.to_string(),
        }),
    }
}

/// The blob of a file that is named `arn:aws:s3:::BUCKET/KEY`.
pub fn file_name(arn: &str) -> Option<BlobName> {
    let object = arn.strip_prefix("arn:aws:s3:::")?;
    object.split_once('/').and_then(|_| BlobName::new(format!("files/{object}")).ok())
}

/// The scope whose repositories a registry's name means: `ACCOUNT.dkr.ecr.REGION.amazonaws.com` says it,
/// our own address means the task's scope. Another account's registry is not ours to open.
fn registry_scope(cloud: &Cloud, task: &Arn, host: &str) -> Answer<Option<Scope>> {
    if host == cloud.settings.registry_host {
        return scope(&task.account, &task.region).map(Some);
    }
    let named = host.strip_suffix(".amazonaws.com").and_then(|rest| rest.split_once(".dkr.ecr."));
    match named {
        Some((account, region)) if account == task.account => scope(account, region).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// What is known of a name that a task asks for: of its VPC's addresses, of load balancers, of private namespaces.
pub fn resolve(cloud: &Cloud, task_arn: &str, name: &str, ids: &Ids) -> Answer<link::Resolution> {
    let snapshot = cloud.store.snapshot();
    let Some((scope, interfaces)) = ecs::door::network_of(&snapshot, task_arn) else {
        return Ok(link::Resolution::Elsewhere);
    };
    let network = interfaces.iter().find_map(|id| ec2::names::network_of(&snapshot, &scope, id));
    let Some(network) = network else { return Ok(link::Resolution::Elsewhere) };
    if !network.dns_support {
        return Ok(link::Resolution::Refused);
    }
    if let Some(address) = ec2::names::private_address(name, &scope.region) {
        let address = address.filter(|address| network.cidr.contains(*address));
        return Ok(address.map_or(link::Resolution::Nothing, |address| addresses(vec![address])));
    }
    if let Some(found) = elbv2::door::addresses_of_name(&snapshot, name) {
        return Ok(addresses(found));
    }
    let found = ids.with(|ids| discovery::door::resolve(&snapshot, &network.vpc_id, name, ids));
    Ok(found.unwrap_or_default())
}

/// Addresses of our own, whose names may be kept for a minute as on AWS.
fn addresses(addresses: Vec<std::net::Ipv4Addr>) -> link::Resolution {
    link::Resolution::Records(link::NameRecords { ttl: 60, addresses, ..link::NameRecords::default() })
}

/// What a node is answered.
pub type Answer<T> = Result<T, link::UplinkError>;

fn scope(account: &str, region: &str) -> Answer<Scope> {
    let account = AccountId::new(account).map_err(|error| refusal("InvalidParameterException", error))?;
    let region = Region::new(region).map_err(|error| refusal("InvalidParameterException", error))?;
    Ok(Scope::new(account, region))
}

fn refusal(code: &str, error: impl ToString) -> link::UplinkError {
    link::UplinkError { retryable: false, code: code.to_owned(), message: error.to_string() }
}

/// A room's error: worth a repetition when it is ours or passes by itself.
fn pass(error: impl Into<ServiceError>) -> link::UplinkError {
    let error = error.into();
    let retryable = error.fault == Fault::Receiver || error.code == "ThrottlingException";
    link::UplinkError { retryable, code: error.code, message: error.message }
}

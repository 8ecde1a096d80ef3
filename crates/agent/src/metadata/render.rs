//! A task and its containers in the words of the metadata API. Pure.

use serde_json::{Map, Value, json};
use wire::link;

use super::route::Api;
use crate::task::record::{ContainerRecord, Record};

/// An object without the members that are not known.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let known = members.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?)));
    Value::Object(known.collect::<Map<_, _>>())
}

fn text(value: impl Into<String>) -> Option<Value> {
    Some(Value::String(value.into()))
}

/// RFC 3339 in UTC.
fn time(millis: Option<i64>) -> Option<Value> {
    let at = jiff::Timestamp::from_millisecond(millis?).ok()?;
    text(at.to_string())
}

/// The task.
pub fn task(record: &Record, api: Api, with_tags: bool) -> Value {
    let task = &record.task;
    let extras = task.longshore.clone().unwrap_or_default();
    let v4 = |value: Option<Value>| value.filter(|_| api == Api::V4);
    let containers = task.containers.iter().map(|c| container(record, c, api)).collect();
    let tags = (with_tags && !extras.tags.is_empty()).then(|| json!(extras.tags));
    let zone = Some(extras.availability_zone.clone()).filter(|zone| !zone.is_empty());
    object([
        ("Cluster", text(&extras.cluster_arn)),
        ("TaskARN", text(&task.arn)),
        ("Family", text(&task.family)),
        ("Revision", text(&task.version)),
        ("DesiredStatus", text(&task.desired_status)),
        ("KnownStatus", text(&record.known_status)),
        ("Limits", task_limits(task)),
        ("PullStartedAt", time(record.pull_started_at)),
        ("PullStoppedAt", time(record.pull_stopped_at)),
        ("ExecutionStoppedAt", time(record.execution_stopped_at)),
        ("AvailabilityZone", zone.and_then(text)),
        ("TaskTags", tags),
        ("LaunchType", v4(text(&task.launch_type))),
        ("Containers", Some(Value::Array(containers))),
        ("VPCID", v4(extras.vpc_id.clone().and_then(text))),
        ("EphemeralStorageMetrics", v4(ephemeral_storage(record))),
        ("ServiceName", v4(task.service_name.clone().and_then(text))),
        ("ClockDrift", v4(clock_drift().filter(|_| task.launch_type == "FARGATE"))),
        ("FaultInjectionEnabled", v4(Some(Value::Bool(false)))),
    ])
}

/// What Fargate gives and what of it is used, in MiB.
fn ephemeral_storage(record: &Record) -> Option<Value> {
    let reserved = record.task.longshore.as_ref()?.ephemeral_storage_gib?;
    let fargate = record.task.launch_type == "FARGATE";
    let used = record.disk_used_mib.filter(|_| fargate)?;
    Some(json!({"Utilized": used, "Reserved": u64::from(reserved) * 1024}))
}

fn task_limits(task: &link::Task) -> Option<Value> {
    let limits =
        object([("CPU", task.cpu.map(|cpu| json!(cpu))), ("Memory", task.memory.map(|mib| json!(mib)))]);
    Some(limits).filter(|limits| limits.as_object().is_some_and(|members| !members.is_empty()))
}

/// One of its containers.
pub fn container(record: &Record, wanted: &link::Container, api: Api) -> Value {
    let seen = record.containers.get(&wanted.name).cloned().unwrap_or_default();
    let v4 = |value: Option<Value>| value.filter(|_| api == Api::V4);
    let log = &wanted.docker_config.host_config.log_config;
    let log_driver = Some(log.driver.clone()).filter(|driver| !driver.is_empty());
    let log_options = (!log.config.is_empty()).then(|| log_options(record, wanted, log));
    let restarts =
        wanted.restart_policy.as_ref().filter(|policy| policy.enabled).map(|_| json!(seen.restarts));
    object([
        ("DockerId", text(&seen.runtime_id)),
        ("Name", text(&wanted.name)),
        ("DockerName", text(docker_name(record, wanted, &seen))),
        ("Image", text(&wanted.image)),
        ("ImageID", text(seen.image.as_ref().map(|i| i.manifest_digest.clone()).unwrap_or_default())),
        ("Ports", ports(wanted)),
        ("Labels", Some(labels(record, wanted))),
        ("DesiredStatus", text(&record.task.desired_status)),
        ("KnownStatus", text(known_status(&seen))),
        ("ExitCode", seen.exit.as_ref().and_then(|exit| exit.code).map(|code| json!(code))),
        (
            "Limits",
            Some(object([
                ("CPU", Some(json!(wanted.cpu))),
                ("Memory", (wanted.memory > 0).then(|| json!(wanted.memory))),
            ])),
        ),
        ("CreatedAt", time(seen.created_at)),
        ("StartedAt", time(seen.started_at)),
        ("FinishedAt", time(seen.exit.as_ref().map(|exit| exit.at))),
        ("Type", text("NORMAL")),
        ("LogDriver", v4(log_driver.and_then(text))),
        ("LogOptions", v4(log_options)),
        ("ContainerARN", v4(text(&wanted.container_arn))),
        ("Networks", networks(record, wanted, api)),
        ("Volumes", volumes(&record.task, wanted)),
        ("Health", health(wanted, &seen)),
        ("RestartCount", v4(restarts)),
    ])
}

/// The options as the driver has them: with the stream's name in the place of its prefix.
fn log_options(record: &Record, wanted: &link::Container, log: &link::LogConfig) -> Value {
    let mut options = log.config.clone();
    if let Some(prefix) = options.remove("awslogs-stream-prefix").filter(|_| log.driver == "awslogs") {
        let stream = format!("{prefix}/{}/{}", wanted.name, record.id());
        options.entry("awslogs-stream".into()).or_insert(stream);
    }
    json!(options)
}

fn volumes(task: &link::Task, wanted: &link::Container) -> Option<Value> {
    let volume = |point: &link::MountPoint| {
        let volume = task.volumes.iter().find(|volume| volume.name == point.source_volume)?;
        let docker = volume.docker_volume_configuration.as_ref();
        let path = volume.host.as_ref().and_then(|host| host.source_path.clone());
        Some(object([
            ("DockerName", docker.and_then(|_| text(&volume.name))),
            ("Source", path.and_then(text)),
            ("Destination", text(&point.container_path)),
        ]))
    };
    let found: Vec<_> = wanted.mount_points.iter().filter_map(volume).collect();
    (!found.is_empty()).then_some(Value::Array(found))
}

/// On Fargate a container's own name, elsewhere as the Amazon ECS agent names Docker's containers.
pub fn docker_name(record: &Record, wanted: &link::Container, seen: &ContainerRecord) -> String {
    let task = &record.task;
    if task.launch_type == "FARGATE" {
        return wanted.name.clone();
    }
    let number =
        seen.runtime_id.rsplit('-').next().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
    format!("ecs-{}-{}-{}-{number:x}", task.family, task.version, wanted.name)
}

fn known_status(seen: &ContainerRecord) -> &'static str {
    if seen.pid.is_some() {
        "RUNNING"
    } else if seen.exit.is_some() || seen.failure.is_some() {
        "STOPPED"
    } else if seen.created_at.is_some() {
        "CREATED"
    } else if seen.image.is_some() {
        "PULLED"
    } else {
        "NONE"
    }
}

fn labels(record: &Record, wanted: &link::Container) -> Value {
    let mut labels = wanted.docker_config.config.labels.clone();
    let mut add = |name: &str, value: String| labels.insert(format!("com.amazonaws.ecs.{name}"), value);
    add("cluster", record.task.longshore.as_ref().map(|x| x.cluster_arn.clone()).unwrap_or_default());
    add("container-name", wanted.name.clone());
    add("task-arn", record.task.arn.clone());
    add("task-definition-family", record.task.family.clone());
    add("task-definition-version", record.task.version.clone());
    json!(labels)
}

fn ports(wanted: &link::Container) -> Option<Value> {
    let port = |mapping: &link::PortMapping| {
        object([
            ("ContainerPort", Some(json!(mapping.container_port))),
            ("Protocol", text(&mapping.protocol)),
            ("HostPort", (mapping.host_port > 0).then(|| json!(mapping.host_port))),
        ])
    };
    let single = wanted.port_mappings.iter().filter(|mapping| mapping.container_port > 0);
    let found: Vec<_> = single.map(port).collect();
    (!found.is_empty()).then_some(Value::Array(found))
}

fn networks(record: &Record, wanted: &link::Container, api: Api) -> Option<Value> {
    let task = &record.task;
    let v4 = |value: Option<Value>| value.filter(|_| api == Api::V4);
    if task.elastic_network_interfaces.is_empty() {
        let own = record.network.as_ref().map(|network| network.of(&wanted.name));
        let address = own.and_then(|network| network.interface.as_ref()).map(|it| it.address.to_string());
        let addresses = address.map(|address| json!([address]));
        let mode = if task.network_mode.is_empty() { "bridge" } else { &task.network_mode };
        return Some(json!([object([("NetworkMode", text(mode)), ("IPv4Addresses", addresses)])]));
    }
    let network = |eni: &link::ElasticNetworkInterface| {
        let addresses: Vec<_> = eni.ipv4_addresses.iter().map(|a| a.private_address.as_str()).collect();
        let list = |values: &[String]| (!values.is_empty()).then(|| json!(values));
        object([
            ("NetworkMode", text(&task.network_mode)),
            ("IPv4Addresses", Some(json!(addresses))),
            ("AttachmentIndex", v4(Some(json!(eni.index)))),
            ("MACAddress", v4(text(&eni.mac_address))),
            ("IPv4SubnetCIDRBlock", v4(subnet(&eni.subnet_gateway_ipv4_address).and_then(text))),
            ("DomainNameServers", v4(list(&eni.domain_name_servers))),
            ("DomainNameSearchList", v4(list(&eni.domain_name))),
            ("PrivateDNSName", v4(eni.private_dns_name.clone().and_then(text))),
            ("SubnetGatewayIpv4Address", v4(text(&eni.subnet_gateway_ipv4_address))),
        ])
    };
    Some(Value::Array(task.elastic_network_interfaces.iter().map(network).collect()))
}

/// The block that a gateway such as `10.64.0.1/20` belongs to.
fn subnet(gateway: &str) -> Option<String> {
    let (address, prefix) = gateway.split_once('/')?;
    let (address, prefix) = (address.parse::<std::net::Ipv4Addr>().ok()?, prefix.parse::<u32>().ok()?);
    let mask = u32::MAX.checked_shl(32u32.checked_sub(prefix)?).unwrap_or(0);
    Some(format!("{}/{prefix}", std::net::Ipv4Addr::from_bits(address.to_bits() & mask)))
}

fn health(wanted: &link::Container, seen: &ContainerRecord) -> Option<Value> {
    wanted.docker_config.config.healthcheck.as_ref()?;
    let health = &seen.health;
    Some(object([
        ("status", text(health.status.clone().unwrap_or_else(|| "UNKNOWN".into()))),
        ("statusSince", time(health.since)),
        ("exitCode", health.exit_code.map(|code| json!(code))),
        ("output", Some(health.output.clone()).filter(|output| !output.is_empty()).and_then(text)),
    ]))
}

/// How well the kernel's clock is kept, as Fargate tells it.
fn clock_drift() -> Option<Value> {
    // SAFETY: all members are numbers, for which zeros are valid; modes 0 asks without changing anything.
    let mut times: nix::libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure that it is given.
    let state = unsafe { nix::libc::adjtimex(&mut times) };
    let synchronized = state >= 0 && times.status & nix::libc::STA_UNSYNC == 0;
    Some(object([
        ("ClockErrorBound", (state >= 0).then(|| json!(times.maxerror as f64 / 1000.0))),
        ("ReferenceTimestamp", text(jiff::Timestamp::now().to_string())),
        ("ClockSynchronizationStatus", text(if synchronized { "SYNCHRONIZED" } else { "NOT_SYNCHRONIZED" })),
    ]))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::task::record::{Exit, Health};

    /// A task with two containers, of which one runs.
    pub(crate) fn record() -> Record {
        let container = |name: &str, config: Value, host: Value| {
            json!({"name": name, "containerArn": format!("arn:aws:ecs:us-east-2:1:container/c/0123/{name}"),
                "image": "web:1", "essential": true, "cpu": 10, "memory": 128,
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "dockerConfig": {"version": "1.19", "config": config.to_string(), "hostConfig": host.to_string()}})
        };
        let check =
            json!({"Test": ["CMD", "true"], "Interval": 1, "Timeout": 1, "StartPeriod": 0, "Retries": 3});
        let log = json!({"LogConfig": {"Type": "awslogs", "Config": {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "ecs"}}});
        let task = json!({
            "arn": "arn:aws:ecs:us-east-2:1:task/c/0123", "family": "web", "version": "7",
            "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE",
            "networkMode": "awsvpc", "cpu": 0.25, "memory": 512,
            "elasticNetworkInterfaces": [{"ec2Id": "eni-1", "attachmentArn": "a", "macAddress": "0a:de:f6:10:51:e5",
                "index": 0, "ipv4Addresses": [{"primary": true, "privateAddress": "10.64.0.9"}],
                "subnetGatewayIpv4Address": "10.64.0.1/20", "domainNameServers": ["10.64.0.2"],
                "privateDnsName": "ip-10-64-0-9.us-east-2.compute.internal"}],
            "containers": [container("app", json!({"Labels": {"team": "x"}, "Healthcheck": check}), log),
                container("side", json!({}), json!({}))],
            "longshore": {"clusterArn": "arn:aws:ecs:us-east-2:1:cluster/c", "region": "us-east-2",
                "availabilityZone": "us-east-2a", "vpcId": "vpc-1", "tags": {"env": "test"}}});
        let mut record = Record::new(serde_json::from_value(task).unwrap(), 1);
        record.known_status = "RUNNING".into();
        record.pull_started_at = Some(1_700_000_000_000);
        let app = record.containers.get_mut("app").unwrap();
        app.runtime_id = "0123-0000000001".into();
        app.created_at = Some(1_700_000_000_123);
        app.started_at = Some(1_700_000_000_200);
        app.pid = Some(1);
        app.health = Health { status: Some("HEALTHY".into()), exit_code: Some(0), ..Health::default() };
        let side = record.containers.get_mut("side").unwrap();
        side.runtime_id = "0123-0000000002".into();
        side.exit = Some(Exit { code: Some(3), at: 1_700_000_001_000, out_of_memory: false });
        record
    }

    #[test]
    fn a_container_has_the_fields_of_version_4() {
        let record = record();
        assert_eq!(
            container(&record, &record.task.containers[0], Api::V4),
            json!({
                "DockerId": "0123-0000000001", "Name": "app", "DockerName": "app", "Image": "web:1", "ImageID": "",
                "Ports": [{"ContainerPort": 80, "Protocol": "tcp", "HostPort": 80}],
                "Labels": {"com.amazonaws.ecs.cluster": "arn:aws:ecs:us-east-2:1:cluster/c",
                    "com.amazonaws.ecs.container-name": "app",
                    "com.amazonaws.ecs.task-arn": "arn:aws:ecs:us-east-2:1:task/c/0123",
                    "com.amazonaws.ecs.task-definition-family": "web",
                    "com.amazonaws.ecs.task-definition-version": "7", "team": "x"},
                "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 10, "Memory": 128},
                "CreatedAt": "2023-11-14T22:13:20.123Z", "StartedAt": "2023-11-14T22:13:20.2Z", "Type": "NORMAL",
                "LogDriver": "awslogs", "LogOptions": {"awslogs-group": "/ecs/web", "awslogs-stream": "ecs/app/0123"},
                "ContainerARN": "arn:aws:ecs:us-east-2:1:container/c/0123/app",
                "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.64.0.9"], "AttachmentIndex": 0,
                    "MACAddress": "0a:de:f6:10:51:e5", "IPv4SubnetCIDRBlock": "10.64.0.0/20",
                    "DomainNameServers": ["10.64.0.2"],
                    "PrivateDNSName": "ip-10-64-0-9.us-east-2.compute.internal",
                    "SubnetGatewayIpv4Address": "10.64.0.1/20"}],
                "Health": {"status": "HEALTHY", "exitCode": 0}
            })
        );
    }

    #[test]
    fn version_3_tells_less() {
        let record = record();
        let side = container(&record, &record.task.containers[1], Api::V3);
        assert_eq!(side["Networks"], json!([{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.64.0.9"]}]));
        assert_eq!((&side["ExitCode"], &side["KnownStatus"]), (&json!(3), &json!("STOPPED")));
        assert!(side.get("ContainerARN").is_none() && side.get("LogDriver").is_none());
        let task = task(&record, Api::V3, false);
        assert!(task.get("LaunchType").is_none() && task.get("ClockDrift").is_none());
    }

    #[test]
    fn a_task_has_the_fields_of_version_4() {
        let mut task = task(&record(), Api::V4, true);
        let members = task.as_object_mut().unwrap();
        assert_eq!(members.remove("Containers").unwrap().as_array().unwrap().len(), 2);
        assert!(members.remove("ClockDrift").unwrap()["ClockSynchronizationStatus"].is_string());
        assert_eq!(
            task,
            json!({
                "Cluster": "arn:aws:ecs:us-east-2:1:cluster/c", "TaskARN": "arn:aws:ecs:us-east-2:1:task/c/0123",
                "Family": "web", "Revision": "7", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
                "Limits": {"CPU": 0.25, "Memory": 512}, "PullStartedAt": "2023-11-14T22:13:20Z",
                "AvailabilityZone": "us-east-2a", "TaskTags": {"env": "test"}, "LaunchType": "FARGATE",
                "VPCID": "vpc-1", "FaultInjectionEnabled": false
            })
        );
    }
}

//! How clusters look to a caller: the record, with what is counted from the tasks.

use model::ecs::service::ServiceStatus;
use model::ecs::task::LaunchType;
use model::ecs::{Cluster, LastStatus, Service, TextEnum};
use store::{Snapshot, key};
use wire::ecs as shape;

use super::instances;
use super::store::{BY_SERVICE_STATUS, ServiceRow, count_seen, count_services, service_revision};
use super::wire::cluster::{write_settings, write_tags};
use super::wire::convert::Wire;

/// Seen statuses before RUNNING: they count as pending.
const PENDING: [LastStatus; 3] = [LastStatus::Provisioning, LastStatus::Pending, LastStatus::Activating];

/// The parts of a cluster that are shown only to those who ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Include {
    /// `ATTACHMENTS`
    pub attachments: bool,
    /// `CONFIGURATIONS`
    pub configurations: bool,
    /// `SETTINGS`
    pub settings: bool,
    /// `STATISTICS`
    pub statistics: bool,
    /// `TAGS`
    pub tags: bool,
}

impl Include {
    /// What answers to changes of a cluster show.
    pub(crate) const CHANGED: Include =
        Include { attachments: false, configurations: true, settings: true, statistics: false, tags: true };

    /// Reads `include`; the model's constraint check has refused other words.
    pub(crate) fn read(fields: Option<&[String]>) -> Self {
        let has = |word: &str| fields.is_some_and(|fields| fields.iter().any(|field| field == word));
        Include {
            attachments: has("ATTACHMENTS"),
            configurations: has("CONFIGURATIONS"),
            settings: has("SETTINGS"),
            statistics: has("STATISTICS"),
            tags: has("TAGS"),
        }
    }
}

/// Renders a cluster with its counters as of `snapshot`.
pub(crate) fn cluster(snapshot: &Snapshot, cluster: &Cluster, include: Include) -> shape::Cluster {
    let total = |statuses: &[LastStatus]| -> usize {
        LaunchType::ALL.iter().map(|launch| count_seen(snapshot, cluster, launch.as_str(), statuses)).sum()
    };
    shape::Cluster {
        cluster_arn: Some(cluster.arn().to_string()),
        cluster_name: Some(cluster.name.to_string()),
        configuration: include.configurations.then(|| configuration(cluster)).flatten(),
        status: Some(cluster.status.to_string()),
        registered_container_instances_count: Some(number(instances::count(snapshot, cluster))),
        running_tasks_count: Some(number(total(&[LastStatus::Running]))),
        pending_tasks_count: Some(number(total(&PENDING))),
        active_services_count: Some(number(count_services(snapshot, cluster, ServiceStatus::Active))),
        statistics: Some(if include.statistics { statistics(snapshot, cluster) } else { Vec::new() }),
        tags: Some(if include.tags { write_tags(&cluster.tags) } else { Vec::new() }),
        settings: Some(if include.settings {
            write_settings(cluster.container_insights)
        } else {
            Vec::new()
        }),
        capacity_providers: Some(cluster.capacity_providers.clone()),
        default_capacity_provider_strategy: cluster.default_capacity_provider_strategy.clone().into_wire(),
        attachments: include.attachments.then(Vec::new),
        attachments_status: None,
        service_connect_defaults: cluster
            .namespace
            .clone()
            .map(|namespace| shape::ClusterServiceConnectDefaults { namespace: Some(namespace) }),
    }
}

fn configuration(cluster: &Cluster) -> Option<shape::ClusterConfiguration> {
    let configuration = cluster.configuration.clone()?;
    Some(shape::ClusterConfiguration {
        execute_command_configuration: configuration.execute_command_configuration.into_wire(),
        managed_storage_configuration: None,
    })
}

/// Counters of tasks and services by launch type.
fn statistics(snapshot: &Snapshot, cluster: &Cluster) -> Vec<shape::KeyValuePair> {
    let launches =
        [(LaunchType::Ec2, "EC2"), (LaunchType::Fargate, "Fargate"), (LaunchType::External, "External")];
    let mut all = Vec::new();
    let mut push = |name: String, value: usize| {
        all.push(shape::KeyValuePair { name: Some(name), value: Some(value.to_string()) });
    };
    let services = |status: ServiceStatus, launch: LaunchType| {
        let prefix = key![cluster.scope, cluster.name.as_str(), status.as_str()];
        let all = snapshot.all_by::<ServiceRow>(BY_SERVICE_STATUS, &prefix);
        all.filter(|service| launch_type(snapshot, service) == Some(launch)).count()
    };
    for (launch, name) in launches {
        let count = |statuses: &[LastStatus]| count_seen(snapshot, cluster, launch.as_str(), statuses);
        push(format!("running{name}TasksCount"), count(&[LastStatus::Running]));
        push(format!("pending{name}TasksCount"), count(&PENDING));
        push(format!("active{name}ServiceCount"), services(ServiceStatus::Active, launch));
        push(format!("draining{name}ServiceCount"), services(ServiceStatus::Draining, launch));
    }
    all
}

/// The kind of capacity that a service uses.
pub(crate) fn launch_type(snapshot: &Snapshot, service: &Service) -> Option<LaunchType> {
    let revision = service_revision(snapshot, service, service.shown_revision())?;
    let spec = &revision.spec;
    spec.launch_type.or(if spec.is_fargate() { Some(LaunchType::Fargate) } else { Some(LaunchType::Ec2) })
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

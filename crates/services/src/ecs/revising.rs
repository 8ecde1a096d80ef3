//! What the tasks of a service are made from: read from a request, and checked against what is there.
//!
//! CreateService, CreateTaskSet and UpdateService make revisions; each names some of the members, and all are held to the
//! same. A role by which traffic is shifted must exist and trust ECS; what its policies allow is not asked.

use model::ecs::Service;
use model::ecs::cluster::Cluster;
use model::ecs::service_revision::RevisionSpec;
use model::ecs::task::LaunchType;
use model::ecs::task_definition::{TaskDefinition, TaskDefinitionStatus};
use store::{Snapshot, Versioned};
use wire::ecs as shape;

use super::error::Error;
use super::launching::Maker;
use super::ops::describe_task_definition::find;
use super::rules::service as rules;
use super::rules::{cluster as cluster_rules, launch};
use super::store::TaskDefinitionRow;
use super::wire::launch::network;
use super::wire::service as read;
use super::{balancing, registries, roles};
use crate::context::OpCtx;

/// The members of a request that make a revision, but for its task definition and Service Connect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'r> {
    /// `launchType`
    pub launch_type: Option<&'r str>,
    /// `capacityProviderStrategy`
    pub strategy: Option<&'r [shape::CapacityProviderStrategyItem]>,
    /// `platformVersion`
    pub platform_version: Option<&'r str>,
    /// `networkConfiguration`
    pub network: Option<&'r shape::NetworkConfiguration>,
    /// `loadBalancers`
    pub load_balancers: Option<&'r [shape::LoadBalancer]>,
    /// `serviceRegistries`
    pub registries: Option<&'r [shape::ServiceRegistry]>,
}

/// The task definition that a request names: one that new tasks may be made from.
pub(super) fn active_definition(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    raw: &str,
) -> Result<Versioned<TaskDefinitionRow>, Error> {
    let found = find(ctx, snapshot, raw)?;
    let found = found.ok_or_else(|| Error::Client("TaskDefinition not found.".into()))?;
    match found.status {
        TaskDefinitionStatus::Active => Ok(found),
        TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => {
            Err(Error::Client("TaskDefinition is inactive".into()))
        }
    }
}

/// Reads a new revision of the tasks of `definition`.
pub(super) fn revision(
    asked: &Asked<'_>,
    cluster: &Cluster,
    definition: &TaskDefinition,
) -> Result<RevisionSpec, Error> {
    let launch_type = asked.launch_type.map(|raw| read::word::<LaunchType>("launchType", raw));
    let strategy = asked.strategy.unwrap_or_default().to_vec();
    let awsvpc = asked.network.and_then(|it| it.awsvpc_configuration.clone());
    let mut revision = RevisionSpec {
        definition: definition.id.clone(),
        launch_type: launch_type.transpose()?,
        strategy: cluster_rules::strategy(strategy, &cluster.capacity_providers)?,
        platform_version: asked.platform_version.filter(|version| !version.is_empty()).map(str::to_owned),
        network: awsvpc.map(network).transpose()?,
        load_balancers: read::load_balancers(asked.load_balancers.unwrap_or_default().to_vec())?,
        registries: registries::read(asked.registries.unwrap_or_default())?,
        is_service_connect_off: false,
        service_connect: None,
    };
    if revision.launch_type.is_some() && !revision.strategy.is_empty() {
        return Err(Error::InvalidParameter(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
                .into(),
        ));
    }
    rules::default_capacity(&mut revision, cluster);
    Ok(revision)
}

/// Whether tasks of this revision could be launched, and could join what they are to join.
pub(super) fn check(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    cluster: &Cluster,
    service: &Service,
    revision: &RevisionSpec,
    definition: &TaskDefinition,
) -> Result<(), Error> {
    rules::check_load_balancers(revision, definition)?;
    let shifts = revision.load_balancers.iter().filter_map(|balancer| balancer.shift.as_ref());
    for shift in shifts {
        roles::check_own(snapshot, &service.scope, &shift.role_arn, &service.arn().to_string())?;
    }
    balancing::check(snapshot, &service.scope, revision, definition)?;
    registries::check(snapshot, &service.scope, revision, definition)?;
    let launch = rules::launch(service, revision, 1, String::new());
    let capacities = launch::capacities(&launch, cluster)?;
    let maker = Maker { snapshot, cluster, now: ctx.now, ids: ctx.ids.clone() };
    maker.check(&launch, definition, &capacities)
}

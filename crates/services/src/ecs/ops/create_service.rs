//! CreateService: writes the service, its first revision and its first deployment; the scheduler does the rest.
//!
//! The same request again is answered with the service that is there. A draining service blocks its name.
//!
//! Deviation: Lambda functions as hooks, deployment alarms and early success criteria are refused.

use model::ecs::cluster::Cluster;
use model::ecs::deployment::{Deployment, RolloutState};
use model::ecs::service::{
    DeploymentControllerType, PropagateTags, SchedulingStrategy, ServiceSeen, ServiceSpec, ServiceStatus,
};
use model::ecs::service_revision::RevisionSpec;
use model::ecs::volume::Switch;
use model::ecs::{RevisionId, Service, ServiceDeploymentId, ServiceName, Tags};
use model::{IdSource, Timestamp};
use store::{Snapshot, Txn};
use wire::ecs as shape;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ecs::authorization::{passing_balancers, with_definition, with_network, with_providers};
use crate::ecs::connect;
use crate::ecs::error::Error;
use crate::ecs::ops::{cluster_resource, service_resource};
use crate::ecs::revising;
use crate::ecs::rollover::roll_over;
use crate::ecs::rules::service::{self as rules, some};
use crate::ecs::rules::{identifier, tag};
use crate::ecs::service_view;
use crate::ecs::store::{ServiceRow, active_cluster, service, service_revision};
use crate::ecs::wire::instance::read_wishes;
use crate::ecs::wire::launch::bounded;
use crate::ecs::wire::{deployment, service as read};
use crate::error::ServiceError;
use crate::room::Handler;

/// The longest idempotency token.
const MAX_TOKEN: usize = 36;

impl Handler for shape::CreateService {
    fn access(ctx: &OpCtx, input: &shape::CreateServiceRequest) -> Access {
        let cluster = input.cluster.as_deref();
        let access = Access::new("ecs:CreateService", service_resource(ctx, cluster, &input.service_name))
            .with("ecs:cluster", cluster_resource(ctx, cluster))
            .with("ecs:enable-execute-command", input.enable_execute_command.unwrap_or(false))
            .with("ecs:enable-ecs-managed-tags", input.enable_ecs_managed_tags.unwrap_or(false));
        let access =
            input.propagate_tags.iter().fold(access, |access, from| access.with("ecs:propagate-tags", from));
        let access = with_network(access, input.network_configuration.as_ref());
        let access = passing_balancers(access, input.load_balancers.as_deref());
        let access = with_providers(access, input.capacity_provider_strategy.as_deref());
        with_definition(ctx, access, input.task_definition.as_deref())
    }

    async fn run(
        ctx: &OpCtx,
        input: shape::CreateServiceRequest,
    ) -> Result<shape::CreateServiceResponse, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let name = identifier::cluster(input.cluster.as_deref(), &ctx.scope)?;
        let cluster = active_cluster(&snapshot, &ctx.scope, &name)?;
        let wanted = wanted(ctx, &snapshot, input, &cluster)?;
        let found = service(&snapshot, &ctx.scope, &cluster.name, &wanted.name);
        let mut made = new(ctx, &cluster, &wanted);
        let mut txn = wanted.txn.clone().expect(&cluster);
        if let Some(found) = found {
            match found.status {
                ServiceStatus::Active => return repeated(&snapshot, &found, &wanted),
                ServiceStatus::Draining => {
                    let text = "Unable to Start a service that is still Draining.";
                    return Err(Error::InvalidParameter(text.into()).into());
                }
                ServiceStatus::Inactive => {
                    // Events of the older service are there under lower numbers, until they are trimmed.
                    let next = found.seen.next_event;
                    made.seen = ServiceSeen { first_event: next, next_event: next, ..ServiceSeen::default() };
                    txn = txn.expect(&found);
                }
            }
        } else {
            txn = txn.expect_absent::<ServiceRow>(&store::Row::key(&ServiceRow(made.clone())));
        }
        let txn = ctx
            .ids
            .with(|ids| match wanted.revision.clone() {
                Some(revision) => roll_over(&snapshot, txn, &mut made, revision, ctx.now, ids),
                None => {
                    made.deployments.push(stand_in(ctx.now, ids));
                    txn
                }
            })
            .put(&ServiceRow(made.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::from)?;
        let shown = service_view::service(&ctx.cloud.store.snapshot(), &made, true);
        Ok(shape::CreateServiceResponse { service: Some(shown) })
    }
}

/// What the request asks for.
struct Wanted {
    name: ServiceName,
    spec: ServiceSpec,
    /// None when somebody else deploys.
    revision: Option<RevisionSpec>,
    tags: Tags,
    /// What Service Connect needs in Cloud Map.
    txn: Txn,
}

fn invalid(text: &str) -> Error {
    Error::InvalidParameter(text.to_owned())
}

fn wanted(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    input: shape::CreateServiceRequest,
    cluster: &Cluster,
) -> Result<Wanted, Error> {
    refuse_unserved(&input)?;
    let name = rules::name(&input.service_name)?;
    let controller = controller(&input)?;
    if controller == DeploymentControllerType::External {
        return external(name, input);
    }
    let raw = input.task_definition.as_deref().filter(|raw| !raw.is_empty());
    let raw = raw.ok_or_else(|| invalid("TaskDefinition cannot be empty."))?;
    let definition = revising::active_definition(ctx, snapshot, raw)?;
    let tags = tag::read(input.tags.clone())?;
    let asked = revising::Asked {
        launch_type: input.launch_type.as_deref(),
        strategy: input.capacity_provider_strategy.as_deref(),
        platform_version: input.platform_version.as_deref(),
        network: input.network_configuration.as_ref(),
        load_balancers: input.load_balancers.as_deref(),
        registries: input.service_registries.as_deref(),
    };
    let mut revision = revising::revision(&asked, cluster, &definition)?;
    revision.is_service_connect_off = connect::is_off(input.service_connect_configuration.as_ref());
    let asked = connect::Asked { cluster, service: &name, definition: &definition };
    let given = input.service_connect_configuration.as_ref();
    let (txn, connect) = connect::read(ctx, snapshot, Txn::new(), &asked, given)?;
    revision.service_connect = connect;
    let rebalancing = input.availability_zone_rebalancing.clone();
    let spec = spec(input, controller)?;
    rules::check_rebalancing(rebalancing.as_deref(), &spec)?;
    rules::check(&spec, &revision)?;
    let service = Wanted { name, spec, revision: Some(revision), tags, txn };
    let made = new(ctx, cluster, &service);
    let revision = service.revision.iter();
    revision
        .into_iter()
        .try_for_each(|it| revising::check(ctx, snapshot, cluster, &made, it, &definition))?;
    Ok(service)
}

fn controller(input: &shape::CreateServiceRequest) -> Result<DeploymentControllerType, Error> {
    let raw = input.deployment_controller.as_ref().map(|controller| controller.r#type.as_str());
    match raw.map(|raw| read::word("deploymentController", raw)).transpose()? {
        None => Ok(DeploymentControllerType::Ecs),
        Some(DeploymentControllerType::CodeDeploy) => {
            let text = "The CODE_DEPLOY deployment controller is not supported.";
            Err(Error::UnsupportedFeature(text.into()))
        }
        Some(known @ (DeploymentControllerType::Ecs | DeploymentControllerType::External)) => Ok(known),
    }
}

/// A service whose task sets say what runs: what they say is refused here.
fn external(name: ServiceName, input: shape::CreateServiceRequest) -> Result<Wanted, Error> {
    if input.service_connect_configuration.as_ref().is_some_and(|it| it.enabled) {
        let text = "Service Connect with the EXTERNAL deployment controller is not supported.";
        return Err(Error::UnsupportedFeature(text.into()));
    }
    let of_task_sets = [
        (input.task_definition.as_ref().is_some_and(|it| !it.is_empty()), "taskDefinition"),
        (input.launch_type.is_some(), "launchType"),
        (some(input.capacity_provider_strategy.as_ref()), "capacityProviderStrategy"),
        (input.platform_version.as_ref().is_some_and(|it| !it.is_empty()), "platformVersion"),
        (input.network_configuration.is_some(), "networkConfiguration"),
        (some(input.load_balancers.as_ref()), "loadBalancers"),
        (some(input.service_registries.as_ref()), "serviceRegistries"),
        (input.deployment_configuration.is_some(), "deploymentConfiguration"),
        (input.scheduling_strategy.as_deref().is_some_and(|it| it != "REPLICA"), "schedulingStrategy"),
    ];
    if let Some((_, member)) = of_task_sets.iter().find(|(given, _)| *given) {
        return Err(Error::InvalidParameter(format!(
            "{member} cannot be specified for services with the EXTERNAL deployment controller."
        )));
    }
    let tags = tag::read(input.tags.clone())?;
    let input = shape::CreateServiceRequest { desired_count: input.desired_count.or(Some(0)), ..input };
    let spec = spec(input, DeploymentControllerType::External)?;
    Ok(Wanted { name, spec, revision: None, tags, txn: Txn::new() })
}

/// What stands for the deployment that an EXTERNAL service does not have.
fn stand_in(now: Timestamp, ids: &mut dyn IdSource) -> Deployment {
    let (revision, change) = (RevisionId::random(ids), ServiceDeploymentId::random(ids));
    Deployment { rollout_state: RolloutState::Completed, ..Deployment::new(revision, change, 0, now) }
}

/// What ECS has and Longshore does not act on is refused, not stored.
fn refuse_unserved(input: &shape::CreateServiceRequest) -> Result<(), Error> {
    rules::refuse_unserved(&[
        (some(input.volume_configurations.as_ref()), "Volumes that are configured at launch"),
        (some(input.vpc_lattice_configurations.as_ref()), "VPC Lattice configurations"),
        (some(input.gateway_connectors.as_ref()), "Gateway connectors"),
        (input.monitoring.is_some(), "Monitoring configurations"),
    ])?;
    if input.role.as_ref().is_some_and(|role| !role.is_empty()) {
        return Err(invalid(
            "You cannot specify an IAM role for services that require a service linked role.",
        ));
    }
    Ok(())
}

fn spec(
    input: shape::CreateServiceRequest,
    controller: DeploymentControllerType,
) -> Result<ServiceSpec, Error> {
    let scheduling = input.scheduling_strategy.as_deref();
    let scheduling_strategy = match scheduling {
        None => SchedulingStrategy::Replica,
        Some(raw) => read::word("schedulingStrategy", raw)?,
    };
    let desired_count = match (scheduling_strategy, input.desired_count) {
        (SchedulingStrategy::Replica, Some(desired)) => read::count("desiredCount", desired)?,
        (SchedulingStrategy::Replica, None) => return Err(invalid("Desired count cannot be null.")),
        (SchedulingStrategy::Daemon, None | Some(0)) => 0,
        (SchedulingStrategy::Daemon, Some(_)) => {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                 count value and try again",
            ));
        }
    };
    let default = rules::default_configuration(scheduling_strategy);
    let configuration = match input.deployment_configuration {
        Some(shape) => deployment::read(shape, &default)?,
        None => default,
    };
    let grace = input.health_check_grace_period_seconds;
    let placement_strategy = read_wishes(None, input.placement_strategy)?.strategies;
    let can_rebalance = rules::can_rebalance(scheduling_strategy, &placement_strategy, &configuration);
    let rebalancing = match input.availability_zone_rebalancing.as_deref() {
        Some(raw) => read::word::<Switch>("availabilityZoneRebalancing", raw)?,
        None if can_rebalance => Switch::Enabled,
        None => Switch::Disabled,
    };
    Ok(ServiceSpec {
        desired_count,
        scheduling_strategy,
        controller,
        deployment: configuration,
        health_check_grace_period_seconds: grace
            .map(|seconds| read::count("healthCheckGracePeriodSeconds", seconds))
            .transpose()?,
        placement_constraints: read_wishes(input.placement_constraints, None)?.constraints,
        availability_zone_rebalancing: rebalancing,
        placement_strategy,
        enable_ecs_managed_tags: input.enable_ecs_managed_tags.unwrap_or(false),
        propagate_tags: match input.propagate_tags.as_deref().filter(|raw| !raw.is_empty()) {
            Some(raw) => read::word("propagateTags", raw)?,
            None => PropagateTags::None,
        },
        enable_execute_command: input.enable_execute_command.unwrap_or(false),
        role: None,
        client_token: bounded("clientToken", input.client_token, MAX_TOKEN)?,
    })
}

fn new(ctx: &OpCtx, cluster: &Cluster, wanted: &Wanted) -> Service {
    Service {
        scope: ctx.scope.clone(),
        cluster: cluster.name.clone(),
        name: wanted.name.clone(),
        status: ServiceStatus::Active,
        spec: wanted.spec.clone(),
        deployments: Vec::new(),
        task_sets: Vec::new(),
        target_groups: Default::default(),
        namespace: None,
        stable: None,
        seen: ServiceSeen::default(),
        tags: wanted.tags.clone(),
        created_by: ctx.principal.to_string(),
        created_at: ctx.now,
        deleted_at: None,
    }
}

/// The same request again is answered as the first one was; another one under the same name is refused.
fn repeated(
    snapshot: &Snapshot,
    found: &Service,
    wanted: &Wanted,
) -> Result<shape::CreateServiceResponse, ServiceError> {
    let revision = service_revision(snapshot, found, &found.primary().id);
    let same = found.spec == wanted.spec
        && found.tags == wanted.tags
        && revision.map(|found| found.row.0.spec.clone()) == wanted.revision;
    if !same {
        return Err(invalid("Creation of service was not idempotent.").into());
    }
    Ok(shape::CreateServiceResponse { service: Some(service_view::service(snapshot, found, true)) })
}

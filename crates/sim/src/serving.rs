//! Services in the simulated world: what callers want of them, and the laws that hold whatever the storm does.
//!
//! What a service was promised is noted when it is asked for, so that the laws do not believe the stored bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use model::ecs::deployment::{DeploymentStatus, RolloutState};
use model::ecs::service::ServiceStatus;
use model::ecs::{DesiredStatus, LastStatus, Service, Task};
use reconcile::service::bounds::{least_healthy, most_present};
use services::{OpCtx, ServiceError, ecs};
use wire::ecs as shape;

use crate::dice::Dice;
use crate::fronts::Fronts;
use crate::requests::{call, network};
use crate::targets::Sightings;

/// The names that services have.
const NAMES: [&str; 3] = ["front", "middle", "back"];
/// Families whose tasks stay.
const GOOD: [&str; 2] = ["web", "stubborn"];
/// Families whose tasks fail: only for services that roll back.
const BAD: [&str; 2] = ["missing", "job"];
/// Least and most, in percent.
const BOUNDS: [(i32, i32); 4] = [(100, 200), (50, 150), (50, 100), (0, 100)];

/// Rounds in a row in which no task came to run, after which a revision is taken for a bad one in the calm.
const CANNOT_START: u32 = 5;

/// What was asked for, by service: the least healthy and the most tasks, in percent.
pub type Promises = BTreeMap<String, (u32, u32)>;

/// A request about a service.
#[derive(Clone, Debug)]
pub enum Serve {
    /// CreateService.
    Create(Box<shape::CreateServiceRequest>),
    /// UpdateService.
    Update(Box<shape::UpdateServiceRequest>),
    /// DeleteService, by force.
    Delete(String),
}

impl Serve {
    /// A creation of the service number `at`: behind what is there for this number.
    pub fn create(
        at: usize,
        desired: Option<i32>,
        family: &str,
        subnets: &[String],
        fronts: &Fronts,
    ) -> Serve {
        let (name, (minimum, maximum)) = (NAMES[at], BOUNDS[at]);
        Serve::Create(Box::new(shape::CreateServiceRequest {
            service_name: name.to_owned(),
            task_definition: Some(family.to_owned()),
            desired_count: desired,
            launch_type: Some("FARGATE".into()),
            network_configuration: Some(network(subnets.to_vec())),
            load_balancers: fronts.of(at),
            health_check_grace_period_seconds: fronts.grace(at),
            deployment_configuration: Some(shape::DeploymentConfiguration {
                minimum_healthy_percent: Some(minimum),
                maximum_percent: Some(maximum),
                deployment_circuit_breaker: Some(shape::DeploymentCircuitBreaker {
                    enable: true,
                    rollback: true,
                    ..Default::default()
                }),
                ..fronts.strategy(at)
            }),
            ..Default::default()
        }))
    }

    /// Any change of any service. One name always has the same bounds, so that a promise holds for every life of it.
    ///
    /// The first names are behind target groups, as many as there are.
    pub fn any(dice: &mut Dice, subnets: &[String], fronts: &Fronts) -> Serve {
        let at = usize::try_from(dice.below(NAMES.len() as u64)).unwrap_or(0);
        let name = NAMES[at];
        let desired = i32::try_from(dice.below(4)).ok();
        match dice.below(10) {
            0..4 => {
                let family = dice.pick(&GOOD).copied().unwrap_or("web");
                Serve::create(at, desired, family, subnets, fronts)
            }
            4..9 => Serve::update(dice, name, desired),
            _ => Serve::Delete(name.to_owned()),
        }
    }

    fn update(dice: &mut Dice, name: &str, desired: Option<i32>) -> Serve {
        let service = name.to_owned();
        let families: &[&str] = if dice.chance(30) { &BAD } else { &GOOD };
        let family = dice.pick(families).map(|family| (*family).to_owned());
        let base = shape::UpdateServiceRequest { service, ..Default::default() };
        let update = match dice.below(3) {
            0 => shape::UpdateServiceRequest { desired_count: desired, ..base },
            1 => shape::UpdateServiceRequest { force_new_deployment: Some(true), ..base },
            _ => shape::UpdateServiceRequest { task_definition: family, ..base },
        };
        Serve::Update(Box::new(update))
    }

    /// A new revision of the first service.
    pub fn next() -> Serve {
        let (service, family) = (NAMES[0].to_owned(), Some(GOOD[1].to_owned()));
        Serve::Update(Box::new(shape::UpdateServiceRequest {
            service,
            task_definition: family,
            ..Default::default()
        }))
    }

    /// For how long a creation says that failing checks of a young task are ignored.
    pub fn grace(&self) -> Option<(&str, Duration)> {
        let Serve::Create(input) = self else { return None };
        let seconds = u64::try_from(input.health_check_grace_period_seconds?).ok()?;
        Some((input.service_name.as_str(), Duration::from_secs(seconds)))
    }

    /// Whether a creation is of a service that shifts traffic.
    pub fn shifts(&self) -> Option<&str> {
        let Serve::Create(input) = self else { return None };
        let strategy = input.deployment_configuration.as_ref()?.strategy.as_ref();
        strategy.map(|_| input.service_name.as_str())
    }

    /// The service that a creation puts behind a load balancer.
    pub fn balances(&self) -> Option<&str> {
        let Serve::Create(input) = self else { return None };
        input.load_balancers.as_ref().map(|_| input.service_name.as_str())
    }

    /// What a creation promises.
    pub fn promise(&self) -> Option<(String, u32, u32)> {
        let Serve::Create(input) = self else { return None };
        let configuration = input.deployment_configuration.as_ref()?;
        let percent = |percent: Option<i32>| percent.and_then(|percent| u32::try_from(percent).ok());
        let (minimum, maximum) = (configuration.minimum_healthy_percent, configuration.maximum_percent);
        Some((input.service_name.clone(), percent(minimum)?, percent(maximum)?))
    }

    /// Asks the room.
    ///
    /// # Errors
    /// The service's own.
    pub async fn ask(&self, ctx: OpCtx) -> Result<(), ServiceError> {
        match self {
            Serve::Create(input) => {
                call::<shape::CreateService>(&ecs::ROOM, ctx, (**input).clone()).await.map(drop)
            }
            Serve::Update(input) => {
                call::<shape::UpdateService>(&ecs::ROOM, ctx, (**input).clone()).await.map(drop)
            }
            Serve::Delete(name) => {
                let (service, force) = (name.clone(), Some(true));
                let input = shape::DeleteServiceRequest { service, force, ..Default::default() };
                call::<shape::DeleteService>(&ecs::ROOM, ctx, input).await.map(drop)
            }
        }
    }
}

impl std::fmt::Display for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Serve::Create(input) => {
                write!(f, "CreateService {} of {:?}", input.service_name, input.desired_count)
            }
            Serve::Update(input) => {
                let (count, family) = (input.desired_count, &input.task_definition);
                write!(f, "UpdateService {} to {count:?} of {family:?}", input.service)
            }
            Serve::Delete(name) => write!(f, "DeleteService {name}"),
        }
    }
}

/// The service of a task, by its group, which says it in other words than `spec.service`.
pub fn owner(task: &Task) -> Option<&str> {
    task.spec.group.as_deref()?.strip_prefix("service:")
}

/// Whether a task runs and is wanted.
pub fn serves(task: &Task) -> bool {
    task.desired_status == DesiredStatus::Running && task.seen.last_status == LastStatus::Running
}

/// Whether the scheduler has found it healthy once.
pub fn is_proven(task: &Task) -> bool {
    task.supervision.healthy_at.is_some()
}

/// What one commit did to tasks.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// Every task after it.
    pub tasks: &'a [&'a Task],
    /// Those that it made.
    pub born: &'a [&'a Task],
    /// Those whose end it wished.
    pub stopped: &'a [&'a Task],
    /// How many of the service's tasks ran, were wanted and did not fail before it.
    pub before: usize,
    /// What is known of the targets of a service behind a load balancer.
    pub sightings: Option<&'a Sightings>,
    /// The service that shifts traffic: its minimum is where the traffic goes, see [`crate::shifting`].
    pub shifting: Option<&'a str>,
}

/// What is broken of one service after a commit.
pub fn laws(service: &Service, promises: &Promises, commit: &Commit<'_>) -> Vec<String> {
    let Commit { tasks, born, stopped, before, sightings, shifting } = *commit;
    let name = service.name.as_str();
    let Some((minimum, maximum)) = promises.get(name).copied() else { return Vec::new() };
    let own: Vec<&Task> = tasks.iter().filter(|task| owner(task) == Some(name)).copied().collect();
    let mut broken = Vec::new();
    let desired = service.spec.desired_count;
    let is_one_primary = service.primary().status == DeploymentStatus::Primary
        && service.deployments[1..].iter().all(|it| it.status == DeploymentStatus::Active);
    if !is_one_primary {
        broken.push(format!("service {name}: its first deployment alone is the PRIMARY one"));
    }
    let births = born.iter().filter(|task| owner(task) == Some(name)).count();
    if births > 0 {
        // Who shifts traffic has all tasks of two revisions at once: the maximum is that of each.
        let is_counted = |task: &&&Task| {
            let of_it = |new: &&Task| owner(new) == Some(name) && new.spec.started_by == task.spec.started_by;
            task.seen.last_status <= LastStatus::Running && (shifting != Some(name) || born.iter().any(of_it))
        };
        let present = own.iter().filter(is_counted).count();
        let most = most_present(desired, maximum) as usize;
        if present > most {
            broken.push(format!("service {name}: {present} tasks, where {most} are the maximum"));
        }
        let primary = service.primary().id.deployment();
        let is_primary = |task: &&&Task| {
            // The replacement of one that fails comes before it goes.
            let fails = sightings.is_some_and(|it| it.was_failing(task));
            let is_wanted = task.desired_status == DesiredStatus::Running && !fails;
            task.spec.started_by.as_ref() == Some(&primary) && is_wanted
        };
        let live = own.iter().filter(is_primary).count();
        // One that moves to another zone is replaced before it goes.
        let wanted = desired as usize + usize::from(service.seen.moving.is_some());
        if live > wanted {
            broken.push(format!("service {name}: {live} tasks are made, where {wanted} are wanted"));
        }
    }
    // Whoever stops a task tells why; what others stop or lose is not the scheduler's.
    let is_fit =
        |task: &Task| serves(task) && sightings.is_none_or(|it| is_proven(task) && it.was_well(task));
    let running = own.iter().filter(|task| is_fit(task)).count();
    let least = least_healthy(desired, minimum) as usize;
    let by_scheduler = stopped.iter().any(|task| {
        let reason = task.seen.stopped_reason.as_deref().unwrap_or_default();
        owner(task) == Some(name) && reason.starts_with("Scaling activity")
    });
    let is_bound = service.status == ServiceStatus::Active && shifting != Some(name);
    if is_bound && by_scheduler && running < before.min(least) {
        broken
            .push(format!("service {name}: {running} healthy tasks are left, where {least} are the minimum"));
    }
    broken
}

/// Why a service is not as it is wanted, long after the storm.
pub fn unserved(service: &Service, tasks: &[&Task]) -> Option<String> {
    let name = service.name.as_str();
    let own = tasks.iter().filter(|task| owner(task) == Some(name));
    let unended: Vec<&&Task> = own.filter(|task| !task.seen.last_status.is_ended()).collect();
    match service.status {
        ServiceStatus::Draining => Some(format!("service {name} still drains")),
        ServiceStatus::Inactive if unended.is_empty() => None,
        ServiceStatus::Inactive => Some(format!("service {name} is gone and leaves tasks behind")),
        ServiceStatus::Active => {
            let primary = service.primary();
            let (wanted, bounds) = (service.spec.desired_count, &service.spec.deployment);
            let leeway = most_present(wanted, bounds.maximum_percent)
                > least_healthy(wanted, bounds.minimum_healthy_percent);
            // Tasks of others take the room, the first revision was a bad one, or the bounds meet: nothing better is
            // to be had.
            let is_excused = service.seen.placements_refused > 0
                || primary.rollout_state == RolloutState::Failed
                // A bad revision was done when no task was wanted, and cannot start those that are wanted since.
                || primary.failed_rounds > CANNOT_START
                || (!leeway && service.deployments.len() > 1);
            let desired = service.spec.desired_count as usize;
            let running = unended.iter().filter(|task| serves(task)).count();
            let is_served = primary.rollout_state == RolloutState::Completed
                && running == desired
                && unended.len() == desired
                && service.deployments.len() == 1
                && service.seen.is_steady;
            let state = primary.rollout_state;
            (!is_served && !is_excused)
                .then(|| format!("service {name}: {state}, {running} of {desired} tasks run in the calm"))
        }
    }
}

//! The laws of the service scheduler, as properties over storms: see [`super::simulated`].

use model::ecs::TaskId;
use model::ecs::deployment::RolloutState;
use model::ecs::service::ServiceStatus;
use proptest::prelude::*;

use super::simulated::{World, revision};
use super::{Checks, TargetState};

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Advance(prop::sample::Index),
    Die(prop::sample::Index),
    Fall(prop::sample::Index),
    Fail(prop::sample::Index),
    Protect(prop::sample::Index),
    Pass(u64),
    Scale(u32),
    Deploy,
    Delete,
}

fn happening() -> impl Strategy<Value = Happening> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        8 => any().prop_map(Happening::Advance),
        2 => any().prop_map(Happening::Die),
        2 => any().prop_map(Happening::Fall),
        2 => any().prop_map(Happening::Fail),
        1 => any().prop_map(Happening::Protect),
        4 => (1u64..60).prop_map(Happening::Pass),
        1 => (0u32..7).prop_map(Happening::Scale),
        1 => Just(Happening::Deploy),
    ]
}

fn happen(world: &mut World, what: Happening, revisions: &mut usize) {
    let ids = world.ids();
    let pick = |at: prop::sample::Index| -> Option<TaskId> {
        (!ids.is_empty()).then(|| ids[at.index(ids.len())].clone())
    };
    match what {
        Happening::Advance(at) => {
            if let Some(id) = pick(at) {
                world.advance(&id);
            }
        }
        Happening::Die(at) => {
            if let Some(id) = pick(at) {
                world.die(&id);
            }
        }
        Happening::Fall(at) => {
            if let Some(id) = pick(at) {
                world.fall(&id);
            }
        }
        Happening::Fail(at) => {
            let Some(task) = pick(at).and_then(|id| world.tasks.get_mut(&id)) else { return };
            if task.checks == Checks::Passing {
                task.checks = Checks::Failing;
            }
            for target in &mut task.targets {
                if target.state == TargetState::Healthy {
                    target.state = TargetState::Unhealthy("Health checks failed".into());
                }
            }
        }
        Happening::Protect(at) => {
            let until = world.now + std::time::Duration::from_secs(60);
            if let Some(task) = pick(at).and_then(|id| world.tasks.get_mut(&id)) {
                task.supervision.protected_until = Some(until);
            }
        }
        Happening::Pass(seconds) => world.pass(seconds),
        Happening::Scale(desired) => world.scale(desired),
        Happening::Deploy => {
            *revisions += 1;
            world.deploy(*revisions);
        }
        Happening::Delete => world.service.status = ServiceStatus::Draining,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn bounds_hold_in_every_storm_and_the_calm_converges(
        desired in 0u32..7,
        minimum in prop_oneof![Just(0u32), Just(50), Just(100)],
        maximum in prop_oneof![Just(100u32), Just(150), Just(200)],
        checks in prop_oneof![Just(Checks::None), Just(Checks::Unknown)],
        groups in 0usize..3,
        breaker in any::<bool>(),
        storm in prop::collection::vec(happening(), 0..60),
        deletes in any::<bool>(),
    ) {
        let mut world = World::new(desired, minimum, maximum);
        world.checks = checks;
        world.groups = (0..groups).map(|number| format!("group-{number}")).collect();
        if breaker {
            world.breaker(true);
        }
        let mut revisions = 1;
        world.settle();
        for what in storm {
            happen(&mut world, what, &mut revisions);
            world.settle();
        }
        if deletes {
            happen(&mut world, Happening::Delete, &mut revisions);
            world.calm();
            prop_assert_eq!(world.service.status, ServiceStatus::Inactive);
            prop_assert!(world.tasks.is_empty());
            return Ok(());
        }
        world.calm();
        let desired = world.service.spec.desired_count as usize;
        let primary = world.service.primary().clone();
        // A first revision that was given up has nowhere to go back to; bounds that meet allow no exchange.
        let least = super::bounds::least_healthy(desired as u32, minimum);
        let is_stuck = super::bounds::most_present(desired as u32, maximum) == least && desired > 0;
        if primary.rollout_state == RolloutState::Failed || (is_stuck && world.service.deployments.len() > 1) {
            return Ok(());
        }
        prop_assert_eq!(primary.rollout_state, RolloutState::Completed, "{:#?}", world);
        prop_assert_eq!(world.tasks.len(), desired);
        prop_assert!(world.tasks.values().all(|task| task.deployment == primary.id));
        prop_assert!(world.service.seen.is_steady);
        prop_assert_eq!(world.service.deployments.len(), 1);
        let healthy = |task: &super::TaskView| task.targets.iter().all(|it| it.state == TargetState::Healthy);
        prop_assert!(world.tasks.values().all(healthy));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tasks_that_cannot_start_are_tried_three_times_each_before_the_first_pause(
        desired in 1u32..20,
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..200),
    ) {
        let mut world = World::new(desired, 100, 200);
        world.settle();
        for (at, is_certain) in order {
            let ids = world.ids();
            if ids.is_empty() {
                break;
            }
            let id = ids[at.index(ids.len())].clone();
            // Every other end is certain for a while before it comes.
            if is_certain { world.fall(&id) } else { world.die(&id) }
            world.now = world.now + std::time::Duration::from_millis(7);
            world.settle();
        }
        prop_assert!(world.started <= 3 * desired as usize, "{} starts of {desired}", world.started);
    }
}

#[test]
fn a_missing_task_is_replaced_exactly_once() {
    let mut world = World::new(5, 100, 200);
    world.calm();
    assert_eq!((world.started, world.running(1)), (5, 5));
    let victim = world.ids()[2].clone();
    world.die(&victim);
    world.calm();
    assert_eq!((world.started, world.running(1)), (6, 5));
    assert_eq!(world.service.stable, Some(revision(1)));
}

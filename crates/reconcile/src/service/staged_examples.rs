//! Shifts of traffic by example and by storm: see [`super::simulated`].

use model::ecs::deployment::{DeploymentStrategy, RolloutState, ServiceDeploymentStatus};
use model::ecs::lifecycle::{
    HookAction, HookStatus, LifecycleStage as Stage, PauseHook, Share, ShiftStep, Shifting,
};
use model::ecs::service::ServiceStatus;
use proptest::prelude::*;

use super::simulated::{BLUE, GREEN, PRODUCTION, TEST, World, revision};
use super::{Checks, TargetState};

fn stage(world: &World) -> Option<Stage> {
    Some(world.record.as_ref()?.lifecycle.as_ref()?.stage)
}

fn status(world: &World) -> ServiceDeploymentStatus {
    world.record.as_ref().unwrap().status
}

fn pause(stages: &[Stage]) -> PauseHook {
    PauseHook { stages: stages.to_vec(), timeout_minutes: None, timeout_action: None }
}

/// Tasks move on without trouble until the deployment is at `wanted`; time stands still.
fn go_on(world: &mut World, wanted: Stage) {
    for _ in 0..40 {
        world.settle();
        if stage(world) == Some(wanted) {
            return;
        }
        world.ids().iter().for_each(|id| world.advance(id));
    }
    panic!("{wanted} is never reached: {:?}", world.record);
}

fn blue_green(bake_minutes: u32, hooks: &[PauseHook]) -> World {
    let shifting =
        Shifting { bake_minutes: Some(bake_minutes), hooks: hooks.to_vec(), ..Shifting::default() };
    let mut world = World::shifting(2, DeploymentStrategy::BlueGreen, shifting);
    for _ in 0..4 {
        world.calm();
        world.resolve(HookStatus::Succeeded);
    }
    world.calm();
    assert_eq!(world.service.primary().rollout_state, RolloutState::Completed, "{:#?}", world.record);
    world
}

#[test]
fn blue_and_green_stand_side_by_side_until_the_bake_is_over() {
    let mut world = blue_green(3, &[]);
    assert_eq!((world.share(PRODUCTION, BLUE), world.share(TEST, BLUE)), (100.0, 100.0));
    world.deploy(2);
    go_on(&mut world, Stage::BakeTime);
    assert_eq!((world.running(1), world.running(2)), (2, 2));
    assert_eq!((world.share(PRODUCTION, GREEN), world.share(TEST, GREEN)), (100.0, 100.0));
    world.pass(179);
    world.settle();
    assert_eq!((stage(&world), world.running(1)), (Some(Stage::BakeTime), 2));
    world.pass(1);
    world.settle();
    assert_eq!((stage(&world), world.running(1)), (Some(Stage::CleanUp), 0));
    world.calm();
    assert_eq!(status(&world), ServiceDeploymentStatus::Successful);
    assert_eq!((world.tasks.len(), world.service.deployments.len()), (2, 1));
    // The next one goes back to the first target group.
    world.deploy(3);
    world.calm();
    assert_eq!((world.share(PRODUCTION, BLUE), world.running(3)), (100.0, 2));
}

#[test]
fn nothing_of_the_new_revision_is_seen_before_its_stage() {
    let stops = [pause(&[Stage::PreScaleUp, Stage::PostScaleUp, Stage::PostTestTrafficShift])];
    let mut world = blue_green(0, &stops);
    world.deploy(2);
    go_on(&mut world, Stage::PreScaleUp);
    world.calm();
    assert_eq!((stage(&world), world.running(2)), (Some(Stage::PreScaleUp), 0));
    world.resolve(HookStatus::Succeeded);
    go_on(&mut world, Stage::PostScaleUp);
    assert_eq!((world.running(2), world.share(TEST, GREEN)), (2, 0.0));
    world.resolve(HookStatus::Succeeded);
    go_on(&mut world, Stage::PostTestTrafficShift);
    assert_eq!((world.share(TEST, GREEN), world.share(PRODUCTION, GREEN)), (100.0, 0.0));
    world.resolve(HookStatus::Succeeded);
    world.calm();
    assert_eq!(status(&world), ServiceDeploymentStatus::Successful);
}

#[test]
fn a_canary_gets_its_share_and_then_all() {
    let canary = Some(ShiftStep { share: Share::of_percent(10.0).unwrap(), bake_minutes: 5 });
    let shifting = Shifting { canary, bake_minutes: Some(1), ..Shifting::default() };
    let mut world = World::shifting(2, DeploymentStrategy::Canary, shifting);
    world.calm();
    world.deploy(2);
    go_on(&mut world, Stage::ProductionTrafficShift);
    assert_eq!((world.share(PRODUCTION, GREEN), world.share(PRODUCTION, BLUE)), (10.0, 90.0));
    world.pass(299);
    world.settle();
    assert_eq!(stage(&world), Some(Stage::ProductionTrafficShift));
    world.pass(1);
    world.settle();
    assert_eq!((stage(&world), world.share(PRODUCTION, GREEN)), (Some(Stage::BakeTime), 100.0));
}

#[test]
fn linear_steps_wait_for_their_bake_and_for_their_hooks() {
    let linear = Some(ShiftStep { share: Share::of_percent(40.0).unwrap(), bake_minutes: 2 });
    let shifting =
        Shifting { linear, hooks: vec![pause(&[Stage::PreProductionTrafficShift])], ..Shifting::default() };
    let mut world = World::shifting(1, DeploymentStrategy::Linear, shifting);
    for _ in 0..4 {
        world.calm();
        world.resolve(HookStatus::Succeeded);
    }
    world.calm();
    world.deploy(2);
    let mut seen = Vec::new();
    for _ in 0..3 {
        world.calm();
        assert_eq!(stage(&world), Some(Stage::PreProductionTrafficShift));
        world.resolve(HookStatus::Succeeded);
        world.settle();
        seen.push(world.share(PRODUCTION, GREEN));
    }
    assert_eq!(seen, [40.0, 80.0, 100.0]);
    assert_eq!(world.record.as_ref().unwrap().lifecycle.as_ref().unwrap().hooks.len(), 3);
    world.calm();
    assert_eq!((status(&world), world.running(2)), (ServiceDeploymentStatus::Successful, 1));
}

#[test]
fn a_failed_hook_gives_all_traffic_back_at_once() {
    let mut world = blue_green(0, &[pause(&[Stage::PostProductionTrafficShift])]);
    world.deploy(2);
    go_on(&mut world, Stage::PostProductionTrafficShift);
    assert_eq!(world.share(PRODUCTION, GREEN), 100.0);
    world.resolve(HookStatus::Failed);
    world.settle();
    assert_eq!((world.share(PRODUCTION, BLUE), world.share(TEST, BLUE)), (100.0, 100.0));
    assert_eq!((world.running(1), world.running(2)), (2, 0));
    assert_eq!(world.service.primary().rollout_state, RolloutState::InProgress, "the new tasks still drain");
    world.calm();
    assert_eq!(status(&world), ServiceDeploymentStatus::RollbackSuccessful);
    assert_eq!((world.running(1), world.tasks.len()), (2, 2));
    assert_eq!(world.service.stable, Some(revision(1)));
}

#[test]
fn a_stop_and_the_breaker_go_back_too() {
    let mut world = blue_green(60, &[]);
    world.deploy(2);
    go_on(&mut world, Stage::BakeTime);
    world.stop();
    world.calm();
    assert_eq!(
        (status(&world), world.share(PRODUCTION, BLUE)),
        (ServiceDeploymentStatus::RollbackSuccessful, 100.0)
    );

    world.breaker(true);
    world.deploy(3);
    for _ in 0..60 {
        world.settle();
        let new: Vec<_> =
            world.tasks.values().filter(|it| it.deployment == revision(3)).map(|it| it.id.clone()).collect();
        new.iter().for_each(|id| world.die(id));
        world.pass(10);
    }
    world.calm();
    assert_eq!((status(&world), world.running(1)), (ServiceDeploymentStatus::RollbackSuccessful, 2));
}

#[test]
fn a_rule_that_is_gone_gives_the_deployment_up() {
    let mut world = blue_green(0, &[]);
    world.deploy(2);
    let mut view = world.view();
    view.routes[0].broken = Some("One or more rules not found".into());
    let plan = super::decide(&view, world.now);
    let record = plan.record.unwrap();
    assert_eq!(record.status, ServiceDeploymentStatus::RollbackInProgress);
    assert!(record.status_reason.unwrap().contains("rule production: One or more rules not found"));
}

#[test]
fn a_change_that_overtakes_a_canary_puts_it_away_first() {
    let canary = Some(ShiftStep { share: Share::of_percent(10.0).unwrap(), bake_minutes: 60 });
    let mut world =
        World::shifting(2, DeploymentStrategy::Canary, Shifting { canary, ..Shifting::default() });
    for _ in 0..3 {
        world.calm();
    }
    world.deploy(2);
    go_on(&mut world, Stage::ProductionTrafficShift);
    world.deploy(3);
    world.settle();
    assert_eq!((stage(&world), world.share(PRODUCTION, BLUE)), (Some(Stage::ScaleUp), 100.0));
    assert_eq!((world.running(1), world.running(2)), (2, 0));
    assert_eq!(world.record.as_ref().unwrap().serving, Some(revision(1)));
    assert_eq!(world.group_of[&revision(3)], GREEN);
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Advance(prop::sample::Index),
    Die(prop::sample::Index),
    Fail(prop::sample::Index),
    Pass(u64),
    Scale(u32),
    Resolve(bool),
    Stop,
    Deploy,
}

fn happening() -> impl Strategy<Value = Happening> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        12 => any().prop_map(Happening::Advance),
        1 => any().prop_map(Happening::Die),
        1 => any().prop_map(Happening::Fail),
        4 => (1u64..60).prop_map(Happening::Pass),
        1 => (0u32..5).prop_map(Happening::Scale),
        2 => prop::bool::weighted(0.8).prop_map(Happening::Resolve),
        1 => Just(Happening::Stop),
        1 => Just(Happening::Deploy),
    ]
}

fn happen(world: &mut World, what: Happening, revisions: &mut usize) {
    let ids = world.ids();
    let pick = |at: prop::sample::Index| (!ids.is_empty()).then(|| ids[at.index(ids.len())].clone());
    match what {
        Happening::Advance(at) => pick(at).iter().for_each(|id| world.advance(id)),
        Happening::Die(at) => pick(at).iter().for_each(|id| world.die(id)),
        Happening::Fail(at) => {
            let Some(task) = pick(at).and_then(|id| world.tasks.get_mut(&id)) else { return };
            for target in task.targets.iter_mut().filter(|it| it.state == TargetState::Healthy) {
                target.state = TargetState::Unhealthy("Health checks failed".into());
            }
        }
        Happening::Pass(seconds) => world.pass(seconds),
        Happening::Scale(desired) => world.scale(desired),
        Happening::Resolve(goes_on) => {
            world.resolve(if goes_on { HookStatus::Succeeded } else { HookStatus::Failed });
        }
        Happening::Stop => world.stop(),
        Happening::Deploy => {
            *revisions += 1;
            world.deploy(*revisions);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn traffic_is_always_with_who_can_take_it_and_ends_with_the_primary(
        desired in 0u32..4,
        strategy in prop_oneof![
            Just(DeploymentStrategy::BlueGreen), Just(DeploymentStrategy::Linear), Just(DeploymentStrategy::Canary)
        ],
        percent in 3u16..100,
        held in prop::sample::subsequence(Stage::PAUSES.to_vec(), 0..4),
        goes_on in any::<bool>(),
        breaker in any::<bool>(),
        storm in prop::collection::vec(happening(), 0..80),
        deletes in prop::bool::weighted(0.1),
    ) {
        let step = Some(ShiftStep { share: Share::of_tenths(percent * 10).unwrap(), bake_minutes: 1 });
        let hook = PauseHook {
            stages: held,
            timeout_minutes: Some(1),
            timeout_action: Some(if goes_on { HookAction::Continue } else { HookAction::Rollback }),
        };
        let shifting = Shifting { bake_minutes: Some(1), linear: step, canary: step, hooks: vec![hook] };
        let mut world = World::shifting(desired, strategy, shifting);
        world.checks = Checks::None;
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
            world.service.status = ServiceStatus::Draining;
            world.calm();
            prop_assert_eq!(world.service.status, ServiceStatus::Inactive);
            prop_assert!(world.tasks.is_empty());
            return Ok(());
        }
        for _ in 0..3 {
            if world.service.primary().rollout_state != RolloutState::Completed {
                world.calm();
            }
        }
        world.calm();
        let primary = world.service.primary().clone();
        // A first revision that was given up has nowhere to go back to.
        if primary.rollout_state == RolloutState::Failed {
            return Ok(());
        }
        prop_assert_eq!(primary.rollout_state, RolloutState::Completed, "{:#?}", world.record);
        prop_assert_eq!(world.tasks.len(), world.service.spec.desired_count as usize);
        prop_assert!(world.tasks.values().all(|task| task.deployment == primary.id));
        let group = world.group_of[&primary.id].clone();
        prop_assert_eq!((world.share(PRODUCTION, &group), world.share(TEST, &group)), (100.0, 100.0));
        prop_assert!(world.service.seen.is_steady);
    }
}

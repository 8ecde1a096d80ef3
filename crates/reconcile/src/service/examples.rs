//! The service scheduler by example: the words that users read, and the order in which things happen.

use model::ecs::deployment::{RolloutState, ServiceDeploymentStatus};
use model::ecs::service::{SchedulingStrategy, ServiceStatus};
use model::ecs::status::LastStatus;
use model::ecs::volume::Switch;

use super::simulated::{World, instance, revision};
use super::{Checks, StartCause, TargetState, TaskAction};

fn told(world: &World, words: &str) -> usize {
    world.events.iter().filter(|event| event.contains(words)).count()
}

#[test]
fn a_new_service_becomes_steady() {
    let mut world = World::new(2, 100, 200);
    world.calm();
    let last = world.events.iter().rev().take(2).rev().cloned().collect::<Vec<_>>();
    assert_eq!(
        last,
        [
            "(service s) (deployment ecs-svc/1) deployment completed.",
            "(service s) has reached a steady state."
        ]
    );
    assert_eq!(world.record.as_ref().unwrap().status, ServiceDeploymentStatus::Successful);
    assert_eq!(world.service.primary().rollout_state_reason, "ECS deployment ecs-svc/1 completed.");
}

#[test]
fn a_rolling_deployment_keeps_the_old_until_the_new_are_proven() {
    let mut world = World::new(2, 100, 150);
    world.calm();
    world.deploy(2);
    world.settle();
    assert_eq!((world.tasks.len(), world.running(1)), (3, 2), "half as many more, rounded down");
    for _ in 0..2 {
        world.ids().iter().for_each(|id| world.advance(id));
        world.settle();
    }
    assert_eq!((world.running(1), world.running(2)), (2, 1), "the new one runs, and is not yet proven");
    world.pass(40);
    world.settle();
    assert_eq!(world.running(1), 1);
    world.calm();
    assert_eq!((world.running(1), world.running(2)), (0, 2));
    assert_eq!(told(&world, "has stopped 1 running tasks"), 2);
}

#[test]
fn a_bad_revision_trips_the_breaker_and_the_last_good_one_comes_back() {
    let mut world = World::new(2, 100, 200);
    world.breaker(true);
    world.calm();
    world.deploy(2);
    let mut rounds = 0;
    let mut words = Vec::new();
    while world.service.primary().id == revision(2) {
        world.settle_and(|world| words.push(world.service.primary().rollout_state_reason.clone()));
        let new: Vec<_> = world
            .tasks
            .values()
            .filter(|task| task.deployment == revision(2))
            .map(|task| task.id.clone())
            .collect();
        new.iter().for_each(|id| world.die(id));
        world.pass(1);
        rounds += 1;
        assert!(rounds < 20, "the breaker never trips");
    }
    assert_eq!(
        world.record.as_ref().unwrap().failure_count,
        4,
        "the second round of two takes it past three"
    );
    let way_back = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
    assert!(words.iter().any(|words| words == way_back), "{words:?}");
    assert_eq!(told(&world, "(deployment ecs-svc/2) deployment failed: tasks failed to start."), 1);
    assert_eq!(told(&world, "rolling back to deployment ecs-svc/1."), 1);
    world.calm();
    assert_eq!((world.running(1), world.tasks.len()), (2, 2));
    assert_eq!(world.record.as_ref().unwrap().status, ServiceDeploymentStatus::RollbackSuccessful);
}

#[test]
fn a_first_revision_that_fails_stays_failed_and_starts_nothing() {
    let mut world = World::new(1, 100, 200);
    world.breaker(true);
    for _ in 0..30 {
        world.settle();
        world.ids().iter().for_each(|id| world.die(id));
        world.pass(10);
    }
    assert_eq!((world.started, world.tasks.len()), (3, 0));
    let primary = world.service.primary();
    assert_eq!(primary.rollout_state, RolloutState::Failed);
    assert_eq!(primary.rollout_state_reason, "ECS deployment circuit breaker: tasks failed to start.");
    assert_eq!(world.record.as_ref().unwrap().status, ServiceDeploymentStatus::Stopped);
}

#[test]
fn tasks_that_never_start_are_tried_ever_more_rarely() {
    let mut world = World::new(1, 100, 200);
    for _ in 0..3600 {
        world.settle();
        world.ids().iter().for_each(|id| world.die(id));
        world.pass(1);
    }
    assert!((9..14).contains(&world.started), "{} starts in an hour", world.started);
    assert_eq!(told(&world, "is unable to consistently start tasks successfully"), 1);
}

#[test]
fn a_deployment_without_leeway_says_so() {
    let mut world = World::new(1, 100, 100);
    world.calm();
    world.deploy(2);
    world.calm();
    assert_eq!((world.running(1), world.running(2)), (1, 0));
    assert_eq!(told(&world, "because of the service deployment configuration"), 1);
}

#[test]
fn a_failing_task_goes_when_its_replacement_is_healthy() {
    let mut world = World::new(2, 100, 200);
    world.checks = Checks::Unknown;
    world.calm();
    let bad = world.ids()[0].clone();
    world.tasks.get_mut(&bad).unwrap().checks = Checks::Failing;
    world.settle();
    assert_eq!((world.tasks.len(), world.tasks[&bad].is_live()), (3, true));
    world.calm();
    assert_eq!(world.tasks.len(), 2);
    assert!(!world.tasks.contains_key(&bad));
}

#[test]
fn a_task_that_falls_is_replaced_and_counted_by_one_commit() {
    let mut world = World::new(2, 100, 200);
    world.calm();
    let victim = world.ids()[0].clone();
    world.fall(&victim);
    let view = world.view();
    let plan = super::decide(&view, world.now);
    assert!(plan.may_start(&view) && plan.tasks.is_empty(), "a proven task is no failure");
    world.settle();
    // Its successor falls before it is proven.
    let young = world.ids().last().unwrap().clone();
    (0..2).for_each(|_| world.advance(&young));
    world.fall(&young);
    let view = world.view();
    let plan = super::decide(&view, world.now);
    assert!(plan.may_start(&view));
    assert_eq!(plan.tasks[&young], [TaskAction::CountFailure]);
}

#[test]
fn failing_pending_and_protected_tasks_are_told_of_as_ecs_does() {
    let mut world = World::new(2, 100, 200);
    world.checks = Checks::Unknown;
    world.calm();
    let bad = world.ids()[0].clone();
    world.tasks.get_mut(&bad).unwrap().checks = Checks::Failing;
    let plan = super::decide(&world.view(), world.now);
    assert_eq!(plan.start.as_ref().map(|start| start.cause), Some(StartCause::Unhealthy(1)));
    world.calm();
    assert_eq!(told(&world, &format!("(service s) (task {bad}) failed container health checks.")), 1);
    world.scale(4);
    world.settle();
    world.scale(2);
    world.settle();
    assert_eq!(told(&world, "(service s) stopped 2 pending tasks."), 1);
    world.calm();
    let until = world.now + std::time::Duration::from_secs(3600 * 24);
    world.tasks.values_mut().for_each(|task| task.supervision.protected_until = Some(until));
    world.scale(0);
    world.calm();
    let held = "(service s) was unable to reach steady state because (taskSet ecs-svc/1) was unable to scale in due to \
                (reason 2 tasks under protection)";
    assert_eq!((told(&world, held), world.tasks.len()), (1, 2));
}

#[test]
fn a_task_that_cannot_start_on_fargate_says_why_once() {
    let mut world = World::new(2, 100, 200);
    for _ in 0..5 {
        world.settle();
        for id in world.ids() {
            world.die(&id);
            world.tasks.get_mut(&id).unwrap().why_not =
                Some("CannotPullContainerError: no such image".into());
        }
    }
    let why = "(service s) was unable to place a task. Reason: CannotPullContainerError: no such image. For more \
               information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    assert_eq!(told(&world, why), 1);
}

#[test]
fn connections_are_drained_before_a_task_ends() {
    let mut world = World::new(1, 100, 200);
    world.groups = vec!["arn:tg".into()];
    world.calm();
    assert_eq!(told(&world, "registered 1 targets in (target-group arn:tg)"), 1);
    world.scale(0);
    world.settle();
    let id = world.ids()[0].clone();
    assert_eq!(world.tasks[&id].last, LastStatus::Deactivating);
    assert_eq!(world.tasks[&id].targets[0].state, TargetState::Draining(None));
    assert_eq!(told(&world, "(service s, taskSet ecs-svc/1) has begun draining connections on 1 tasks."), 1);
    world.advance(&id);
    world.settle();
    assert_eq!(world.tasks[&id].last, LastStatus::Stopping);
}

#[test]
fn protected_tasks_outlive_scale_in_and_deployments() {
    let mut world = World::new(2, 0, 200);
    world.calm();
    let kept = world.ids()[0].clone();
    let until = world.now + std::time::Duration::from_secs(3600 * 24);
    world.tasks.get_mut(&kept).unwrap().supervision.protected_until = Some(until);
    world.scale(1);
    world.calm();
    assert!(world.tasks.len() == 1 && world.tasks.contains_key(&kept));
    world.deploy(2);
    world.calm();
    assert!(world.tasks[&kept].is_live());
    world.service.status = ServiceStatus::Draining;
    world.calm();
    assert!(world.tasks.is_empty(), "a deleted service stops everything");
}

#[test]
fn a_daemon_has_one_task_on_each_instance() {
    let mut world = World::new(0, 0, 100);
    world.is_lawful = false;
    world.service.spec.scheduling_strategy = SchedulingStrategy::Daemon;
    world.instances = [instance(1), instance(2), instance(3)].into();
    world.calm();
    let places =
        |world: &World| world.tasks.values().filter_map(|task| task.instance.clone()).collect::<Vec<_>>();
    let mut found = places(&world);
    found.sort();
    assert_eq!(found, [instance(1), instance(2), instance(3)]);
    assert_eq!(world.service.primary().desired_count, 3);
    world.instances = [instance(2), instance(4)].into();
    world.deploy(2);
    world.calm();
    let mut found = places(&world);
    found.sort();
    assert_eq!((found, world.running(2)), (vec![instance(2), instance(4)], 2));
    assert_eq!(world.service.primary().rollout_state, RolloutState::Completed);
}

#[test]
fn tasks_leave_a_draining_instance_when_they_are_replaced() {
    let mut world = World::new(2, 100, 200);
    world.calm();
    let moving = world.ids()[0].clone();
    world.tasks.get_mut(&moving).unwrap().has_to_move = true;
    world.settle();
    assert_eq!((world.tasks.len(), world.tasks[&moving].is_live()), (3, true));
    world.calm();
    assert_eq!(world.running(1), 2);
    assert!(!world.tasks.contains_key(&moving));
    assert!(world.service.seen.is_steady);
}

#[test]
fn zones_are_evened_out_one_task_at_a_time() {
    let mut world = World::new(4, 100, 150);
    world.service.spec.availability_zone_rebalancing = Switch::Enabled;
    world.zones = ["a".to_owned()].into();
    world.calm();
    assert_eq!(world.in_zone("a"), 4);
    // Two more zones open.
    world.zones = ["a", "b", "c"].map(str::to_owned).into();
    world.settle();
    assert_eq!((world.tasks.len(), world.in_zone("b")), (5, 1), "one more, where nobody is");
    world.settle();
    assert_eq!(world.tasks.len(), 5, "one at a time");
    world.calm();
    assert_eq!([world.in_zone("a"), world.in_zone("b"), world.in_zone("c")], [2, 1, 1]);
    assert_eq!(told(&world, "(service s) has stopped 1 running tasks in a due to AZ rebalancing: (task "), 2);
    assert_eq!(world.started, 6);
    let first = "(service s) is not AZ balanced with 4 tasks in a, 0 tasks in b, 0 tasks in c. AZ Rebalancing in \
                 progress.";
    assert_eq!(
        (told(&world, first), told(&world, "is AZ balanced with 2 tasks in a, 1 tasks in b, 1 tasks")),
        (1, 1)
    );
}

#[test]
fn a_move_that_changes_nothing_is_tried_every_quarter_of_an_hour() {
    let mut world = World::new(2, 100, 150);
    world.service.spec.availability_zone_rebalancing = Switch::Enabled;
    world.zones = ["a".to_owned()].into();
    world.calm();
    for _ in 0..900 {
        // A zone that takes no tasks: placement finds room in the full one alone.
        world.zones = ["a".to_owned()].into();
        let mut view = world.view();
        view.zones.insert("b".into());
        let plan = super::decide(&view, world.now);
        world.apply(plan);
        world.ids().iter().for_each(|id| world.advance(id));
        world.pass(4);
    }
    assert!((3..7).contains(&(world.started - 2)), "{} moves in an hour", world.started - 2);
    assert!(world.in_zone("a") >= 2);
}

#[test]
fn protected_tasks_are_not_moved() {
    let mut world = World::new(3, 100, 200);
    world.service.spec.availability_zone_rebalancing = Switch::Enabled;
    world.zones = ["a".to_owned()].into();
    world.calm();
    let until = world.now + std::time::Duration::from_secs(3600 * 24);
    world.tasks.values_mut().for_each(|task| task.supervision.protected_until = Some(until));
    world.zones = ["a", "b"].map(str::to_owned).into();
    world.calm();
    assert_eq!((world.started, world.in_zone("a")), (3, 3));
}

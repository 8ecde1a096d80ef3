//! Named examples of the decider's semantics, on a simulated node.

use std::time::Duration;

use model::ecs::status::{HealthStatus, StopCode};
use model::ecs::{ContainerStatus, DesiredStatus, LastStatus};

use super::simulated::{Nature, World};
use super::{Action, Condition, Dependency, HealthCheck, RestartPolicy, Signal, Site, Stop, Wanted};

const HOUR_MS: u64 = 3_600_000;

fn after(container: &str, condition: Condition) -> Wanted {
    let dependency = Dependency { container: container.into(), condition };
    Wanted { depends_on: vec![dependency], ..Wanted::default() }
}

fn helper() -> Wanted {
    Wanted { essential: false, ..Wanted::default() }
}

fn run(containers: Vec<(&'static str, Wanted, Nature)>) -> World {
    let mut world = World::new(containers, 20);
    world.run_for(HOUR_MS);
    world
}

fn check_stop(world: &World, code: StopCode, reason: &str) {
    assert_eq!(world.report.status, LastStatus::Stopped);
    assert_eq!(world.report.stop, Some(Stop { code: Some(code), reason: Some(reason.into()) }));
}

fn starts(world: &World) -> Vec<&Action> {
    world.order_of(|action| matches!(action, Action::StartContainer(_)))
}

#[test]
fn images_and_site_are_prepared_at_once() {
    let world =
        run(vec![("app", Wanted::default(), Nature::default()), ("log", helper(), Nature::default())]);
    let first: Vec<_> = world.done.iter().take(3).map(|(at, _)| *at).collect();
    assert!(first.iter().all(|at| *at == first[0]));
    assert_eq!(world.report.status, LastStatus::Running);
}

#[test]
fn an_essential_exit_stops_the_others() {
    let short = Nature { runs_for: Some(5_000), exit_code: 3, ..Nature::default() };
    let world = run(vec![("app", Wanted::default(), short), ("log", helper(), Nature::default())]);
    check_stop(&world, StopCode::EssentialContainerExited, "Essential container in task exited");
    assert_eq!(world.report.containers["app"].exit_code, Some(3));
    assert_eq!(world.report.containers["log"].exit_code, Some(143));
}

#[test]
fn a_helper_may_end() {
    let short = Nature { runs_for: Some(5), ..Nature::default() };
    let world = run(vec![("app", Wanted::default(), Nature::default()), ("init", helper(), short)]);
    assert_eq!(world.report.status, LastStatus::Running);
    assert_eq!(world.report.containers["init"].status, ContainerStatus::Stopped);
}

#[test]
fn containers_start_after_and_stop_before_their_dependencies() {
    let containers =
        vec![("app", after("db", Condition::Start), Nature::default()), ("db", helper(), Nature::default())];
    let mut world = run(containers);
    assert_eq!(starts(&world), [&Action::StartContainer("db".into()), &Action::StartContainer("app".into())]);
    world.view.desired = DesiredStatus::Stopped;
    world.run_for(HOUR_MS);
    let signals = world.order_of(|action| matches!(action, Action::Signal { .. }));
    let term = |name: &str| Action::Signal { container: name.into(), signal: Signal::Term };
    assert_eq!(signals, [&term("app"), &term("db")]);
    assert_eq!(world.report.stop, Some(Stop::default()));
}

#[test]
fn success_of_a_failed_dependency_never_comes() {
    let bad = Nature { runs_for: Some(5), exit_code: 1, ..Nature::default() };
    let world =
        run(vec![("app", after("init", Condition::Success), Nature::default()), ("init", helper(), bad)]);
    check_stop(&world, StopCode::TaskFailedToStart, "Task failed to start");
    let app = &world.report.containers["app"];
    assert_eq!(app.exit_code, Some(143));
    assert_eq!(
        app.reason.as_deref(),
        Some(
            "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init] for \
             target [app] as dependency did not exit successfully."
        )
    );
}

#[test]
fn a_dependency_that_takes_too_long_times_out() {
    let slow = Wanted { start_timeout: Some(Duration::from_secs(40)), ..helper() };
    let mut world = World::new(
        vec![
            ("app", after("init", Condition::Complete), Nature::default()),
            ("init", slow, Nature::default()),
        ],
        20,
    );
    world.run_for(39_000);
    assert_eq!(world.report.status, LastStatus::Pending);
    world.run_for(60_000);
    check_stop(&world, StopCode::TaskFailedToStart, "Task failed to start");
    let reason = world.report.containers["app"].reason.clone().unwrap();
    assert!(reason.ends_with("has timed out."), "{reason}");
}

#[test]
fn healthy_waits_for_the_check() {
    let checked = HealthCheck { interval: Duration::from_secs(5), start_period: Duration::ZERO, retries: 3 };
    let db = Wanted { health_check: Some(checked), ..Wanted::default() };
    let mut world = World::new(
        vec![("app", after("db", Condition::Healthy), Nature::default()), ("db", db, Nature::default())],
        20,
    );
    world.run_for(4_000);
    assert_eq!(starts(&world).len(), 1);
    world.run_for(4_000);
    assert_eq!(starts(&world).len(), 2);
    assert_eq!(world.report.health, HealthStatus::Healthy);
}

#[test]
fn a_restart_needs_the_attempt_period() {
    let policy = RestartPolicy { ignored_exit_codes: [2].into(), attempt_period: Duration::from_secs(60) };
    let wanted = Wanted { restart_policy: Some(policy), ..Wanted::default() };
    let nature = |runs_for, exit_code| Nature { runs_for: Some(runs_for), exit_code, ..Nature::default() };
    let count =
        |runs_for, exit_code| starts(&run(vec![("app", wanted.clone(), nature(runs_for, exit_code))])).len();
    assert!(count(600_000, 1) > 3);
    assert_eq!(count(59_000, 1), 1);
    assert_eq!(count(600_000, 2), 1);
}

#[test]
fn between_two_starts_a_container_counts_as_running() {
    let policy = RestartPolicy { ignored_exit_codes: [].into(), attempt_period: Duration::ZERO };
    let wanted = Wanted { restart_policy: Some(policy), ..Wanted::default() };
    let mut world =
        World::new(vec![("app", wanted, Nature { runs_for: Some(1_000), ..Nature::default() })], 400);
    for _ in 0..100 {
        world.run_for(100);
        assert_ne!(world.report.containers["app"].status, ContainerStatus::Stopped);
    }
    assert_eq!(world.report.status, LastStatus::Running);
}

#[test]
fn a_failed_pull_names_itself() {
    let world = run(vec![("app", Wanted::default(), Nature { pulls: false, ..Nature::default() })]);
    check_stop(&world, StopCode::TaskFailedToStart, "CannotPullContainerError: no such image");
}

#[test]
fn a_failed_site_names_itself() {
    let mut world = World::new(vec![("app", Wanted::default(), Nature::default())], 20);
    world.view.site = Site::Failed("ResourceInitializationError: no addresses".into());
    world.run_for(HOUR_MS);
    check_stop(&world, StopCode::TaskFailedToStart, "ResourceInitializationError: no addresses");
    assert_eq!(world.view.site, Site::Removed);
}

#[test]
fn the_deaf_are_killed_after_the_stop_timeout() {
    let deaf = Nature { ends_after_term: None, ..Nature::default() };
    let mut world = run(vec![("app", Wanted::default(), deaf)]);
    world.view.desired = DesiredStatus::Stopped;
    world.run_for(HOUR_MS);
    assert_eq!(world.report.containers["app"].exit_code, Some(137));
    let signals: Vec<_> =
        world.done.iter().filter(|(_, action)| matches!(action, Action::Signal { .. })).collect();
    assert_eq!(signals[1].0.since(signals[0].0), Wanted::STOP_TIMEOUT);
}

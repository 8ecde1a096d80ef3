//! The decider's laws, over random tasks on a simulated node. [`World`] watches them at every step.

use std::time::Duration;

use model::ecs::{DesiredStatus, LastStatus};
use proptest::prelude::*;

use super::simulated::{Nature, World};
use super::{Condition, Dependency, HealthCheck, RestartPolicy, Wanted};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        Just(Condition::Create),
        Just(Condition::Start),
        Just(Condition::Complete),
        Just(Condition::Success),
        Just(Condition::Healthy),
    ]
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn restart_policy() -> impl Strategy<Value = RestartPolicy> {
    (prop::collection::btree_set(0i64..3, 0..2), millis(60..5_000))
        .prop_map(|(ignored_exit_codes, attempt_period)| RestartPolicy { ignored_exit_codes, attempt_period })
}

fn health_check() -> impl Strategy<Value = HealthCheck> {
    (millis(100..5_000), millis(0..5_000), 1u32..4)
        .prop_map(|(interval, start_period, retries)| HealthCheck { interval, start_period, retries })
}

/// The container at `index`; it depends on earlier ones only.
fn wanted(index: usize) -> impl Strategy<Value = Wanted> {
    let dependency = (0..index.max(1), condition());
    (
        any::<bool>(),
        prop::collection::vec(dependency, 0..=index.min(2)),
        prop::option::of(millis(1..8_000)),
        millis(0..5_000),
        prop::option::of(restart_policy()),
        prop::option::of(health_check()),
    )
        .prop_map(|(essential, on, start_timeout, stop_timeout, restart_policy, health_check)| Wanted {
            essential,
            depends_on: on
                .into_iter()
                .map(|(index, condition)| Dependency { container: NAMES[index].to_string(), condition })
                .collect(),
            start_timeout,
            stop_timeout,
            restart_policy,
            health_check,
        })
}

fn nature() -> impl Strategy<Value = Nature> {
    let mostly = || prop::bool::weighted(0.9);
    (
        mostly(),
        mostly(),
        mostly(),
        prop::option::of(0u64..10_000),
        0i64..3,
        prop::option::of(0u64..6_000),
        mostly(),
    )
        .prop_map(|(pulls, creates, starts, runs_for, exit_code, ends_after_term, healthy)| Nature {
            pulls,
            creates,
            starts,
            runs_for,
            exit_code,
            ends_after_term,
            healthy,
        })
}

fn task() -> impl Strategy<Value = Vec<(&'static str, Wanted, Nature)>> {
    (1usize..=4).prop_flat_map(|count| {
        let containers: Vec<_> = (0..count).map(|i| (Just(NAMES[i]), wanted(i), nature())).collect();
        containers
    })
}

proptest! {
    #[test]
    fn every_task_stops_when_told(task in task(), latency in 1u64..500, stop_after in 0u64..30_000) {
        let mut world = World::new(task, latency);
        world.run_for(stop_after);
        world.view.desired = DesiredStatus::Stopped;
        world.run_for(120_000);
        prop_assert_eq!(world.report.status, LastStatus::Stopped);
        prop_assert!(world.view.containers.values().all(|container| !container.needs_removal()));
        prop_assert!(world.view.busy.is_empty());
    }
}

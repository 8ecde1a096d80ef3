//! Worlds in which no law is broken, and worlds in which one must be.

use sim::planted::Planted;
use sim::{Outcome, Plan, run};

const STEPS: usize = 80;
/// Seeds in which a planted fault must be noticed at least once.
const SEEDS_FOR_A_FAULT: u64 = 25;

fn world(seed: u64, planted: Option<Planted>) -> Outcome {
    run(Plan { seed, steps: STEPS, planted }).expect("a world can be made")
}

fn good(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = world(seed, None);
        let broken = &outcome.violations;
        assert!(broken.is_empty(), "make sim SEED={seed} STEPS={STEPS}: {broken:#?}");
    }
}

#[test]
fn no_law_is_broken_in_the_first_worlds() {
    good(1..4);
}

#[test]
fn no_law_is_broken_in_more_worlds() {
    good(1_000..1_003);
}

#[test]
fn no_law_is_broken_while_traffic_is_shifted() {
    // One world for each strategy.
    for seed in [4, 8, 12] {
        good(seed..seed + 1);
    }
}

#[test]
fn what_a_killed_agent_had_begun_is_taken_down() {
    // An agent dies while it makes a site; the task is told to stop before the next one starts.
    let outcome = run(Plan { seed: 293, steps: 120, planted: None }).expect("a world can be made");
    assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
}

#[test]
fn what_drains_runs_on_when_its_node_asks_anew() {
    // An agent starts again while a task of its node drains: neither manifest nor payload may stop it.
    good(26..27);
}

#[test]
fn a_seed_gives_the_same_world_again() {
    let outcome = world(7, None);
    assert!(outcome.trace.len() > STEPS);
    assert_eq!(outcome, world(7, None));
}

#[test]
fn a_seed_gives_the_same_world_with_load_balancers_again() {
    let outcome = world(8, None);
    assert!(outcome.trace.iter().any(|line| line.contains(": Healthy")), "no target was found healthy");
    assert_eq!(outcome, world(8, None));
}

fn noticed(planted: Planted, words: &str) {
    let found = (1..=SEEDS_FOR_A_FAULT).map(|seed| world(seed, Some(planted)).violations);
    let first = found.into_iter().find(|violations| !violations.is_empty());
    let first = first.unwrap_or_else(|| panic!("{planted:?} goes unnoticed"));
    assert!(first.iter().any(|text| text.contains(words)), "{planted:?}: {first:#?}");
}

#[test]
fn a_kept_lease_is_noticed() {
    noticed(Planted::KeepsLease, "leases and interfaces differ");
}

#[test]
fn a_forgotten_load_is_noticed() {
    noticed(Planted::ForgetsLoad, "is not the sum of its tasks");
}

#[test]
fn ignored_expectations_are_noticed() {
    noticed(Planted::IgnoresExpectations, "");
}

#[test]
fn a_revoked_stop_is_noticed() {
    noticed(Planted::RevokesStop, "a wish to stop is never taken back");
}

#[test]
fn an_oversold_node_is_noticed() {
    noticed(Planted::OffersTooMuch, "more than it has");
}

#[test]
fn a_run_after_the_stop_is_noticed() {
    noticed(Planted::RunsAfterStop, "the ended task");
}

#[test]
fn a_lost_stop_is_noticed() {
    noticed(Planted::LosesStop, "");
}

#[test]
fn a_forgotten_end_is_noticed() {
    noticed(Planted::ForgetsEnded, "the ended task");
}

#[test]
fn a_dropped_report_is_noticed() {
    noticed(Planted::DropsReports, "");
}

#[test]
fn a_container_left_behind_is_noticed() {
    noticed(Planted::LeavesContainers, "the ended task");
}

#[test]
fn a_forgotten_maximum_is_noticed() {
    noticed(Planted::ForgetsMaximum, "maximum");
}

#[test]
fn a_forgotten_minimum_is_noticed() {
    noticed(Planted::ForgetsMinimum, "minimum");
}

#[test]
fn a_forgotten_drain_is_noticed() {
    noticed(Planted::ForgetDrain, "a deregistered target drains");
}

#[test]
fn an_unhealthy_target_that_counts_is_noticed() {
    noticed(Planted::CountsUnhealthyTarget, "before its target is healthy");
}

#[test]
fn a_forgotten_shift_is_noticed() {
    noticed(Planted::ForgetsShift, "the rule's weights are");
}

#[test]
fn a_skipped_scale_up_is_noticed() {
    noticed(Planted::SkipsScaleUp, "a new revision is up with");
}

#[test]
fn a_clean_up_before_its_time_is_noticed() {
    noticed(Planted::CleansUpEarly, "healthy tasks are left where traffic goes");
}

#[test]
fn a_forgotten_grace_is_noticed() {
    noticed(Planted::ForgetsGrace, "are its grace");
}

#[test]
fn a_double_replacement_is_noticed() {
    noticed(Planted::DoubleReplace, "tasks are made, where");
}

#[test]
fn a_task_made_twice_is_noticed() {
    noticed(Planted::LosesOwner, "");
}

//! The hooks that hold a deployment at a stage until somebody says how it goes on.
//!
//! A hook is entered in the record when its stage begins; a request, or its time, resolves it. A resolved hook is
//! never opened again.

use std::time::Duration;

use model::Timestamp;
use model::ecs::ServiceDeploymentId;
use model::ecs::lifecycle::{HookAction, HookRun, HookStatus, Lifecycle, PauseHook};

/// How long a hook waits that names no time.
const DEFAULT_MINUTES: u32 = 24 * 60;

/// What the hooks of the present stage say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Some wait, the first of them until then.
    Waits(Timestamp),
    /// The deployment has to go back, and why.
    Back(&'static str),
    /// The stage may be left.
    Passes,
}

/// Begins the hooks of the stage that was just entered.
pub(super) fn begin(
    id: &ServiceDeploymentId,
    hooks: &[PauseHook],
    lifecycle: &mut Lifecycle,
    now: Timestamp,
) {
    for hook in hooks.iter().filter(|hook| hook.stages.contains(&lifecycle.stage)) {
        let minutes = hook.timeout_minutes.unwrap_or(DEFAULT_MINUTES);
        let run = HookRun {
            id: format!("{id}-{}", lifecycle.hooks.len() + 1),
            stage: lifecycle.stage,
            step: lifecycle.steps,
            status: HookStatus::AwaitingAction,
            expires_at: now + Duration::from_secs(u64::from(minutes) * 60),
            timeout_action: hook.timeout_action.unwrap_or(HookAction::Rollback),
        };
        lifecycle.hooks.push(run);
    }
}

/// Notes whose time is over.
pub(super) fn expire(lifecycle: &mut Lifecycle, now: Timestamp) {
    let waits = |run: &&mut HookRun| run.status == HookStatus::AwaitingAction && run.expires_at <= now;
    lifecycle.hooks.iter_mut().filter(waits).for_each(|run| run.status = HookStatus::TimedOut);
}

/// What the hooks of the present stage, and of its present round, say.
pub(super) fn judge(lifecycle: &Lifecycle) -> Verdict {
    let present = |run: &&HookRun| run.stage == lifecycle.stage && run.step == lifecycle.steps;
    let mut waits: Option<Timestamp> = None;
    for run in lifecycle.hooks.iter().filter(present) {
        match (run.status, run.timeout_action) {
            (HookStatus::Succeeded, _) | (HookStatus::TimedOut, HookAction::Continue) => {}
            (HookStatus::Failed, _) => {
                return Verdict::Back("Service deployment rolled back because a lifecycle hook failed.");
            }
            (HookStatus::TimedOut, HookAction::Rollback) => {
                return Verdict::Back("Service deployment rolled back because a lifecycle hook timed out.");
            }
            (HookStatus::AwaitingAction | HookStatus::InProgress, _) => {
                waits = Some(waits.map_or(run.expires_at, |at| at.min(run.expires_at)));
            }
        }
    }
    waits.map_or(Verdict::Passes, Verdict::Waits)
}

#[cfg(test)]
mod tests {
    use model::ecs::lifecycle::{LifecycleStage, Share};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn begun(hooks: &[PauseHook]) -> Lifecycle {
        let mut lifecycle = Lifecycle {
            stage: LifecycleStage::PostScaleUp,
            since: NOW,
            steps: 0,
            production: Share::NONE,
            test: Share::NONE,
            hooks: Vec::new(),
        };
        begin(&ServiceDeploymentId::new("d").unwrap(), hooks, &mut lifecycle, NOW);
        lifecycle
    }

    fn hook(stage: LifecycleStage, minutes: Option<u32>, action: Option<HookAction>) -> PauseHook {
        PauseHook { stages: vec![stage], timeout_minutes: minutes, timeout_action: action }
    }

    #[test]
    fn only_hooks_of_the_stage_hold_it() {
        assert_eq!(judge(&begun(&[hook(LifecycleStage::PreScaleUp, None, None)])), Verdict::Passes);
        let day = NOW + Duration::from_secs(24 * 3600);
        assert_eq!(judge(&begun(&[hook(LifecycleStage::PostScaleUp, None, None)])), Verdict::Waits(day));
    }

    #[test]
    fn all_have_to_succeed_and_one_is_enough_to_go_back() {
        let stage = LifecycleStage::PostScaleUp;
        let mut lifecycle = begun(&[hook(stage, Some(1), None), hook(stage, Some(2), None)]);
        assert_eq!(lifecycle.hooks.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["d-1", "d-2"]);
        lifecycle.hooks[0].status = HookStatus::Succeeded;
        assert_eq!(judge(&lifecycle), Verdict::Waits(NOW + Duration::from_secs(120)));
        lifecycle.hooks[1].status = HookStatus::Succeeded;
        assert_eq!(judge(&lifecycle), Verdict::Passes);
        lifecycle.hooks[0].status = HookStatus::Failed;
        assert!(matches!(judge(&lifecycle), Verdict::Back(_)));
    }

    #[test]
    fn a_hook_in_whose_time_nobody_speaks_does_as_it_was_told() {
        for (action, expected) in
            [(Some(HookAction::Continue), true), (Some(HookAction::Rollback), false), (None, false)]
        {
            let mut lifecycle = begun(&[hook(LifecycleStage::PostScaleUp, Some(1), action)]);
            expire(&mut lifecycle, NOW + Duration::from_secs(59));
            assert!(matches!(judge(&lifecycle), Verdict::Waits(_)));
            expire(&mut lifecycle, NOW + Duration::from_secs(60));
            assert_eq!(lifecycle.hooks[0].status, HookStatus::TimedOut);
            assert_eq!(judge(&lifecycle) == Verdict::Passes, expected, "{action:?}");
        }
    }
}

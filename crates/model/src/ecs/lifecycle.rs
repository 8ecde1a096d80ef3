//! Deployments that shift traffic: their stages, the steps of the shift, and the hooks that hold them.
//!
//! A [`Lifecycle`] is the part of a service deployment's record that says how far it has come. Only the scheduler
//! writes it, but for the state of a hook, which a request may resolve.

use serde::{Deserialize, Serialize};

use super::text::text_enum;
use crate::Timestamp;

text_enum! {
    /// Where a deployment that shifts traffic is. The order is the order of life.
    pub enum LifecycleStage {
        /// More than two revisions have tasks: all but the serving one go.
        ReconcileService = "RECONCILE_SERVICE",
        /// The new revision has no tasks.
        PreScaleUp = "PRE_SCALE_UP",
        /// Its tasks start.
        ScaleUp = "SCALE_UP",
        /// They are healthy, and get no traffic.
        PostScaleUp = "POST_SCALE_UP",
        /// They get the test traffic.
        TestTrafficShift = "TEST_TRAFFIC_SHIFT",
        /// They have it.
        PostTestTrafficShift = "POST_TEST_TRAFFIC_SHIFT",
        /// The next step of the production traffic is to come.
        PreProductionTrafficShift = "PRE_PRODUCTION_TRAFFIC_SHIFT",
        /// They get a share of the production traffic.
        ProductionTrafficShift = "PRODUCTION_TRAFFIC_SHIFT",
        /// They have all of it.
        PostProductionTrafficShift = "POST_PRODUCTION_TRAFFIC_SHIFT",
        /// Both revisions run, and the new one serves.
        BakeTime = "BAKE_TIME",
        /// The old revision goes.
        CleanUp = "CLEAN_UP",
    }
}

impl LifecycleStage {
    /// Where a deployment can be made to wait.
    pub const PAUSES: &[LifecycleStage] = &[
        LifecycleStage::ReconcileService,
        LifecycleStage::PreScaleUp,
        LifecycleStage::PostScaleUp,
        LifecycleStage::PostTestTrafficShift,
        LifecycleStage::PreProductionTrafficShift,
        LifecycleStage::PostProductionTrafficShift,
    ];
}

text_enum! {
    /// What becomes of a deployment that a hook holds.
    pub enum HookAction {
        /// It goes back.
        Rollback = "ROLLBACK",
        /// It goes on.
        Continue = "CONTINUE",
    }
}

text_enum! {
    /// What has come of a hook.
    pub enum HookStatus {
        /// Somebody has to say how it goes on.
        AwaitingAction = "AWAITING_ACTION",
        /// It is at work.
        InProgress = "IN_PROGRESS",
        /// The deployment may go on.
        Succeeded = "SUCCEEDED",
        /// The deployment has to go back.
        Failed = "FAILED",
        /// Nobody said anything in time.
        TimedOut = "TIMED_OUT",
    }
}

/// A hook that makes a deployment wait for a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseHook {
    /// Where.
    pub stages: Vec<LifecycleStage>,
    /// How long, when given.
    pub timeout_minutes: Option<u32>,
    /// What happens then, when given.
    pub timeout_action: Option<HookAction>,
}

/// One wait of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// What names it.
    pub id: String,
    /// Where it began.
    pub stage: LifecycleStage,
    /// Steps of the shift that were done when it began.
    pub step: u32,
    /// What has come of it.
    pub status: HookStatus,
    /// Until when it waits.
    pub expires_at: Timestamp,
    /// What happens then.
    pub timeout_action: HookAction,
}

/// A share of the traffic, in tenths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Share = Share(0);
    /// 5 percent.
    pub const TWENTIETH: Share = Share(50);
    /// 10 percent.
    pub const TENTH: Share = Share(100);
    /// Everything.
    pub const ALL: Share = Share(1000);

    /// So many tenths of a percent; none above 100 percent.
    pub fn of_tenths(tenths: u16) -> Option<Share> {
        (tenths <= Share::ALL.0).then_some(Share(tenths))
    }

    /// So many percent, when that is a whole number of tenths from 0 to 100 percent.
    pub fn of_percent(percent: f64) -> Option<Share> {
        let tenths = (percent * 10.0).round();
        let is_whole = (percent * 10.0 - tenths).abs() < 1e-6;
        // Refused before the cast: not a number, negative, too much.
        if !is_whole || !(0.0..=f64::from(Share::ALL.0)).contains(&tenths) {
            return None;
        }
        Share::of_tenths(tenths as u16)
    }

    /// In percent.
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 10.0
    }

    /// This many of these shares, at most everything.
    pub fn times(self, count: u32) -> Share {
        let tenths = u32::from(self.0).saturating_mul(count).min(u32::from(Share::ALL.0));
        Share(u16::try_from(tenths).expect("at most a thousand"))
    }

    /// The weights of a rule that gives this share to the second of two groups. No weight is above 999.
    pub fn weights(self) -> (u16, u16) {
        let Share(tenths) = self;
        if tenths % 10 == 0 { (100 - tenths / 10, tenths / 10) } else { (1000 - tenths, tenths) }
    }
}

impl TryFrom<u16> for Share {
    type Error = &'static str;

    fn try_from(tenths: u16) -> Result<Self, Self::Error> {
        Share::of_tenths(tenths).ok_or("a share is at most 1000 tenths of a percent")
    }
}

impl From<Share> for u16 {
    fn from(Share(tenths): Share) -> u16 {
        tenths
    }
}

/// A step of the production traffic, and the wait after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftStep {
    /// How much is shifted.
    pub share: Share,
    /// How long the next step waits.
    pub bake_minutes: u32,
}

/// How traffic is shifted: the part of a deployment configuration that rolling deployments have no use for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shifting {
    /// How long both revisions run once the traffic is shifted, when given.
    pub bake_minutes: Option<u32>,
    /// The equal steps of LINEAR, when given.
    pub linear: Option<ShiftStep>,
    /// The first step of CANARY, when given.
    pub canary: Option<ShiftStep>,
    /// Where the deployment waits for a word.
    pub hooks: Vec<PauseHook>,
}

/// How far a deployment that shifts traffic has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Its stage.
    pub stage: LifecycleStage,
    /// Since when.
    pub since: Timestamp,
    /// Steps of the production traffic that are done.
    pub steps: u32,
    /// The new revision's share of the production traffic.
    pub production: Share,
    /// The new revision's share of the test traffic.
    pub test: Share,
    /// Its waits, the first one first.
    pub hooks: Vec<HookRun>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_tenths() {
        let check = |percent, expected: Option<(u16, u16)>| {
            assert_eq!(Share::of_percent(percent).map(Share::weights), expected, "{percent} percent");
        };
        check(0.0, Some((100, 0)));
        check(10.0, Some((90, 10)));
        check(0.1, Some((999, 1)));
        check(33.3, Some((667, 333)));
        check(99.9, Some((1, 999)));
        check(100.0, Some((0, 100)));
        check(3.05, None);
        check(-0.1, None);
        check(100.1, None);
        check(f64::NAN, None);
    }

    #[test]
    fn steps_end_at_everything() {
        let step = Share::of_percent(33.3).unwrap();
        let all: Vec<f64> = (0..5).map(|count| step.times(count).percent()).collect();
        assert_eq!(all, [0.0, 33.3, 66.6, 99.9, 100.0]);
    }

    #[test]
    fn a_stored_share_is_checked() {
        assert_eq!(serde_json::from_str::<Share>("1000").unwrap(), Share::ALL);
        assert!(serde_json::from_str::<Share>("1001").is_err());
    }
}

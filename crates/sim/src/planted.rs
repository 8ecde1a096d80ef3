//! Faults that can be planted: each shows that a law can fail, and that the world reaches it.
//!
//! They are planted at the borders of the code under test (store, link, node), never in it.

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The lease of an ended task's address is not given back.
    KeepsLease,
    /// What tasks take of their nodes is not written down.
    ForgetsLoad,
    /// Commits happen although what they expected does not hold.
    IgnoresExpectations,
    /// A task that was to stop is wanted again with the next report.
    RevokesStop,
    /// A node offers more than it has.
    OffersTooMuch,
    /// A node is told to run a task after it was told to stop it.
    RunsAfterStop,
    /// A node is not told to stop tasks.
    LosesStop,
    /// A node forgets at once that a task has ended, and starts it again when a late message says so.
    ForgetsEnded,
    /// A report that was not acknowledged is not repeated.
    DropsReports,
    /// A node leaves containers behind.
    LeavesContainers,
    /// Services may have twice their tasks during a deployment.
    ForgetsMaximum,
    /// Services may have no healthy task during a deployment.
    ForgetsMinimum,
    /// A deregistered target is gone at once, and its connections with it.
    ForgetDrain,
    /// A target is healthy as soon as it is registered, although nobody has looked at it.
    CountsUnhealthyTarget,
    /// A share of the traffic is written down, and the rule left as it was.
    ForgetsShift,
    /// A new revision is taken for up before it has its tasks.
    SkipsScaleUp,
    /// The old revision goes while it still has the traffic.
    CleansUpEarly,
    /// The failing checks of young tasks are not ignored.
    ForgetsGrace,
    /// The task that replaces another is made twice.
    DoubleReplace,
    /// A new task forgets which service it belongs to, so that it is made twice.
    LosesOwner,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 20] = [
        Planted::KeepsLease,
        Planted::ForgetsLoad,
        Planted::IgnoresExpectations,
        Planted::RevokesStop,
        Planted::OffersTooMuch,
        Planted::RunsAfterStop,
        Planted::LosesStop,
        Planted::ForgetsEnded,
        Planted::DropsReports,
        Planted::LeavesContainers,
        Planted::ForgetsMaximum,
        Planted::ForgetsMinimum,
        Planted::ForgetDrain,
        Planted::CountsUnhealthyTarget,
        Planted::ForgetsShift,
        Planted::SkipsScaleUp,
        Planted::CleansUpEarly,
        Planted::ForgetsGrace,
        Planted::DoubleReplace,
        Planted::LosesOwner,
    ];

    /// The fault called `name`, as its variant is spelt.
    pub fn parse(name: &str) -> Option<Planted> {
        Planted::ALL.into_iter().find(|planted| format!("{planted:?}") == name)
    }
}

//! The seeded world: services, control and reconcile over simulated nodes, in virtual time.
//!
//! A world is a storm and then a calm. In the storm, requests come while agents crash, links
//! break, messages are late or doubled, the store is slow or fails, the control plane restarts
//! and clocks jump. In the calm everything must converge. The laws are checked at every commit
//! ([`ledger`]), after every event ([`world`]) and at the end of the calm. The same seed gives
//! the same world, to the last line of its trace.
//!
//! In every second world, those of the even seeds, two of the services are behind a load balancer
//! whose data plane is simulated too ([`balancer`]); the other worlds do without. In every other of those one service
//! shifts traffic from revision to revision, by each strategy in turn ([`shifting`]); in the rest the failing checks of
//! young tasks are ignored for a while.
//!
//! No socket and no clock; the one touch of a disk is a temporary directory for the blobs and
//! log segments that a cloud must have, which no simulated request reads or writes.

pub mod balancer;
pub mod calm;
pub mod cloud;
pub mod dice;
pub mod engine;
pub mod fronts;
pub mod laws;
pub mod ledger;
pub mod machine;
pub mod node;
pub mod planted;
pub mod requests;
pub mod serving;
pub mod shifting;
pub mod targets;
pub mod trace;
pub mod world;

use planted::Planted;

/// What a world is made from.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// How many things happen in the storm.
    pub steps: usize,
    /// A fault of ours, to show that the laws notice it.
    pub planted: Option<Planted>,
}

/// How a world ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What happened, in order.
    pub trace: Vec<String>,
    /// The laws that were broken; empty in a good world.
    pub violations: Vec<String>,
    /// What the world went through, in one line.
    pub summary: String,
}

/// Runs one world to its end, or to the first broken law.
///
/// # Errors
/// When the world cannot be made at all: no temporary directory, or a refused first request.
pub fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut world = world::World::new(plan).await?;
        world.storm().await;
        world.calm().await;
        Ok(world.end())
    })
}

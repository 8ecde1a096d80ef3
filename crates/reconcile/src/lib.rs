//! What should happen next: every decider a pure function from state to actions.
//!
//! No decider reads a clock, draws randomness or does I/O; `clippy.toml` beside this
//! crate enforces it. The drivers are in `control` (for the cluster) and `agent` (for a node).

pub mod container;
pub mod deployment;
pub mod dispatch;
pub mod placement;
pub mod reap;
pub mod service;
pub mod task;

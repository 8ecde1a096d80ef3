//! One node: containerd, networks, images, health, log shipping, metadata.
//!
//! [`Agent::start_with`] takes what a node needs and answers a handle; from then on tasks come in
//! as [`wire::link::ServerMessage`]s and everything that happens goes out through
//! [`wire::link::Uplink`]. Containers outlive the agent: a new one adopts them (see [`task`]).

pub mod agent;
mod announce;
pub mod cgroup;
pub mod config;
pub mod containerd;
pub mod dns;
pub mod exec;
pub mod images;
pub mod logs;
pub mod metadata;
pub mod network;
pub mod runtime;
pub mod task;

pub use agent::{Agent, AgentHandle, Ports, Shutdown};
pub use config::AgentConfig;

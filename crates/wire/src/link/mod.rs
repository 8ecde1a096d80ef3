//! The link between control plane and node: ECS's own agent protocol (ACS), typed.
//!
//! The messages have the field names of the Amazon ECS agent's model
//! (`ecs-agent/acs/model/api/api-2.json` in aws/amazon-ecs-agent), so that the same
//! values travel over a websocket to any ECS agent, or in memory inside `longshore up`.
//! What a node reports back are ordinary ECS operations: see [`Uplink`].

mod container;
mod docker;
mod message;
mod task;
mod uplink;

pub use container::*;
pub use docker::*;
pub use message::*;
pub use task::*;
pub use uplink::*;

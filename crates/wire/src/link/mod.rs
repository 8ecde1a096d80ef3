//! The link between control plane and node: ECS's own agent protocol (ACS), typed.
//!
//! The messages have the field names of the Amazon ECS agent's model
//! (`ecs-agent/acs/model/api/api-2.json` in aws/amazon-ecs-agent), so that the same
//! values travel over a websocket to any ECS agent, or in memory inside `longshore up`.
//! What a node reports back are ordinary ECS operations: see [`Uplink`]. The balancer, which ECS's protocol does not
//! know, has messages of its own: [`Routes`] down, [`RoutesReport`] up.

mod container;
mod docker;
mod exec;
mod message;
mod names;
mod routes;
mod routes_group;
mod routes_proxy;
mod routes_report;
mod security;
mod task;
mod uplink;

pub use container::*;
pub use docker::*;
pub use exec::*;
pub use message::*;
pub use names::*;
pub use routes::*;
pub use routes_group::*;
pub use routes_proxy::*;
pub use routes_report::*;
pub use security::*;
pub use task::*;
pub use uplink::*;

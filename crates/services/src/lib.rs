//! The rooms: what one API request does.
//!
//! A room is a service: a table of operations over the shapes that `wire` generates. The front
//! door finds the room, `runner::run` validates, authorises and runs one of its operations.

pub mod access;
pub mod cloud;
pub mod context;
pub mod error;
pub mod node;
pub mod room;
pub mod runner;
mod table;
#[cfg(test)]
mod testing;

pub mod exec;
pub mod iam;
pub mod sts;

pub mod discovery;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod logs;
pub mod ssm;

pub use access::Access;
pub use cloud::{Cloud, EXEC_IDLE_TIMEOUT, MachineNetworks, Settings};
pub use context::{Ids, OpCtx};
pub use error::ServiceError;
pub use room::{Handler, Room, op};

/// Every room, in the order in which they may call each other's doors: to the left only.
pub static ROOMS: &[&Room] = &[
    &iam::ROOM,
    &sts::ROOM,
    &ssm::ROOM,
    &ecr::ROOM,
    &logs::ROOM,
    &ec2::ROOM,
    &elbv2::ROOM,
    &discovery::ROOM,
    &ecs::ROOM,
];

/// The tables of all rooms and of what stands behind them.
pub fn tables(schema: store::Schema) -> store::Schema {
    let schema = discovery::store::tables(iam::store::tables(schema));
    ecs::tables(elbv2::store::tables(ec2::store::tables(logs::store::tables(registry::tables::tables(
        schema,
    )))))
}

//! The rooms: what one API request does.
//!
//! A room is a service: a table of operations over the shapes that `wire` generates. The front
//! door finds the room, `runner::run` validates, authorises and runs one of its operations.

pub mod access;
pub mod cloud;
pub mod context;
pub mod error;
pub mod room;
pub mod runner;
mod table;

pub mod ec2;

pub use access::Access;
pub use cloud::{Cloud, Settings};
pub use context::{Ids, OpCtx};
pub use error::ServiceError;
pub use room::{Handler, Room, op};

/// Every room, in the order in which they may call each other's doors: to the left only.
pub static ROOMS: &[&Room] = &[&ec2::ROOM];

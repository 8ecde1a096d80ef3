//! Everything that crosses a socket: AWS shapes and protocols, the agent link, the data channel of
//! ECS Exec, OCI JSON.
//!
//! [`generated`] holds the shapes and operations of every service, written by `cargo xtask
//! codegen` from the official models; each is also a module here (`wire::ecs`). A request
//! becomes a [`Value`] (a protocol's business), is checked against its [`Schema`], and then
//! becomes a typed [`Shape`]; an answer goes the other way.

pub mod datachannel;
pub mod generated;
pub mod link;
pub mod oci;
pub mod protocol;
pub mod schema;
pub mod service;
pub mod shape;
pub mod validate;
pub mod value;

pub use generated::*;
pub use schema::Schema;
pub use service::{ErrorModel, Operation, OperationModel, Protocol, ServiceModel};
pub use shape::{DecodeError, Empty, Shape};
pub use validate::{Constraint, Violation, validate};
pub use value::Value;

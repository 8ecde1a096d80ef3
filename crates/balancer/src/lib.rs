//! HTTP(S)/TCP load balancer: match, pick, proxy, health, drain.
//!
//! [`Balancer`] is the data plane; [`process`] runs it as a process of its own, which outlives whoever started it.
//! Routes come whole ([`wire::link::Routes`]) and replace what was; requests look them up one by one, so
//! that no connection is lost by a change.

mod access;
mod balancer;
mod checks;
mod group;
mod http;
mod net;
mod place;
pub mod process;
mod proxy;
mod rules;
mod shared;
mod signal;
mod sockets;
mod table;
mod workers;

pub use balancer::Balancer;
pub use workers::Workers;

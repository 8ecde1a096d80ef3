//! The task metadata endpoint: 169.254.170.2:80 inside of each task.
//!
//! The listening socket is opened in the task's own network namespace, so who asks is known by the
//! socket that was asked, and two instances on one machine never meet. Tasks on the node's own network
//! have a loopback address each instead. What is answered is rendered
//! from the task's record by pure functions: [`route`] and [`respond`] hold no state but samples of
//! processor time, which Docker's format wants in pairs.

mod listener;
mod protection;
mod render;
mod respond;
mod route;
mod sample;
mod server;
mod stats;
mod usage;

pub use listener::{Endpoint, endpoint};
pub use render::{container, docker_name, task};
pub use respond::{Answer, respond};
pub use route::{Api, Route};
pub use server::Metadata;
pub use usage::{Usage, usage};

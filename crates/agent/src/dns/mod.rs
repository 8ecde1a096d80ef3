//! The resolver of tasks: 169.254.169.253:53 inside of each task's network namespace.
//!
//! As for metadata, who asks is known by the socket that was asked. The control plane is asked first, since it
//! alone knows the names of the task's network; what it does not know goes to the node's own
//! resolvers as it came. A restarted agent opens the sockets of adopted tasks again.

mod answer;
mod cache;
mod forward;
mod resolver;
mod serve;

pub use resolver::Resolver;
pub use serve::{Served, serve};

//! What the cluster does by itself: node sessions, exec sessions, the service scheduler, and housekeeping.
//!
//! A loop gathers a view, lets a decider of `reconcile` decide, and does what the plan says; it keeps
//! nothing that the store and the plan could not give it again.

pub mod access_logs;
pub mod clock;
mod credentials;
pub mod exec;
pub mod housekeeping;
pub mod log_work;
pub mod payload;
pub mod routes;
pub mod scheduler;
pub mod session;
pub mod traffic;
pub mod uplink;

pub use clock::Clock;
pub use uplink::LocalLink;

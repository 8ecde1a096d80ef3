//! What containers write: taken by a process that outlives us, kept in a spool, shipped from there.
//!
//! containerd's shim starts `longshore logger` for each container ([`logger_main`], by the `binary://`
//! URI that [`Logs`] answers). It appends records to the container's spool ([`spool`]) and needs
//! neither the agent nor containerd. The shipper follows the spool and hands batches to the control
//! plane, each named by its spool and offset: sent twice it counts once, so nothing is lost or
//! doubled whoever dies when. A logger is two processes that mind each other: the container's pipe
//! outlives either.

mod batch;
mod drain;
mod frame;
mod guard;
mod intake;
mod interactive;
mod lines;
mod logger;
mod multiline;
mod options;
mod progress;
mod shipper;
mod sink;
pub mod spool;

pub use frame::{Record, Stream};
pub use logger::logger_main;
pub use sink::Logs;

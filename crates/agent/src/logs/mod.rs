//! What containers write: taken by a process that outlives us, kept in a spool, shipped from there.
//!
//! containerd's shim starts `longshore logger` for each container ([`logger_main`], by the `binary://`
//! URI that [`Logs`] answers). It appends records to the container's spool ([`spool`]) and needs
//! neither the agent nor containerd. The shipper follows the spool and hands batches to the control
//! plane, each named by its spool and offset: sent twice it counts once, so nothing is lost or
//! doubled whoever dies when. For the drivers that Docker has beside `awslogs` ([`drivers`]) a
//! delivery follows the spool and gives the lines to the driver's receiver. A logger is two processes
//! that mind each other: the container's pipe outlives either.

mod backlog;
mod batch;
mod delivery;
mod drain;
mod drivers;
mod frame;
mod guard;
mod intake;
mod interactive;
mod lines;
mod logger;
mod message;
mod multiline;
mod options;
mod progress;
mod shipper;
mod sink;
pub mod spool;
mod subject;
mod tag;
mod values;

pub(crate) use drivers::has_journal;
pub use frame::{Record, Stream};
pub use logger::logger_main;
pub use sink::Logs;
pub use subject::{Origin, Subject};

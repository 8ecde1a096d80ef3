//! Images: found in a registry, fetched into containerd's content store, checked, unpacked.
//!
//! [`Images`] is the door. A pull resolves the reference every time, as Fargate does, and costs
//! one request when the image is there already. Layers are fetched side by side and unpacked in
//! order; each is inspected before containerd sees it ([`inspect`]), and its archive is dropped
//! once unpacked: the snapshots are the cache. Many waiting tasks share one pull.

mod client;
mod content;
mod error;
mod flight;
mod gc;
mod inspect;
mod layer;
mod limits;
mod plain;
mod platform;
mod pull;
mod reference;
mod tar_stream;
mod unpack;

pub use error::Error;
pub use gc::{CleanupPolicy, Collected};
pub use inspect::{Hostile, Inspection};
pub use limits::Limits;
pub use pull::Images;
pub use reference::{Located, locate};

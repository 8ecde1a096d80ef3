//! The behaviours of the OCI distribution specification, each by the request that shows it.
//!
//! Requests go straight into `Registry::handle`: no socket, no clock; the store is in memory.

mod access;
mod blobs;
mod listing;
mod manifests;
mod reaping;
mod uploads;
mod world;

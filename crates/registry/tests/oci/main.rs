//! The behaviours of the OCI distribution specification, each by the request that shows it.
//!
//! Requests go straight into `Registry::handle`: no socket, no clock; the store is in memory.

// The helpers belong to tests, where unwrapping is the assertion.
#![allow(clippy::unwrap_used)]

mod access;
mod blobs;
mod listing;
mod manifests;
mod reaping;
mod uploads;
mod world;

//! Generated shapes to model and back: the only place where raw text becomes types.
//!
//! What a reader here accepts still has to pass [`super::rules`], which looks at members
//! together.

pub(crate) mod cluster;
pub(crate) mod container;
pub(crate) mod convert;
pub(crate) mod deployment;
pub(crate) mod instance;
pub(crate) mod launch;
pub(crate) mod service;
pub(crate) mod service_connect;
pub(crate) mod task;
pub(crate) mod task_definition;

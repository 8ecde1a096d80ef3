//! Pure decisions of the ECS room: what is valid, what is filled in, what follows.
//!
//! Nothing here sees the store, the wire or the time.

pub(crate) mod attributes;
pub(crate) mod cluster;
pub(crate) mod container;
pub(crate) mod defaults;
pub(crate) mod dependency;
pub(crate) mod deployment;
pub(crate) mod fargate;
pub(crate) mod firelens;
pub(crate) mod identifier;
pub(crate) mod launch;
pub(crate) mod linux;
pub(crate) mod logging;
pub(crate) mod paging;
pub(crate) mod placement;
pub(crate) mod port;
pub(crate) mod proxy;
pub(crate) mod service;
pub(crate) mod setting;
pub(crate) mod size;
pub(crate) mod strategy;
pub(crate) mod tag;
pub(crate) mod task_definition;
pub(crate) mod volume;

#[cfg(test)]
pub(crate) mod sample;

//! What the cluster does by itself: loops, leadership, agent sessions.

pub mod payload;

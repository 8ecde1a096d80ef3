//! Everything that crosses a socket: AWS shapes and protocols, the agent link, OCI JSON.

pub mod link;

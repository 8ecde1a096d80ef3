//! Requests: from a client's connection to a target's and back.
//!
//! `serve.rs` owns a client's connection, `forward.rs` one request's way to a target, `pool.rs` the connections
//! to targets. Each connection lives on one worker, with the connections to targets that it uses.

mod access_log;
mod body;
mod connect;
mod forward;
mod headers;
mod pages;
mod pool;
mod serve;
#[cfg(test)]
mod tests;
mod trace;
mod upgrade;

pub use access_log::{instant, millis};
pub use connect::{ConnectError, dial, handshake};
pub use pool::Pool;
pub use serve::{Client, Tls, serve};
pub use trace::TraceIds;

pub use body::Upload;

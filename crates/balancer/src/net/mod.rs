//! Bytes below HTTP: joined connections, TLS, PROXY protocol.

mod accept;
mod counted;
mod greeting;
mod namespace;
mod proxy_protocol;
mod splice;
mod stream;
mod tls;

pub use accept::connection;
pub use greeting::log_plain;
pub use namespace::Namespace;
pub use proxy_protocol::LOCAL;
pub use splice::{splice, splice_tcp};
pub use tls::{client_config, server_config};

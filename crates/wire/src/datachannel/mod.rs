//! The data channel: how the session-manager-plugin and a container's shell speak over a websocket.
//!
//! The messages are those of `src/message` in aws/session-manager-plugin. [`Message`] is the codec of
//! one frame; [`Outgoing`] keeps what was not yet acknowledged, [`Incoming`] puts what comes into order.
//! Nothing here reads a clock or a socket.

mod content;
mod incoming;
mod message;
mod outgoing;

pub use content::{
    Acknowledgement, ChannelClosed, Flag, HandshakeAction, HandshakeComplete, HandshakeRequest,
    HandshakeResponse, OpenDataChannel, Size,
};
pub use incoming::{Accepted, Incoming};
pub use message::{Kind, Message, MessageError, MessageId, payload};
pub use outgoing::Outgoing;

/// What the stream of one message is cut into: the same as the SSM agent's.
pub const CHUNK_BYTES: usize = 1024;

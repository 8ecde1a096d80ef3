//! The protocols: bytes to a [`Value`] and back, directed by an operation's schemas.
//!
//! A handler never knows which protocol a request came in. Decoders ignore unknown members,
//! accept nothing deeper than [`MAX_DEPTH`], and allocate only in proportion to the bytes
//! that they were given. The functions here dispatch; each module is one protocol.

pub mod cbor;
pub mod ec2query;
pub mod eventstream;
pub mod json;
pub mod query;
mod time;
mod xml;

pub use time::{format_iso8601, parse_iso8601};

use crate::service::{OperationModel, Protocol, ServiceModel};
use crate::value::Value;

/// How deep a request's values may nest.
pub const MAX_DEPTH: usize = 64;

/// Why a request's body is no value of the operation's input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not the protocol's syntax.
    #[error("{reason}")]
    Syntax {
        /// What is wrong, as a service would say it.
        reason: String,
    },
    /// A value is of a type that its shape cannot take.
    #[error("{reason}")]
    Type {
        /// Where, as `containerDefinitions[0].name`; empty at the top.
        path: String,
        /// What is wrong, as a service would say it.
        reason: String,
    },
    /// The values nest deeper than [`MAX_DEPTH`].
    #[error("Request is nested too deeply")]
    Depth,
    /// Longshore does not speak the protocol.
    #[error("{0:?} is not spoken here")]
    Unspoken(Protocol),
}

impl Error {
    pub(crate) fn syntax(reason: impl Into<String>) -> Self {
        Error::Syntax { reason: reason.into() }
    }

    pub(crate) fn wrong(reason: impl Into<String>) -> Self {
        Error::Type { path: String::new(), reason: reason.into() }
    }

    /// The same error, one level further out.
    pub(crate) fn inside(mut self, outer: &str) -> Self {
        if let Error::Type { path, .. } = &mut self {
            let glue = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            *path = format!("{outer}{glue}{path}");
        }
        self
    }
}

/// What an error answer says, in any protocol.
#[derive(Clone, Copy, Debug)]
pub struct ErrorAnswer<'a> {
    /// The error's shape name or its Query code; the encoders choose what their protocol wants.
    pub code: &'a str,
    /// The text for the caller.
    pub message: &'a str,
    /// Whether the caller is at fault.
    pub sender: bool,
    /// Members besides the message.
    pub extra: &'a [(String, Value)],
}

/// Reads a request's body as the operation's input.
pub fn decode(protocol: Protocol, operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    match protocol {
        Protocol::Json => json::decode(operation, body),
        Protocol::Query => query::decode(operation, body),
        Protocol::Ec2 => ec2query::decode(operation, body),
        Protocol::Cbor => cbor::decode(operation, body),
        Protocol::RestJson | Protocol::RestXml => Err(Error::Unspoken(protocol)),
    }
}

/// Writes an answer's body. REST protocols are written as JSON.
pub fn encode(
    protocol: Protocol,
    service: &ServiceModel,
    operation: &OperationModel,
    output: &Value,
    request_id: &str,
) -> Vec<u8> {
    match protocol {
        Protocol::Query => query::encode(service, operation, output, request_id),
        Protocol::Ec2 => ec2query::encode(service, operation, output, request_id),
        Protocol::Cbor => cbor::encode(operation, output),
        Protocol::Json | Protocol::RestJson | Protocol::RestXml => json::encode(operation, output),
    }
}

/// Writes an error answer's body.
pub fn encode_error(
    protocol: Protocol,
    service: &ServiceModel,
    error: &ErrorAnswer<'_>,
    request_id: &str,
) -> Vec<u8> {
    match protocol {
        Protocol::Query => query::encode_error(service, error, request_id),
        Protocol::Ec2 => ec2query::encode_error(error, request_id),
        Protocol::Cbor => cbor::encode_error(service, error),
        Protocol::Json | Protocol::RestJson | Protocol::RestXml => json::encode_error(service, error),
    }
}

/// The `Content-Type` of an answer.
pub fn content_type(protocol: Protocol, service: &ServiceModel) -> &'static str {
    match (protocol, service.json_version) {
        (Protocol::Json, Some("1.0")) => "application/x-amz-json-1.0",
        (Protocol::Json, _) => "application/x-amz-json-1.1",
        (Protocol::Query, _) => "text/xml",
        (Protocol::Ec2, _) => "text/xml;charset=UTF-8",
        (Protocol::Cbor, _) => "application/cbor",
        (Protocol::RestJson, _) => "application/json",
        (Protocol::RestXml, _) => "application/xml",
    }
}

/// The value of `x-amzn-query-error` on error answers of services that once spoke Query.
pub fn query_error_header(
    protocol: Protocol,
    service: &ServiceModel,
    error: &ErrorAnswer<'_>,
) -> Option<String> {
    let carries = service.query_compatible && matches!(protocol, Protocol::Json | Protocol::Cbor);
    let fault = if error.sender { "Sender" } else { "Receiver" };
    carries.then(|| format!("{};{fault}", query_code(service, error.code)))
}

/// The Query code of an error that is known by either name.
fn query_code<'a>(service: &ServiceModel, code: &'a str) -> &'a str {
    service.error(code).map_or(code, |error| error.code)
}

/// The shape name of an error that is known by either name.
fn shape_name<'a>(service: &ServiceModel, code: &'a str) -> &'a str {
    service.error(code).map_or(code, |error| error.shape)
}

/// The name of the member that carries an error's message.
fn message_member(service: &ServiceModel, code: &str) -> &'static str {
    let members = service.error(code).map_or(&[][..], |error| error.schema.members());
    let named = members.iter().find(|member| member.name.eq_ignore_ascii_case("message"));
    named.map_or("message", |member| member.wire_name.unwrap_or(member.name))
}

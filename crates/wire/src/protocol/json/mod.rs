//! AWS JSON 1.0 and 1.1.
//!
//! Timestamps are epoch seconds with a millisecond fraction, blobs are base64. A type that
//! does not fit is refused in the words that AWS's own servers use. Requests are read by a
//! reader of our own: it needs no tree in between, and numbers keep every digit.

mod read;
mod tokens;
mod write;

pub(super) use read::special_float;

use super::{Error, ErrorAnswer, message_member, shape_name};
use crate::service::{OperationModel, ServiceModel};
use crate::value::Value;

/// Operations whose texts need not be UTF-8: CloudWatch Logs puts U+FFFD for bytes that are none, on which Docker's
/// awslogs driver relies (moby/moby#37986).
const LENIENT: [&str; 1] = ["PutLogEvents"];

/// Reads a request's body. An empty body is an empty structure.
pub fn decode(operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    let Some(schema) = operation.input else { return Ok(Value::Map(Vec::new())) };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Map(Vec::new()));
    }
    if LENIENT.contains(&operation.name) {
        return read::document(schema, String::from_utf8_lossy(body).as_bytes());
    }
    read::document(schema, body)
}

/// Writes an answer's body.
pub fn encode(operation: &OperationModel, output: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match (operation.output, output) {
        (Some(schema), Value::Map(_)) => write::value(&mut out, Some(schema), output),
        _ => out.extend_from_slice(b"{}"),
    }
    out
}

/// Writes a structure that is no answer of its own, such as an event of a stream.
pub fn encode_shape<S: crate::Shape>(shape: S) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write::value(&mut out, Some(S::SCHEMA), &shape.into_value());
    out
}

/// Writes an error answer's body: `{"__type": ..., "message": ...}`.
pub fn encode_error(service: &ServiceModel, error: &ErrorAnswer<'_>) -> Vec<u8> {
    let schema = service.error(error.code).map(|model| model.schema);
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"{\"__type\":");
    write::text(&mut out, shape_name(service, error.code));
    out.push(b',');
    write::text(&mut out, message_member(service, error.code));
    out.push(b':');
    write::text(&mut out, error.message);
    for (name, value) in error.extra {
        let member = schema.and_then(|schema| schema.member(name));
        out.push(b',');
        write::text(&mut out, member.and_then(|m| m.wire_name).unwrap_or(name));
        out.push(b':');
        write::value(&mut out, member.map(|m| m.schema), value);
    }
    out.push(b'}');
    out
}

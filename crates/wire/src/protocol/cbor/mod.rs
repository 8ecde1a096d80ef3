//! Smithy RPC v2 CBOR.
//!
//! Timestamps are tag 1 with a double; structures are definite maps on the way out, and
//! definite or indefinite on the way in. The `smithy-protocol` header is the front door's.

mod read;
mod write;

use super::{Error, ErrorAnswer, message_member, shape_name};
use crate::service::{OperationModel, ServiceModel};
use crate::value::{Name, Value};

/// Reads a request's body. An empty body is an empty structure.
pub fn decode(operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    match operation.input {
        Some(schema) if !body.is_empty() => read::document(schema, body),
        _ => Ok(Value::Map(Vec::new())),
    }
}

/// Writes an answer's body.
pub fn encode(operation: &OperationModel, output: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match (operation.output, output) {
        (Some(schema), Value::Map(_)) => write::value(&mut out, Some(schema), output),
        _ => write::value(&mut out, None, &Value::Map(Vec::new())),
    }
    out
}

/// Writes an error answer's body.
pub fn encode_error(service: &ServiceModel, error: &ErrorAnswer<'_>) -> Vec<u8> {
    let schema = service.error(error.code).map(|model| model.schema);
    let code = format!("com.amazonaws.{}#{}", service.signing_name, shape_name(service, error.code));
    let mut members: Vec<(Name, Value)> = vec![
        ("__type".into(), code.into()),
        (message_member(service, error.code).into(), error.message.into()),
    ];
    members.extend(error.extra.iter().map(|(name, value)| (Name::Owned(name.clone()), value.clone())));
    let mut out = Vec::with_capacity(128);
    write::members(&mut out, &members, |name| schema.and_then(|s| s.member(name)).map(|m| m.schema));
    out
}

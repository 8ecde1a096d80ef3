//! Query: a form in (`Tags.member.1.Key=a`), XML out.
//!
//! The form becomes a tree once, then the schema walks it. List and map indices are keys of
//! that tree, never sizes, so a hostile index costs nothing.

use super::xml::{Dialect, Writer};
use super::{Error, ErrorAnswer, query_code};
use crate::service::{OperationModel, ServiceModel};
use crate::value::Value;

mod form;
mod read;

pub use form::Form;
pub(super) use read::read;

/// Reads a request's body.
pub fn decode(operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    decode_form(operation, &Form::parse(body)?)
}

/// Reads a form that was parsed for its `Action`.
pub fn decode_form(operation: &OperationModel, form: &Form) -> Result<Value, Error> {
    match operation.input {
        Some(schema) => read(schema, &form.tree()?, Dialect::Query),
        None => Ok(Value::Map(Vec::new())),
    }
}

/// Writes `<XResponse><XResult>...</XResult><ResponseMetadata>...`.
pub fn encode(
    service: &ServiceModel,
    operation: &OperationModel,
    output: &Value,
    request_id: &str,
) -> Vec<u8> {
    let mut writer = Writer::new(Dialect::Query);
    let response = format!("{}Response", operation.name);
    writer.open_in(&response, service.xml_namespace);
    if let Some(schema) = operation.output {
        let result =
            operation.result_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
        writer.open(&result);
        if let Value::Map(members) = output {
            writer.members(Some(schema), members);
        }
        writer.close(&result);
    }
    writer.open("ResponseMetadata");
    writer.text("RequestId", request_id);
    writer.close("ResponseMetadata");
    writer.close(&response);
    writer.finish()
}

/// Writes `<ErrorResponse><Error>...</Error><RequestId>...`.
pub fn encode_error(service: &ServiceModel, error: &ErrorAnswer<'_>, request_id: &str) -> Vec<u8> {
    let schema = service.error(error.code).map(|model| model.schema);
    let mut writer = Writer::new(Dialect::Query);
    writer.open_in("ErrorResponse", service.xml_namespace);
    writer.open("Error");
    writer.text("Type", if error.sender { "Sender" } else { "Receiver" });
    writer.text("Code", query_code(service, error.code));
    writer.text("Message", error.message);
    for (name, value) in error.extra {
        let member = schema.and_then(|schema| schema.member(name));
        let wire_name = member.and_then(|m| m.wire_name).unwrap_or(name);
        writer.element(wire_name, member.map(|m| m.schema), value);
    }
    writer.close("Error");
    writer.text("RequestId", request_id);
    writer.close("ErrorResponse");
    writer.finish()
}

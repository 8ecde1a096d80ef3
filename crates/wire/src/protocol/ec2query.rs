//! EC2's dialect of Query: capitalised names and flat lists in, `<item>` lists out.

use super::query::{Form, read};
use super::xml::{Dialect, Writer};
use super::{Error, ErrorAnswer};
use crate::service::{OperationModel, ServiceModel};
use crate::value::Value;

/// Reads a request's body.
pub fn decode(operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    decode_form(operation, &Form::parse(body)?)
}

/// Reads a form that was parsed for its `Action`.
pub fn decode_form(operation: &OperationModel, form: &Form) -> Result<Value, Error> {
    match operation.input {
        Some(schema) => read(schema, &form.tree()?, Dialect::Ec2),
        None => Ok(Value::Map(Vec::new())),
    }
}

/// Writes `<XResponse><requestId>...</requestId>...`; an operation without output answers `<return>true</return>`.
pub fn encode(
    service: &ServiceModel,
    operation: &OperationModel,
    output: &Value,
    request_id: &str,
) -> Vec<u8> {
    let mut writer = Writer::declared(Dialect::Ec2);
    let response = format!("{}Response", operation.name);
    writer.open_in(&response, service.xml_namespace);
    writer.text("requestId", request_id);
    match (operation.output, output) {
        (Some(schema), Value::Map(members)) => writer.members(Some(schema), members),
        _ => writer.text("return", "true"),
    }
    writer.close(&response);
    writer.finish()
}

/// Writes `<Response><Errors><Error>...</Error></Errors><RequestID>...`.
pub fn encode_error(error: &ErrorAnswer<'_>, request_id: &str) -> Vec<u8> {
    let mut writer = Writer::declared(Dialect::Ec2);
    writer.open("Response");
    writer.open("Errors");
    writer.open("Error");
    writer.text("Code", error.code);
    writer.text("Message", error.message);
    writer.close("Error");
    writer.close("Errors");
    writer.text("RequestID", request_id);
    writer.close("Response");
    writer.finish()
}

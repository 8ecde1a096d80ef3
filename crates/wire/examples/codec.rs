//! The codecs as a filter, so that botocore can judge them (`acceptance/test_wire_codec.py`).
//!
//! Reads one JSON request a line: `{"do": "decode" | "encode" | "error" | "list", ...}`, writes
//! one JSON answer a line. Bodies are base64; `$blob`, `$ms` and `$float` mark what JSON lacks.

use std::io::{BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use wire::protocol::{self, ErrorAnswer};
use wire::{OperationModel, Protocol, ServiceModel, Value};

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let answer = serde_json::from_str(&line)
            .map_err(|error| error.to_string())
            .and_then(|request| answer(&request))
            .unwrap_or_else(|error| json!({ "error": error }));
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn answer(request: &Json) -> Result<Json, String> {
    let field = |name: &str| request[name].as_str().ok_or_else(|| format!("{name} is missing"));
    if field("do")? == "list" {
        return Ok(list());
    }
    let service = service(field("service")?)?;
    let protocol = protocol_of(field("protocol")?)?;
    if field("do")? == "error" {
        let error =
            ErrorAnswer { code: field("code")?, message: field("message")?, sender: true, extra: &[] };
        let body = protocol::encode_error(protocol, service, &error, "request-1");
        let header = protocol::query_error_header(protocol, service, &error);
        return Ok(json!({ "body": BASE64.encode(body), "query_error": header }));
    }
    let operation = operation(service, field("operation")?)?;
    match field("do")? {
        "decode" => {
            let body = BASE64.decode(field("body")?).map_err(|error| error.to_string())?;
            let value = protocol::decode(protocol, operation, &body).map_err(|e| format!("{e:?}"))?;
            Ok(json!({ "value": to_json(&value) }))
        }
        "encode" => {
            let value = from_json(&request["value"])?;
            let body = protocol::encode(protocol, service, operation, &value, "request-1");
            Ok(json!({ "body": BASE64.encode(body) }))
        }
        other => Err(format!("cannot {other}")),
    }
}

/// The served operations and the errors of every service that has any.
fn list() -> Json {
    let served = |operation: &&OperationModel| operation.input.is_some() || operation.output.is_some();
    let services = wire::generated::SERVICES.iter().map(|service| {
        let operations: Vec<_> = service.operations.iter().filter(served).map(|o| o.name).collect();
        let errors: Vec<_> = service.errors.iter().map(|error| error.shape).collect();
        json!({
            "id": service.id, "version": service.api_version, "operations": operations, "errors": errors,
        })
    });
    Json::Array(services.collect())
}

fn service(id: &str) -> Result<&'static ServiceModel, String> {
    let found = wire::generated::SERVICES.iter().find(|service| service.id == id);
    found.copied().ok_or_else(|| format!("no service {id}"))
}

fn operation(service: &ServiceModel, name: &str) -> Result<&'static OperationModel, String> {
    service.operation(name).ok_or_else(|| format!("no operation {name}"))
}

fn protocol_of(name: &str) -> Result<Protocol, String> {
    match name {
        "json" => Ok(Protocol::Json),
        "query" => Ok(Protocol::Query),
        "ec2" => Ok(Protocol::Ec2),
        "smithy-rpc-v2-cbor" => Ok(Protocol::Cbor),
        other => Err(format!("no protocol {other}")),
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!({ "$float": format!("{number:?}") }),
        Value::String(text) => json!(text),
        Value::Blob(bytes) => json!({ "$blob": BASE64.encode(bytes) }),
        Value::Timestamp(ms) => json!({ "$ms": ms }),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.to_string(), to_json(value))).collect())
        }
    }
}

fn from_json(json: &Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Integer(number.as_i64().ok_or("not an integer")?),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect::<Result<_, _>>()?),
        Json::Object(members) => match members.iter().next().filter(|_| members.len() == 1) {
            Some((mark, Json::String(text))) if mark == "$float" => {
                Value::Float(text.parse().map_err(|_| format!("{text} is no float"))?)
            }
            Some((mark, Json::String(text))) if mark == "$blob" => {
                Value::Blob(BASE64.decode(text).map_err(|error| error.to_string())?)
            }
            Some((mark, Json::Number(ms))) if mark == "$ms" => {
                Value::Timestamp(ms.as_i64().ok_or("not an integer")?)
            }
            _ => {
                let read = |(name, value): (&String, &Json)| Ok((name.clone().into(), from_json(value)?));
                Value::Map(members.iter().map(read).collect::<Result<_, String>>()?)
            }
        },
    })
}

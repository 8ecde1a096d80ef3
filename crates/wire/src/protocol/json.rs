//! AWS JSON 1.0 and 1.1.
//!
//! Timestamps are epoch seconds with a millisecond fraction, blobs are base64. A type that
//! does not fit is refused in the words that AWS's own servers use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;

use super::time::{format_epoch, from_seconds, parse_iso8601};
use super::{Error, ErrorAnswer, MAX_DEPTH, message_member, shape_name};
use crate::schema::{Kind, Member, Schema};
use crate::service::{OperationModel, ServiceModel};
use crate::value::{Name, Value};

/// Reads a request's body. An empty body is an empty structure.
pub fn decode(operation: &OperationModel, body: &[u8]) -> Result<Value, Error> {
    let Some(schema) = operation.input else { return Ok(Value::Map(Vec::new())) };
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Map(Vec::new()));
    }
    let json = serde_json::from_slice(body).map_err(|error| match error.classify() {
        _ if error.to_string().starts_with("recursion limit") => Error::Depth,
        _ => Error::syntax(error.to_string()),
    })?;
    match json {
        Json::Object(_) => read(schema, json, 0),
        _ => Err(Error::wrong("Start of structure expected.")),
    }
}

/// Writes an answer's body.
pub fn encode(operation: &OperationModel, output: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match (operation.output, output) {
        (Some(schema), Value::Map(_)) => write(&mut out, Some(schema), output),
        _ => out.extend_from_slice(b"{}"),
    }
    out
}

/// Writes an error answer's body: `{"__type": ..., "message": ...}`.
pub fn encode_error(service: &ServiceModel, error: &ErrorAnswer<'_>) -> Vec<u8> {
    let schema = service.error(error.code).map(|model| model.schema);
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"{\"__type\":");
    write_text(&mut out, shape_name(service, error.code));
    out.push(b',');
    write_text(&mut out, message_member(service, error.code));
    out.push(b':');
    write_text(&mut out, error.message);
    for (name, value) in error.extra {
        let member = schema.and_then(|schema| schema.member(name));
        out.push(b',');
        write_text(&mut out, member.and_then(|m| m.wire_name).unwrap_or(name));
        out.push(b':');
        write(&mut out, member.map(|m| m.schema), value);
    }
    out.push(b'}');
    out
}

fn read(schema: &Schema, json: Json, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Depth);
    }
    match (&schema.kind, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Kind::Structure(_), Json::Object(members)) => read_structure(schema.members(), members, depth),
        (Kind::Map(map), Json::Object(entries)) => {
            let read = |(key, json): (String, Json)| match read(map.value, json, depth + 1) {
                Ok(value) => Ok((Name::Owned(key), value)),
                Err(error) => Err(error.inside(&key)),
            };
            entries.into_iter().map(read).collect::<Result<_, _>>().map(Value::Map)
        }
        (Kind::List(list), Json::Array(items)) => {
            let read =
                |(at, json)| read(list.item, json, depth + 1).map_err(|e| e.inside(&format!("[{at}]")));
            items.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Value::List)
        }
        (Kind::String, Json::String(text)) => Ok(Value::String(text)),
        (Kind::Boolean, Json::Bool(flag)) => Ok(Value::Bool(flag)),
        (Kind::Integer, Json::Number(number)) => read_integer(&number, i32::MIN.into(), i32::MAX.into()),
        (Kind::Long, Json::Number(number)) => read_integer(&number, i64::MIN, i64::MAX),
        (Kind::Float | Kind::Double, Json::Number(number)) => {
            number.as_f64().map(Value::Float).ok_or_else(|| Error::wrong("Number is out of range"))
        }
        (Kind::Float | Kind::Double, Json::String(text)) => special_float(&text)
            .map(Value::Float)
            .ok_or_else(|| Error::wrong("STRING_VALUE can not be converted to a Double")),
        (Kind::Blob, Json::String(text)) => {
            BASE64.decode(text).map(Value::Blob).map_err(|_| Error::wrong("Invalid base64 in a blob"))
        }
        (Kind::Timestamp(_), Json::Number(number)) => number
            .as_f64()
            .and_then(from_seconds)
            .map(Value::Timestamp)
            .ok_or_else(|| Error::wrong("Timestamp is out of range")),
        (Kind::Timestamp(_), Json::String(text)) => parse_iso8601(&text)
            .map(Value::Timestamp)
            .ok_or_else(|| Error::wrong("STRING_VALUE can not be converted to a Timestamp")),
        (Kind::Document, json) => document(json, depth),
        (kind, json) => Err(mismatch(kind, &json)),
    }
}

fn read_structure(
    members: &'static [Member],
    json: serde_json::Map<String, Json>,
    depth: usize,
) -> Result<Value, Error> {
    let mut out: Vec<(Name, Value)> = Vec::with_capacity(json.len().min(members.len()));
    for (key, json) in json {
        let Some(member) = members.iter().find(|m| m.wire_name.unwrap_or(m.name) == key) else { continue };
        match read(member.schema, json, depth + 1).map_err(|error| error.inside(&key))? {
            Value::Null => {}
            value => out.push((Name::Borrowed(member.name), value)),
        }
    }
    Ok(Value::Map(out))
}

fn read_integer(number: &serde_json::Number, least: i64, greatest: i64) -> Result<Value, Error> {
    /// Doubles at or beyond this are no longer exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |f: f64| (f.fract() == 0.0 && f.abs() <= EXACT).then_some(f as i64);
    number
        .as_i64()
        .or_else(|| number.as_f64().and_then(whole))
        .filter(|number| (least..=greatest).contains(number))
        .map(Value::Integer)
        .ok_or_else(|| Error::wrong("Number is out of range for an integer"))
}

pub(super) fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn document(json: Json, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Depth);
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text),
        Json::Array(items) => {
            Value::List(items.into_iter().map(|item| document(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let read = |(key, json)| Ok((Name::Owned(key), document(json, depth + 1)?));
            Value::Map(entries.into_iter().map(read).collect::<Result<_, Error>>()?)
        }
    })
}

/// The words of AWS's servers for a value of the wrong type.
fn mismatch(kind: &Kind, json: &Json) -> Error {
    let token = match json {
        Json::Null => "NULL_VALUE",
        Json::Bool(true) => "TRUE_VALUE",
        Json::Bool(false) => "FALSE_VALUE",
        Json::Number(_) => "NUMBER_VALUE",
        Json::String(_) => "STRING_VALUE",
        Json::Array(_) => return Error::wrong("Start of list found where not expected."),
        Json::Object(_) => return Error::wrong("Start of structure or map found where not expected."),
    };
    Error::wrong(match kind {
        Kind::Boolean => format!("{token} can not be converted to a Boolean"),
        Kind::Integer => format!("{token} can not be converted to an Integer"),
        Kind::Long => format!("{token} can not be converted to a Long"),
        Kind::Float | Kind::Double => format!("{token} can not be converted to a Double"),
        Kind::String => format!("{token} can not be converted to a String"),
        Kind::Blob => format!("{token} can not be converted to a Blob"),
        Kind::Timestamp(_) => format!("{token} can not be converted to a Timestamp"),
        Kind::List(_) => "Expected list or null".to_owned(),
        Kind::Map(_) => "Expected map or null".to_owned(),
        Kind::Structure(_) | Kind::Document => "Expected structure or null".to_owned(),
    })
}

/// Writes `value`; the schema settles wire names, timestamps and float widths.
fn write(out: &mut Vec<u8>, schema: Option<&Schema>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Integer(number) => match schema.map(|s| &s.kind) {
            Some(Kind::Timestamp(_)) => out.extend_from_slice(format_epoch(*number).as_bytes()),
            _ => out.extend_from_slice(number.to_string().as_bytes()),
        },
        Value::Float(number) => {
            let narrow = schema.is_some_and(|s| matches!(s.kind, Kind::Float));
            out.extend_from_slice(float(*number, narrow).as_bytes());
        }
        Value::String(text) => write_text(out, text),
        Value::Blob(bytes) => write_text(out, &BASE64.encode(bytes)),
        Value::Timestamp(ms) => out.extend_from_slice(format_epoch(*ms).as_bytes()),
        Value::List(items) => {
            let item_schema = schema.and_then(|s| match &s.kind {
                Kind::List(list) => Some(list.item),
                _ => None,
            });
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(out, item_schema, item);
            }
            out.push(b']');
        }
        Value::Map(members) => write_members(out, schema, members),
    }
}

fn write_members(out: &mut Vec<u8>, schema: Option<&Schema>, members: &[(Name, Value)]) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in members {
        let (key, of) = match schema.map(|s| &s.kind) {
            Some(Kind::Structure(structure)) => {
                // An answer never carries a member that its model does not know.
                let Some(member) = structure.members.iter().find(|m| m.name == name) else { continue };
                (member.wire_name.unwrap_or(member.name), Some(member.schema))
            }
            Some(Kind::Map(map)) => (name.as_ref(), Some(map.value)),
            _ => (name.as_ref(), None),
        };
        if value.is_null() && schema.is_some_and(|s| matches!(s.kind, Kind::Structure(_))) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_text(out, key);
        out.push(b':');
        write(out, of, value);
    }
    out.push(b'}');
}

fn float(number: f64, narrow: bool) -> String {
    match number {
        n if n.is_nan() => "\"NaN\"".to_owned(),
        f64::INFINITY => "\"Infinity\"".to_owned(),
        f64::NEG_INFINITY => "\"-Infinity\"".to_owned(),
        n if narrow => format!("{:?}", n as f32),
        n => format!("{n:?}"),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is written to memory");
}

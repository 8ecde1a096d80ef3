//! Writes values as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::time::format_epoch;
use crate::schema::{Kind, Schema};
use crate::value::{Name, Value};

/// Writes `value`; the schema settles wire names, timestamps and float widths.
pub fn value(out: &mut Vec<u8>, schema: Option<&Schema>, value: &Value) {
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
        Value::String(string) => text(out, string),
        Value::Blob(bytes) => text(out, &BASE64.encode(bytes)),
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
                self::value(out, item_schema, item);
            }
            out.push(b']');
        }
        Value::Map(entries) => members(out, schema, entries),
    }
}

fn members(out: &mut Vec<u8>, schema: Option<&Schema>, entries: &[(Name, Value)]) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in entries {
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
        text(out, key);
        out.push(b':');
        self::value(out, of, value);
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

pub fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is written to memory");
}

//! Writes values as CBOR.

use crate::schema::{Kind, Schema};
use crate::value::{Name, Value};

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// Writes `value`; the schema settles wire names, timestamps and float widths.
pub fn value(out: &mut Vec<u8>, schema: Option<&Schema>, value: &Value) {
    let kind = schema.map(|schema| &schema.kind);
    match (value, kind) {
        (Value::Timestamp(ms), _) | (Value::Integer(ms), Some(Kind::Timestamp(_))) => timestamp(out, *ms),
        (Value::Null, _) => out.push(0xf6),
        (Value::Bool(flag), _) => out.push(if *flag { 0xf5 } else { 0xf4 }),
        (Value::Integer(number), _) => integer(out, *number),
        (Value::Float(number), Some(Kind::Float)) => {
            out.push(0xfa);
            out.extend_from_slice(&(*number as f32).to_be_bytes());
        }
        (Value::Float(number), _) => double(out, *number),
        (Value::String(text), _) => {
            head(out, TEXT, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        (Value::Blob(bytes), _) => {
            head(out, BYTES, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        (Value::List(items), kind) => {
            let item = match kind {
                Some(Kind::List(list)) => Some(list.item),
                _ => None,
            };
            head(out, ARRAY, items.len() as u64);
            items.iter().for_each(|each| self::value(out, item, each));
        }
        (Value::Map(entries), Some(Kind::Structure(structure))) => {
            // An answer never carries a member that its model does not know.
            let known = |name: &Name| structure.members.iter().find(|member| member.name == name);
            let present: Vec<_> = entries
                .iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(name, value)| Some((known(name)?, value)))
                .collect();
            head(out, MAP, present.len() as u64);
            for (member, value) in present {
                text(out, member.wire_name.unwrap_or(member.name));
                self::value(out, Some(member.schema), value);
            }
        }
        (Value::Map(entries), Some(Kind::Map(map))) => members(out, entries, |_| Some(map.value)),
        (Value::Map(entries), _) => members(out, entries, |_| None),
    }
}

/// Writes a map, asking for each entry's schema.
pub fn members(
    out: &mut Vec<u8>,
    entries: &[(Name, Value)],
    schema_of: impl Fn(&str) -> Option<&'static Schema>,
) {
    head(out, MAP, entries.len() as u64);
    for (name, value) in entries {
        text(out, name);
        self::value(out, schema_of(name), value);
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn timestamp(out: &mut Vec<u8>, ms: i64) {
    head(out, TAG, 1);
    match ms % 1000 {
        0 => integer(out, ms / 1000),
        _ => double(out, ms as f64 / 1000.0),
    }
}

fn integer(out: &mut Vec<u8>, number: i64) {
    match u64::try_from(number) {
        Ok(number) => head(out, UNSIGNED, number),
        Err(_) => head(out, NEGATIVE, !number as u64),
    }
}

fn double(out: &mut Vec<u8>, number: f64) {
    out.push(0xfb);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Writes an item's first bytes: its major type and its number, as short as they can be.
fn head(out: &mut Vec<u8>, major: u8, number: u64) {
    let major = major << 5;
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, number as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

//! Seeded values of any schema, and the Query form that a client would send for one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use wire::schema::{Kind, Schema};
use wire::{Operation, OperationModel, Value};

/// SplitMix64: enough randomness for test data, from a seed that a failure prints.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn text(&mut self) -> String {
        const LETTERS: &[char] =
            &['a', 'Z', '0', ' ', '&', '=', '+', '.', '<', '"', '\\', '\n', 'é', '漢', '😀', '%'];
        (0..self.below(8)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }
}

/// A value of `schema`.
pub fn value(random: &mut Random, schema: &Schema, depth: usize) -> Value {
    match &schema.kind {
        Kind::Boolean => Value::Bool(random.below(2) == 1),
        Kind::Integer => Value::Integer((random.next() as i32).into()),
        Kind::Long => Value::Integer(random.next() as i64),
        Kind::Float => Value::Float((random.next() as i32 as f32 / 64.0).into()),
        Kind::Double => Value::Float(random.next() as i64 as f64 / 1024.0),
        Kind::String => Value::String(random.text()),
        Kind::Blob => Value::Blob((0..random.below(9)).map(|_| random.next() as u8).collect()),
        Kind::Timestamp(_) => Value::Timestamp(random.below(4_000_000_000_000) as i64),
        Kind::Document => Value::String(random.text()),
        Kind::List(list) => {
            Value::List((0..random.below(3)).map(|_| value(random, list.item, depth + 1)).collect())
        }
        Kind::Map(map) => Value::Map(
            (0..1 + random.below(3))
                .map(|n| (format!("{n}{}", random.text()).into(), value(random, map.value, depth + 1)))
                .collect(),
        ),
        Kind::Structure(structure) => {
            let chance = 2 + depth;
            let present = structure.members.iter().filter(|_| depth < 12);
            let mut members = Vec::new();
            for member in present {
                if random.below(chance) == 0 {
                    members.push((member.name.into(), value(random, member.schema, depth + 1)));
                }
            }
            Value::Map(members)
        }
    }
}

/// `value` without empty lists, maps and structures, which a form cannot carry.
pub fn without_empty(value: Value) -> Option<Value> {
    match value {
        Value::List(items) => {
            let items: Vec<Value> = items.into_iter().filter_map(without_empty).collect();
            (!items.is_empty()).then_some(Value::List(items))
        }
        Value::Map(members) => {
            let members: Vec<_> =
                members.into_iter().filter_map(|(name, value)| Some((name, without_empty(value)?))).collect();
            (!members.is_empty()).then_some(Value::Map(members))
        }
        leaf => Some(leaf),
    }
}

/// The form that a client of Query (or of EC2) sends for `value`.
pub fn form(schema: &Schema, value: &Value, ec2: bool) -> String {
    let mut pairs = Vec::new();
    write_form(&mut pairs, schema, value, String::new(), ec2);
    let escape = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

fn write_form(out: &mut Vec<(String, String)>, schema: &Schema, value: &Value, prefix: String, ec2: bool) {
    let below = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match (value, &schema.kind) {
        (Value::Map(members), Kind::Structure(structure)) => {
            for (name, value) in members {
                let member = structure.members.iter().find(|member| member.name == name).expect("a member");
                let plain = member.wire_name.unwrap_or(member.name);
                let name = match &member.schema.kind {
                    _ if ec2 => member.query_name.unwrap_or(member.name),
                    Kind::List(list) if list.flattened => list.item_name.unwrap_or(plain),
                    _ => plain,
                };
                write_form(out, member.schema, value, below(name), ec2);
            }
        }
        (Value::List(items), Kind::List(list)) => {
            for (at, item) in (1..).zip(items) {
                let place = match list.flattened || ec2 {
                    true => format!("{prefix}.{at}"),
                    false => format!("{prefix}.{}.{at}", list.item_name.unwrap_or("member")),
                };
                write_form(out, list.item, item, place, ec2);
            }
        }
        (Value::Map(entries), Kind::Map(map)) => {
            for (at, (key, value)) in (1..).zip(entries) {
                let place =
                    if map.flattened { format!("{prefix}.{at}") } else { format!("{prefix}.entry.{at}") };
                out.push((format!("{place}.{}", map.key_name.unwrap_or("key")), key.to_string()));
                write_form(
                    out,
                    map.value,
                    value,
                    format!("{place}.{}", map.value_name.unwrap_or("value")),
                    ec2,
                );
            }
        }
        (Value::Timestamp(ms), _) => out.push((prefix, wire::protocol::format_iso8601(*ms))),
        (Value::Blob(bytes), _) => out.push((prefix, BASE64.encode(bytes))),
        (Value::String(text), _) => out.push((prefix, text.clone())),
        (Value::Bool(flag), _) => out.push((prefix, flag.to_string())),
        (Value::Integer(number), _) => out.push((prefix, number.to_string())),
        (Value::Float(number), _) => out.push((prefix, number.to_string())),
        (value, _) => panic!("{value:?} is no {}", schema.name),
    }
}

/// An operation whose input is `schema` and whose output is the same.
pub fn echo(schema: &'static Schema) -> OperationModel {
    OperationModel { input: Some(schema), output: Some(schema), ..*wire::sts::GetCallerIdentity::MODEL }
}

/// Every input and output schema of every served operation.
pub fn schemas() -> Vec<&'static Schema> {
    let operations = wire::generated::SERVICES.iter().flat_map(|service| service.operations);
    operations.flat_map(|operation| operation.input.into_iter().chain(operation.output)).collect()
}

//! Seeded values of any schema, and the Query form that a client would send for one.

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

/// A value of `schema`. `least` is the least length of lists and maps: Query cannot carry empty maps.
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

/// An operation whose input is `schema` and whose output is the same.
pub fn echo(schema: &'static Schema) -> OperationModel {
    OperationModel { input: Some(schema), output: Some(schema), ..*wire::sts::GetCallerIdentity::MODEL }
}

/// Every input and output schema of every served operation.
pub fn schemas() -> Vec<&'static Schema> {
    let operations = wire::generated::SERVICES.iter().flat_map(|service| service.operations);
    operations.flat_map(|operation| operation.input.into_iter().chain(operation.output)).collect()
}

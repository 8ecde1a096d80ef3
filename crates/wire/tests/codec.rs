//! What is encoded is decoded again, and no bytes make a decoder panic.

mod support;

use proptest::prelude::*;
use support::{Random, echo, form, schemas, value, without_empty};
use wire::protocol::{self, cbor, json};
use wire::schema::{Member, Schema};
use wire::{Protocol, Shape, Value};

/// A seeded pair of a schema and a value of it.
fn sample(seed: u64) -> (&'static wire::Schema, Value) {
    let mut random = Random(seed);
    let schemas = schemas();
    let schema = schemas[random.below(schemas.len())];
    (schema, value(&mut random, schema, 0))
}

/// The same value with its members sorted.
fn sorted(value: Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(sorted).collect()),
        Value::Map(mut members) => {
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Map(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        leaf => leaf,
    }
}

/// Pieces of JSON in any order: mostly wrong, often nearly right.
fn json_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d83d",
        "de00",
        "00e9",
        "\\n",
        "true",
        "null",
        "fals",
        "0",
        "1",
        "-",
        "+",
        ".",
        "e",
        "E",
        "9",
        " ",
        "\n",
        "é",
        "\"k\":",
        "[1,2]",
        "{\"k\":[]}",
        "\"s\"",
        "-0.5e+3",
        "\u{1}",
        "/",
    ]);
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_reads_what_it_writes(seed: u64) {
        let (schema, value) = sample(seed);
        let bytes = json::encode(&echo(schema), &value);
        prop_assert_eq!(json::decode(&echo(schema), &bytes), Ok(value));
    }

    #[test]
    fn cbor_reads_what_it_writes(seed: u64) {
        let (schema, value) = sample(seed);
        let bytes = cbor::encode(&echo(schema), &value);
        prop_assert_eq!(cbor::decode(&echo(schema), &bytes), Ok(value));
    }

    #[test]
    fn forms_are_read_as_they_were_meant(seed: u64) {
        let (schema, value) = sample(seed);
        let value = without_empty(value).unwrap_or(Value::Map(Vec::new()));
        for (protocol, ec2) in [(Protocol::Query, false), (Protocol::Ec2, true)] {
            let form = form(schema, &value, ec2);
            let read = protocol::decode(protocol, &echo(schema), form.as_bytes());
            // Structures come in the model's order, whatever the form's.
            prop_assert_eq!(read.map(sorted), Ok(sorted(value.clone())), "{}", form);
        }
    }

    #[test]
    fn typed_shapes_keep_every_member(seed: u64) {
        fn check<T: Shape + PartialEq + std::fmt::Debug>(seed: u64) {
            let value = value(&mut Random(seed), T::SCHEMA, 0);
            // Samples leave out required members; those are not this test's business.
            if let Ok(shape) = T::from_value(value.clone()) {
                let echo = echo(T::SCHEMA);
                // Through JSON, because a typed shape has no difference between long and timestamp.
                let through = json::decode(&echo, &json::encode(&echo, &shape.into_value()));
                assert_eq!(through, Ok(value));
            }
        }
        check::<wire::ecs::Task>(seed);
        check::<wire::ecs::ContainerDefinition>(seed);
        check::<wire::ecs::DescribeServicesResponse>(seed);
        check::<wire::ec2::DescribeSecurityGroupsResult>(seed);
        check::<wire::logs::FilterLogEventsResponse>(seed);
        check::<wire::sts::AssumeRoleResponse>(seed);
    }

    #[test]
    fn json_is_what_serde_json_takes(text in json_like()) {
        static ANY: Schema = Schema::document("Any");
        static BODY: Schema = Schema::structure("Body", &[Member::new("a", &ANY)]);
        let body = format!("{{\"a\":{text}}}");
        let ours = json::decode(&echo(&BODY), body.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&body);
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: {:?} {:?}", body, ours, theirs);
        // An unknown member is passed over by the same rules.
        let unknown = format!("{{\"b\":{text}}}");
        prop_assert_eq!(json::decode(&echo(&BODY), unknown.as_bytes()).is_ok(), theirs.is_ok(), "{}", unknown);
        if let (Ok(ours), Ok(theirs)) = (&ours, theirs) {
            let text = ours.get("a").and_then(Value::as_str);
            prop_assert!(text.is_none() || text == theirs["a"].as_str(), "{}: {:?}", body, text);
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(seed: u64, bytes: Vec<u8>) {
        let (schema, _) = sample(seed);
        for protocol in [Protocol::Json, Protocol::Query, Protocol::Ec2, Protocol::Cbor] {
            let _ = protocol::decode(protocol, &echo(schema), &bytes);
        }
    }

    #[test]
    fn no_damaged_body_makes_a_decoder_panic(seed: u64, at: u16, byte: u8) {
        let (schema, value) = sample(seed);
        for protocol in [Protocol::Json, Protocol::Cbor] {
            let service = wire::cloudwatch::SERVICE;
            let mut bytes = protocol::encode(protocol, service, &echo(schema), &value, "r");
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
            let _ = protocol::decode(protocol, &echo(schema), &bytes);
            bytes.truncate(at);
            let _ = protocol::decode(protocol, &echo(schema), &bytes);
        }
    }
}

//! Bodies that mean harm or are merely wrong, and what each is answered.

use wire::protocol::{Error, cbor, ec2query, json, query};
use wire::{Operation, Value, cloudwatch, ec2, ecs, logs, sts};

fn run_task(body: &str) -> Result<Value, Error> {
    json::decode(ecs::RunTask::MODEL, body.as_bytes())
}

#[test]
fn json_of_the_wrong_type_is_refused_with_its_path() {
    let check = |body: &str, path: &str, reason: &str| match run_task(body) {
        Err(Error::Type { path: found, reason: said }) => {
            assert_eq!((found.as_str(), said.as_str()), (path, reason))
        }
        other => panic!("{body}: {other:?}"),
    };
    check(r#"{"count":"1"}"#, "count", "STRING_VALUE can not be converted to an Integer");
    check(r#"{"cluster":7}"#, "cluster", "NUMBER_VALUE can not be converted to a String");
    check(r#"{"tags":{}}"#, "tags", "Start of structure or map found where not expected.");
    check(r#"{"tags":[{"key":true}]}"#, "tags[0].key", "TRUE_VALUE can not be converted to a String");
    check(r#"{"count":2147483648}"#, "count", "Number is out of range for an integer");
    check(r#"{"count":1.5}"#, "count", "Number is out of range for an integer");
    check(r#"[]"#, "", "Start of structure expected.");
}

#[test]
fn json_that_is_none_is_a_syntax_error() {
    for body in ["{", "{\"a\"", "nul", "{\"count\":1e999}", "\u{feff}{}", "{\"cluster\":\"\\ud800\"}"] {
        assert!(matches!(run_task(body), Err(Error::Syntax { .. })), "{body}");
    }
    assert!(matches!(
        json::decode(ecs::RunTask::MODEL, b"{\"cluster\":\"\xff\"}"),
        Err(Error::Syntax { .. })
    ));
}

#[test]
fn lines_of_a_log_need_not_be_utf8() {
    let body = b"{\"logGroupName\":\"a\xff\xfe\xc3\xa9\"}";
    let read = json::decode(logs::PutLogEvents::MODEL, body).expect("any bytes will do");
    assert_eq!(read.get("logGroupName"), Some(&Value::String("a\u{fffd}\u{fffd}\u{e9}".to_owned())));
}

#[test]
fn json_forgives_what_aws_forgives() {
    let none = Ok(Value::Map(Vec::new()));
    assert_eq!(run_task(""), none);
    assert_eq!(run_task(r#"{"cluster":null,"surprise":[{"deep":1}]}"#), none);
    let one = run_task(r#"{"count":1.0}"#).expect("a whole number");
    assert_eq!(one.get("count"), Some(&Value::Integer(1)));
    let last = run_task(r#"{"cluster":"a","cluster":"b"}"#).expect("a repeated key");
    assert_eq!(last.get("cluster"), Some(&"b".into()));
}

#[test]
fn depth_is_bounded_in_every_protocol() {
    let json = "{\"x\":".repeat(100_000);
    assert_eq!(run_task(&json), Err(Error::Depth));
    let mut cbor = vec![0xa1, 0x61, b'x'];
    cbor.extend(std::iter::repeat_n(0x9f, 100_000));
    assert_eq!(cbor::decode(ecs::RunTask::MODEL, &cbor), Err(Error::Depth));
    let form = format!("A{}=1", ".1".repeat(100_000));
    assert_eq!(query::decode(sts::AssumeRole::MODEL, form.as_bytes()), Err(Error::Depth));
    assert_eq!(ec2query::decode(ec2::DescribeVpcs::MODEL, form.as_bytes()), Err(Error::Depth));
}

#[test]
fn lengths_in_cbor_are_not_believed() {
    // {"tags": an array, a text, bytes or a map of 2^64-1}
    for head in [0x9b, 0x7b, 0x5b, 0xbb] {
        let mut body = vec![0xa1, 0x64, b't', b'a', b'g', b's', head];
        body.extend([0xff; 8]);
        assert!(cbor::decode(ecs::RunTask::MODEL, &body).is_err());
    }
}

#[test]
fn indefinite_cbor_is_read() {
    // {_ "cluster": (_ "de", "fault"), "count": 2.0 as a half, "unknown": {_ }}
    let body = b"\xbf\x67cluster\x7f\x62de\x65fault\xff\x65count\xf9\x40\x00\x67unknown\xbf\xff\xff";
    let value = cbor::decode(ecs::RunTask::MODEL, body).expect("a body");
    assert_eq!(value.get("cluster"), Some(&"default".into()));
    assert_eq!(value.get("count"), Some(&Value::Integer(2)));
    assert_eq!(value.get("unknown"), None);
}

#[test]
fn query_indices_cost_nothing() {
    let body = b"PolicyArns.member.18446744073709551615.arn=b&PolicyArns.member.1.arn=a";
    let value = query::decode(sts::AssumeRole::MODEL, body).expect("a form");
    let Some(Value::List(arns)) = value.get("PolicyArns") else { panic!("{value:?}") };
    assert_eq!(
        arns.iter().map(|arn| arn.get("arn").and_then(Value::as_str)).collect::<Vec<_>>(),
        [Some("a"), Some("b")]
    );
}

#[test]
fn query_answers_and_errors_have_aws_form() {
    let output = Value::Map(vec![("Account".into(), "123456789012".into()), ("Arn".into(), "a<b&\r".into())]);
    let xml = query::encode(sts::SERVICE, sts::GetCallerIdentity::MODEL, &output, "id-1");
    assert_eq!(
        String::from_utf8(xml).expect("UTF-8"),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Account>123456789012</Account><Arn>a&lt;b&amp;&#13;</Arn></GetCallerIdentityResult><ResponseMetadata>\
         <RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    );
    let error =
        wire::protocol::ErrorAnswer { code: "ExpiredTokenException", message: "m", sender: true, extra: &[] };
    let xml = query::encode_error(sts::SERVICE, &error, "id-1");
    assert_eq!(
        String::from_utf8(xml).expect("UTF-8"),
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>ExpiredTokenException</Code><Message>m</Message></Error><RequestId>id-1</RequestId></ErrorResponse>"
    );
    let xml = ec2query::encode(ec2::SERVICE, ec2::DeleteVpc::MODEL, &Value::Null, "id-1");
    assert!(
        String::from_utf8(xml).expect("UTF-8").contains("<requestId>id-1</requestId><return>true</return>")
    );
}

#[test]
fn query_compatible_services_name_the_old_code() {
    let error =
        wire::protocol::ErrorAnswer { code: "ResourceNotFound", message: "m", sender: true, extra: &[] };
    let header = wire::protocol::query_error_header(wire::Protocol::Cbor, cloudwatch::SERVICE, &error);
    assert_eq!(header.as_deref(), Some("ResourceNotFound;Sender"));
    assert_eq!(wire::protocol::query_error_header(wire::Protocol::Json, ecs::SERVICE, &error), None);
}

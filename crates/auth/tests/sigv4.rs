//! Signatures that AWS publishes in its `sigv4` test suite, and what must be refused.

use auth::sigv4::{Message, Presented, Signer, hash, sign};
use auth::{AccessKey, Rejection, Secret};
use model::Timestamp;

const DATE: &str = "20150830T123600Z";
const NOW: Timestamp = Timestamp::from_millis(1_440_938_160_000);

fn secret() -> Secret {
    Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

fn verified(message: &Message<'_>, service: &str, body: &[u8], now: Timestamp) -> Result<(), Rejection> {
    let presented = Presented::read(message)?;
    presented.check(service, now)?;
    presented.verify(message, &secret(), &hash(body))
}

fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders={signed_headers}, Signature={signature}"
    )
}

fn check(
    method: &str,
    target: (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
    (signed, signature): (&str, &str),
) -> Result<(), Rejection> {
    let authorization = authorization(signed, signature);
    let mut all = vec![("host", "example.amazonaws.com"), ("x-amz-date", DATE)];
    all.extend_from_slice(headers);
    all.push(("authorization", &authorization));
    let message = Message { method, path: target.0, query: target.1, headers: &all };
    verified(&message, "service", body, NOW)
}

#[test]
fn the_published_signatures_are_accepted() {
    let plain = "host;x-amz-date";
    for (name, method, target, headers, body, signed, signature) in [
        (
            "get-vanilla",
            "GET",
            ("/", ""),
            &[][..],
            &b""[..],
            plain,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET",
            ("/", "Param2=value2&Param1=value1"),
            &[],
            b"",
            plain,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "post-vanilla",
            "POST",
            ("/", ""),
            &[],
            b"",
            plain,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "get-header-value-trim",
            "GET",
            ("/", ""),
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            b"",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST",
            ("/", ""),
            &[("content-type", "application/x-www-form-urlencoded")],
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        assert_eq!(check(method, target, headers, body, (signed, signature)), Ok(()), "{name}");
    }
}

#[test]
fn any_change_is_noticed() {
    let vanilla = ("host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    assert_eq!(check("GET", ("/", ""), &[], b"", vanilla), Ok(()));
    assert_eq!(check("PUT", ("/", ""), &[], b"", vanilla), Err(Rejection::Mismatch));
    assert_eq!(check("GET", ("/x", ""), &[], b"", vanilla), Err(Rejection::Mismatch));
    assert_eq!(check("GET", ("/", "a=b"), &[], b"", vanilla), Err(Rejection::Mismatch));
    assert_eq!(check("GET", ("/", ""), &[], b"x", vanilla), Err(Rejection::Mismatch));
    let added = check("GET", ("/", ""), &[("x-amz-target", "T")], b"", vanilla);
    assert!(matches!(added, Err(Rejection::Scope(text)) if text.contains("x-amz-target")));
    let short = ("host;x-amz-date", "5fa0");
    assert_eq!(check("GET", ("/", ""), &[], b"", short), Err(Rejection::Mismatch));
}

#[test]
fn a_claimed_payload_hash_must_be_the_bodys() {
    let signed = |claimed: &str| {
        let headers = [("host", "h"), ("x-amz-date", DATE), ("x-amz-content-sha256", claimed)];
        let message = Message { method: "POST", path: "/", query: "", headers: &headers };
        let key = AccessKey { id: "AKIDEXAMPLE".into(), secret: secret() };
        let signer = Signer { key, region: "us-east-2".into(), service: "ecs".into() };
        let authorization = sign(&signer, &message, b"body", NOW);
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        let message = Message { headers: &all, ..message };
        verified(&message, "ecs", b"body", NOW)
    };
    assert_eq!(signed(&hash(b"body")), Ok(()));
    assert_eq!(signed(&hash(b"other")), Err(Rejection::Mismatch));
    assert_eq!(signed("UNSIGNED-PAYLOAD"), Err(Rejection::Mismatch));
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let at = |minutes: i64, seconds: i64| {
        let headers = [("host", "h"), ("x-amz-date", DATE)];
        let message = Message { method: "POST", path: "/", query: "", headers: &headers };
        let key = AccessKey { id: "AKIDEXAMPLE".into(), secret: secret() };
        let signer = Signer { key, region: "us-east-2".into(), service: "ecs".into() };
        let authorization = sign(&signer, &message, b"", NOW);
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        let message = Message { headers: &all, ..message };
        let now = Timestamp::from_millis(NOW.as_millis() + (minutes * 60 + seconds) * 1000);
        verified(&message, "ecs", b"", now)
    };
    assert_eq!(at(5, 0), Ok(()));
    assert_eq!(at(-5, 0), Ok(()));
    assert_eq!(
        at(5, 1),
        Err(Rejection::Stale(
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
             (20150830T124101Z - 5 min.)"
                .into()
        ))
    );
    assert!(
        matches!(at(-6, 0), Err(Rejection::Stale(text)) if text.starts_with("Signature not yet current"))
    );
}

#[test]
fn incomplete_signatures_say_what_is_missing() {
    let read = |headers: &[(&str, &str)], query: &str| {
        Presented::read(&Message { method: "GET", path: "/", query, headers })
    };
    assert_eq!(read(&[("host", "h")], ""), Err(Rejection::Missing));
    let refused = |headers: &[(&str, &str)], query: &str, expected: &str| match read(headers, query) {
        Err(Rejection::Incomplete(text)) => assert!(text.contains(expected), "{text}"),
        other => panic!("{other:?}"),
    };
    refused(&[("authorization", "Basic QVdT")], "", "not 'Basic'");
    refused(&[("authorization", "AWS4-HMAC-SHA256 Signature=x")], "", "requires 'Credential' parameter");
    let all = authorization("host", "x");
    refused(&[("authorization", &all)], "", "'X-Amz-Date' or a 'Date' header");
    refused(&[("authorization", &all), ("date", "noon")], "", "basic format");
    let short = "AWS4-HMAC-SHA256 Credential=A/B, SignedHeaders=host, Signature=x";
    refused(&[("authorization", short), ("x-amz-date", DATE)], "", "exactly 5 slash-delimited");
    refused(&[], "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a", "requires 'X-Amz-Date'");
}

#[test]
fn the_scope_must_fit() {
    let with = |credential: &str, service: &str| {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=x");
        let headers = [("host", "h"), ("x-amz-date", DATE), ("authorization", header.as_str())];
        let message = Message { method: "GET", path: "/", query: "", headers: &headers };
        match Presented::read(&message).unwrap().check(service, NOW) {
            Err(Rejection::Scope(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let check =
        |credential, expected: &str| assert!(with(credential, "ecs").contains(expected), "{expected}");
    check("A/20150830/us-east-1/ecs/aws3_request", "valid terminator: 'aws4_request', not 'aws3_request'");
    check("A/20150830/us-east-1/sqs/aws4_request", "correct service: 'ecs'");
    check("A/20150830//ecs/aws4_request", "valid region");
    check("A/20150831/us-east-1/ecs/aws4_request", "'20150831' != '20150830', from '20150830T123600Z'");
}

#[test]
fn presigned_requests_end_when_they_say() {
    // Made with botocore 1.44.5's SigV4QueryAuth for `GET /?Action=GetCallerIdentity&Version=2011-06-15`.
    let query = include_str!("presigned.query").trim();
    let at = |seconds: i64| {
        let headers = [("host", "127.0.0.1:4566")];
        let message = Message { method: "GET", path: "/", query, headers: &headers };
        let now = Timestamp::from_millis(NOW.as_millis() + seconds * 1000);
        verified(&message, "sts", b"", now)
    };
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(60), Ok(()));
    assert_eq!(at(61), Err(Rejection::Expired));
    assert!(matches!(at(-301), Err(Rejection::Stale(_))));
}

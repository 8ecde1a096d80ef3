//! What the documentation says about patterns, case by case: `fixtures/filter-patterns.tsv`.

use std::collections::HashMap;

use super::Pattern;
use crate::need::Predicate;
use crate::segment::TermFilter;

const CASES: &str = include_str!("../../fixtures/filter-patterns.tsv");

/// What happened, in the words of the table.
fn outcome(pattern: &str, message: &str) -> (&'static str, String) {
    match Pattern::parse(pattern) {
        Err(error) => ("refuse", error.to_string()),
        Ok(pattern) if pattern.matches(message) => {
            assert!(pattern.extract(message).is_some(), "{pattern:?}");
            // A message that matches must never be hidden by what the pattern needs.
            let mut filter = TermFilter::new();
            filter.add(message.as_bytes());
            filter.shrink();
            let may = crate::need::Probe::new(pattern.need()).may_be_in(&filter);
            assert!(pattern.need().holds(message) && may, "{pattern:?} hides {message}");
            ("match", message.to_owned())
        }
        Ok(_) => ("miss", message.to_owned()),
    }
}

#[test]
fn patterns_do_what_the_documentation_says() {
    let mut documents: HashMap<&str, &str> = HashMap::new();
    let mut count = 0;
    let mut wrong = Vec::new();
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        if let [name, document] = columns[..] {
            documents.insert(name, document);
            continue;
        }
        let [source, expected, pattern, text] = columns[..] else { panic!("four columns: {line}") };
        let text = documents.get(text).copied().unwrap_or(text);
        let message = if expected == "refuse" { "" } else { text };
        if outcome(pattern, message) != (expected, text.to_owned()) {
            wrong.push(format!(
                "{source}: {pattern} | {text}: {:?}, not {expected}",
                outcome(pattern, message)
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 150, "{count} cases");
}

#[test]
fn named_values_are_extracted() {
    let line = r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    let pattern = "[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]";
    let values = Pattern::parse(pattern).unwrap().extract(line).unwrap();
    let expected = [
        ("$bytes", "1534"),
        ("$ip", "127.0.0.1"),
        ("$request", "GET /index.html HTTP/1.0"),
        ("$status_code", "404"),
        ("$timestamp", "10/Oct/2000:13:25:15 -0700"),
        ("$user", "Prod"),
        ("$username", "frank"),
    ];
    assert_eq!(values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    let values = Pattern::parse("{ $.latency = * }").unwrap().extract(r#"{"latency":50}"#).unwrap();
    assert_eq!(values["$.latency"], "50");
}

#[test]
fn escapes_in_json_hide_nothing() {
    for message in [r#"{"path":"\/a\/b"}"#, r#"{"p\u0061th":"\u002fa/b"}"#, r#"{"path":"/a/b"}"#] {
        assert_eq!(outcome(r#"{ $.path = "/a/b" }"#, message).0, "match", "{message}");
    }
}

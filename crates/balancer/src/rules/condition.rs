//! The conditions of a rule.

use std::net::IpAddr;

use http::HeaderName;
use wire::link::{AddressBlock, RouteCondition};

use super::Head;
use super::pattern::{Case, Escape, Pattern};

/// A compiled condition.
#[derive(Debug)]
pub enum Condition {
    /// The host.
    Host(Vec<Pattern>),
    /// The path.
    Path(Vec<Pattern>),
    /// A header. Without a name it is one that no request can have.
    Header(Option<HeaderName>, Vec<Pattern>),
    /// The method.
    Method(Vec<String>),
    /// A query parameter.
    Query(Vec<(Option<Pattern>, Pattern)>),
    /// The client's address.
    Source(Vec<AddressBlock>),
}

impl Condition {
    /// Compiles a condition.
    pub fn new(condition: &RouteCondition) -> Condition {
        match condition {
            RouteCondition::HostHeader { values } => Condition::Host(folded(values)),
            RouteCondition::PathPattern { values } => {
                Condition::Path(values.iter().map(|v| Pattern::new(v, Case::Matters, Escape::None)).collect())
            }
            RouteCondition::HttpHeader { name, values } => {
                Condition::Header(name.parse().ok(), folded(values))
            }
            RouteCondition::HttpRequestMethod { values } => Condition::Method(values.clone()),
            RouteCondition::QueryString { values } => {
                let escaped = |text: &String| Pattern::new(text, Case::Folded, Escape::Backslash);
                let pairs = values.iter().map(|pair| (pair.key.as_ref().map(escaped), escaped(&pair.value)));
                Condition::Query(pairs.collect())
            }
            RouteCondition::SourceIp { values } => Condition::Source(values.clone()),
        }
    }

    /// Whether it holds.
    pub fn holds(&self, head: &Head<'_>) -> bool {
        match self {
            Condition::Host(patterns) => any(patterns, head.host.as_bytes()),
            Condition::Path(patterns) => any(patterns, head.path.as_bytes()),
            Condition::Header(None, _) => false,
            Condition::Header(Some(name), patterns) => {
                head.headers.get_all(name).iter().any(|value| any(patterns, value.as_bytes()))
            }
            Condition::Method(methods) => methods.iter().any(|method| method == head.method),
            Condition::Query(pairs) => query_holds(pairs, head.query.unwrap_or_default()),
            Condition::Source(blocks) => blocks.iter().any(|block| contains(block, head.client)),
        }
    }
}

fn folded(values: &[String]) -> Vec<Pattern> {
    values.iter().map(|value| Pattern::new(value, Case::Folded, Escape::None)).collect()
}

fn any(patterns: &[Pattern], text: &[u8]) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

fn query_holds(pairs: &[(Option<Pattern>, Pattern)], query: &str) -> bool {
    query.split('&').filter(|part| !part.is_empty()).any(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        pairs.iter().any(|(wanted, pattern)| {
            wanted.as_ref().is_none_or(|wanted| wanted.matches(key.as_bytes()))
                && pattern.matches(value.as_bytes())
        })
    })
}

fn contains(block: &AddressBlock, address: IpAddr) -> bool {
    match (block.address, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(block.prefix.min(32))).unwrap_or(0);
            first.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(block.prefix.min(128))).unwrap_or(0);
            first.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use wire::link::QueryPattern;

    use super::*;

    fn check(condition: &RouteCondition, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.append("x-tier", HeaderValue::from_static("silver"));
        headers.append("x-tier", HeaderValue::from_static("Gold"));
        let head = Head {
            method: "GET",
            host: "API.example.com",
            path: "/v1/Things",
            query: Some("a=1&Version=v2&flag"),
            headers: &headers,
            client: "10.1.2.3".parse().unwrap(),
        };
        assert_eq!(Condition::new(condition).holds(&head), expected, "{condition:?}");
    }

    fn values(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn hosts_and_headers_fold_case_and_paths_do_not() {
        check(&RouteCondition::HostHeader { values: values(&["web.*", "api.EXAMPLE.*"]) }, true);
        check(&RouteCondition::PathPattern { values: values(&["/v1/things"]) }, false);
        check(&RouteCondition::PathPattern { values: values(&["/v?/Things"]) }, true);
        check(&RouteCondition::HttpHeader { name: "X-Tier".into(), values: values(&["g*"]) }, true);
        check(&RouteCondition::HttpHeader { name: "X-Other".into(), values: values(&["*"]) }, false);
        check(&RouteCondition::HttpRequestMethod { values: values(&["POST", "GET"]) }, true);
        check(&RouteCondition::HttpRequestMethod { values: values(&["get"]) }, false);
    }

    #[test]
    fn a_query_is_matched_by_pair() {
        let query = |key: Option<&str>, value: &str| RouteCondition::QueryString {
            values: vec![QueryPattern { key: key.map(str::to_owned), value: value.to_owned() }],
        };
        check(&query(Some("version"), "V*"), true);
        check(&query(Some("version"), "1"), false);
        check(&query(None, "1"), true);
        check(&query(Some("flag"), ""), true);
        check(&query(Some("gone"), "*"), false);
    }

    #[test]
    fn blocks_hold_their_addresses() {
        let source = |address: &str, prefix| RouteCondition::SourceIp {
            values: vec![AddressBlock { address: address.parse().unwrap(), prefix }],
        };
        check(&source("10.0.0.0", 8), true);
        check(&source("10.1.2.3", 32), true);
        check(&source("10.1.2.4", 32), false);
        check(&source("0.0.0.0", 0), true);
        check(&source("::", 0), false);
    }
}

//! Conditions: an operator, a key, and the values that the key is held against.
//!
//! A key that the request does not have fails a condition, but not a negated one, not one that
//! ends in `IfExists`, and not `ForAllValues`.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::document::{Malformed, malformed, texts};
use super::evaluate::Request;
use super::pattern::Pattern;

/// One key of a condition block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    test: Test,
    quantifier: Quantifier,
    if_exists: bool,
    key: String,
    values: Vec<Pattern>,
}

/// How a request's several values are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    None,
    ForAll,
    ForAny,
}

/// What is asked, and whether the answer is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Test {
    how: How,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Text,
    TextAnyCase,
    Like,
    Arn,
    Bool,
    Address,
    Null,
    Number(Order),
    Date(Order),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Reads a condition block.
    pub(super) fn parse_all(operators: &Map<String, Value>, variables: bool) -> Result<Vec<Self>, Malformed> {
        let mut all = Vec::new();
        for (operator, keys) in operators {
            let (quantifier, rest) = match operator.split_once(':') {
                Some(("ForAllValues", rest)) => (Quantifier::ForAll, rest),
                Some(("ForAnyValue", rest)) => (Quantifier::ForAny, rest),
                Some(_) | None => (Quantifier::None, operator.as_str()),
            };
            let (name, if_exists) = match rest.strip_suffix("IfExists") {
                Some(name) => (name, true),
                None => (rest, false),
            };
            let unknown = || malformed(format!("Invalid Condition type : {operator}"));
            let test = Test::named(name).ok_or_else(unknown)?;
            let Value::Object(keys) = keys else { return Err(unknown()) };
            for (key, values) in keys {
                let values = texts(values)?.iter().map(|text| Pattern::parse(text, variables)).collect();
                all.push(Condition { test, quantifier, if_exists, key: key.to_ascii_lowercase(), values });
            }
        }
        Ok(all)
    }

    /// Whether the request satisfies it.
    pub(super) fn holds(&self, request: &Request<'_>) -> bool {
        let given = request.values(&self.key).unwrap_or_default();
        if self.test.how == How::Null {
            let absent = given.is_empty();
            return self
                .values
                .iter()
                .any(|wanted| wanted.text(request).is_some_and(|text| (text == "true") == absent));
        }
        if given.is_empty() {
            return match self.quantifier {
                Quantifier::ForAll => true,
                Quantifier::ForAny => self.if_exists,
                Quantifier::None => self.if_exists || self.test.negated,
            };
        }
        let one = |value: &String| {
            let found = self.values.iter().any(|wanted| self.test.how.compares(value, wanted, request));
            found != self.test.negated
        };
        match (self.quantifier, self.test.negated) {
            (Quantifier::ForAll, _) | (Quantifier::None, true) => given.iter().all(one),
            (Quantifier::ForAny, _) | (Quantifier::None, false) => given.iter().any(one),
        }
    }
}

impl Test {
    fn named(name: &str) -> Option<Test> {
        let plain = |how| Some(Test { how, negated: false });
        let negated = |how| Some(Test { how, negated: true });
        match name {
            "StringEquals" | "BinaryEquals" => plain(How::Text),
            "StringNotEquals" => negated(How::Text),
            "StringEqualsIgnoreCase" => plain(How::TextAnyCase),
            "StringNotEqualsIgnoreCase" => negated(How::TextAnyCase),
            "StringLike" => plain(How::Like),
            "StringNotLike" => negated(How::Like),
            "ArnEquals" | "ArnLike" => plain(How::Arn),
            "ArnNotEquals" | "ArnNotLike" => negated(How::Arn),
            "Bool" => plain(How::Bool),
            "Null" => plain(How::Null),
            "IpAddress" => plain(How::Address),
            "NotIpAddress" => negated(How::Address),
            _ => Test::ordered(name),
        }
    }

    fn ordered(name: &str) -> Option<Test> {
        let (rest, how): (&str, fn(Order) -> How) =
            match (name.strip_prefix("Numeric"), name.strip_prefix("Date")) {
                (Some(rest), _) => (rest, How::Number),
                (None, Some(rest)) => (rest, How::Date),
                (None, None) => return None,
            };
        let order = match rest {
            "Equals" | "NotEquals" => Order::Equal,
            "LessThan" => Order::Less,
            "LessThanEquals" => Order::LessOrEqual,
            "GreaterThan" => Order::Greater,
            "GreaterThanEquals" => Order::GreaterOrEqual,
            _ => return None,
        };
        Some(Test { how: how(order), negated: rest == "NotEquals" })
    }
}

impl How {
    fn compares(self, value: &str, wanted: &Pattern, request: &Request<'_>) -> bool {
        let text = || wanted.text(request);
        match self {
            How::Text => text().is_some_and(|text| text == value),
            How::TextAnyCase | How::Bool => text().is_some_and(|text| text.eq_ignore_ascii_case(value)),
            How::Like => wanted.matches(value, request),
            How::Arn => wanted.matches_arn(value, request),
            How::Address => text().is_some_and(|block| is_in(value, &block)),
            How::Number(order) => {
                let numbers =
                    text().and_then(|text| Some((value.parse::<f64>().ok()?, text.parse::<f64>().ok()?)));
                numbers.is_some_and(|(left, right)| order.holds(left.partial_cmp(&right)))
            }
            How::Date(order) => {
                let dates = text().and_then(|text| Some((date(value)?, date(&text)?)));
                dates.is_some_and(|(left, right)| order.holds(Some(left.cmp(&right))))
            }
            // Answered before any value is looked at.
            How::Null => false,
        }
    }
}

impl Order {
    fn holds(self, found: Option<std::cmp::Ordering>) -> bool {
        found.is_some_and(|found| match self {
            Order::Equal => found.is_eq(),
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        })
    }
}

/// ISO 8601, or seconds since the epoch.
fn date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Whether an address lies in a block such as `10.0.0.0/8`; a bare address is a block of one.
fn is_in(address: &str, block: &str) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, 32),
        IpAddr::V6(six) => (u128::from(six), 128),
    };
    let (base, prefix) = block.split_once('/').map_or((block, None), |(base, prefix)| (base, Some(prefix)));
    let (Ok(address), Ok(base)) = (address.parse::<IpAddr>(), base.parse::<IpAddr>()) else { return false };
    let ((address, width), (base, base_width)) = (bits(address), bits(base));
    let prefix = prefix.map_or(Ok(base_width), str::parse::<u32>);
    match prefix {
        Ok(0) => width == base_width,
        Ok(prefix) if prefix <= base_width => width == base_width && (address ^ base) >> (128 - prefix) == 0,
        Ok(_) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::tests::request;
    use super::super::{Decision, Document, evaluate};
    use super::*;

    fn check(condition: &str, context: &[(&str, &[&str])], expected: bool) {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Condition":{condition}}}}}"#
        );
        let document = Document::parse(&text).unwrap();
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let context = context.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect();
        let request = Request { context: &context, ..request() };
        let allowed = evaluate([&document], &request) == Decision::Allowed;
        assert_eq!(allowed, expected, "{condition} {context:?}");
    }

    #[test]
    fn single_values() {
        let cluster = ("ecs:cluster", &["arn:aws:ecs:us-east-2:123456789012:cluster/web"][..]);
        check(r#"{"ArnEquals":{"ecs:Cluster":"arn:aws:ecs:*:*:cluster/web"}}"#, &[cluster], true);
        check(r#"{"ArnNotLike":{"ecs:cluster":"arn:aws:ecs:*:*:cluster/web"}}"#, &[cluster], false);
        check(r#"{"StringEquals":{"a:b":["x","y"]}}"#, &[("a:b", &["y"])], true);
        check(r#"{"StringEquals":{"a:b":"*"}}"#, &[("a:b", &["y"])], false);
        check(r#"{"StringNotEquals":{"a:b":["x","y"]}}"#, &[("a:b", &["y"])], false);
        check(r#"{"StringEqualsIgnoreCase":{"a:b":"Y"}}"#, &[("a:b", &["y"])], true);
        check(r#"{"StringLike":{"a:b":"w*b"}}"#, &[("a:b", &["web"])], true);
        check(r#"{"Bool":{"aws:SecureTransport":"false"}}"#, &[("aws:securetransport", &["false"])], true);
        check(r#"{"NumericLessThan":{"ecs:task-cpu":"1024"}}"#, &[("ecs:task-cpu", &["512"])], true);
        check(r#"{"NumericGreaterThanEquals":{"ecs:task-cpu":1024}}"#, &[("ecs:task-cpu", &["512"])], false);
        check(
            r#"{"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}}"#,
            &[("aws:currenttime", &["2026-11-23T22:00:00Z"])],
            true,
        );
        check(r#"{"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}}"#, &[("aws:sourceip", &["10.1.2.3"])], true);
        check(r#"{"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}}"#, &[("aws:sourceip", &["10.2.2.3"])], false);
        check(
            r#"{"NotIpAddress":{"aws:SourceIp":"2001:db8::/32"}}"#,
            &[("aws:sourceip", &["2001:db8::1"])],
            false,
        );
    }

    #[test]
    fn absent_keys() {
        check(r#"{"StringEquals":{"a:b":"x"}}"#, &[], false);
        check(r#"{"StringNotEquals":{"a:b":"x"}}"#, &[], true);
        check(r#"{"StringEqualsIfExists":{"a:b":"x"}}"#, &[], true);
        check(r#"{"Null":{"a:b":"true"}}"#, &[], true);
        check(r#"{"Null":{"a:b":"true"}}"#, &[("a:b", &["x"])], false);
        check(r#"{"Null":{"a:b":"false"}}"#, &[("a:b", &["x"])], true);
    }

    #[test]
    fn several_values() {
        let keys = |given: &'static [&'static str]| [("aws:tagkeys", given)];
        check(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, &keys(&["a", "b"]), true);
        check(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, &keys(&["a", "c"]), false);
        check(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, &[], true);
        check(r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}"#, &keys(&["c", "b"]), true);
        check(r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}"#, &[], false);
        check(r#"{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a"]}}"#, &keys(&["a", "c"]), true);
    }
}

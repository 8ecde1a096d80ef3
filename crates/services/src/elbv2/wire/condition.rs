//! Conditions: when rules apply, read with ELB's limits and shown as ELB shows them.

use model::elbv2::{Condition, IpBlock, QueryPair};
use wire::elbv2 as shapes;

use crate::elbv2::error::Error;

/// Values that the conditions of one rule may have together.
const MOST_VALUES: usize = 5;
const FIELDS: &str = "path-pattern,host-header,http-header,http-request-method,query-string,source-ip";

/// Reads the conditions of a rule.
pub(in crate::elbv2) fn read(conditions: Vec<shapes::RuleCondition>) -> Result<Vec<Condition>, Error> {
    if conditions.is_empty() {
        return Err(Error::validation("A condition must be specified"));
    }
    let conditions = conditions.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    if conditions.iter().map(count).sum::<usize>() > MOST_VALUES {
        return Err(Error::validation(format!("A rule can only have '{MOST_VALUES}' condition values")));
    }
    let twice = |pick: fn(&Condition) -> bool| conditions.iter().filter(|it| pick(it)).count() > 1;
    for (field, pick) in [
        ("host-header", (|it| matches!(it, Condition::HostHeader(_))) as fn(&Condition) -> bool),
        ("path-pattern", |it| matches!(it, Condition::PathPattern(_))),
        ("http-request-method", |it| matches!(it, Condition::HttpRequestMethod(_))),
        ("source-ip", |it| matches!(it, Condition::SourceIp(_))),
    ] {
        if twice(pick) {
            return Err(Error::validation(format!("A rule can only have one '{field}' condition")));
        }
    }
    Ok(conditions)
}

fn count(condition: &Condition) -> usize {
    match condition {
        Condition::HostHeader(values)
        | Condition::PathPattern(values)
        | Condition::HttpRequestMethod(values)
        | Condition::HttpHeader { values, .. } => values.len(),
        Condition::QueryString(values) => values.len(),
        Condition::SourceIp(values) => values.len(),
    }
}

fn one(raw: shapes::RuleCondition) -> Result<Condition, Error> {
    let field = raw.field.clone().unwrap_or_default();
    let by_regex = raw.regex_values.is_some()
        || raw.host_header_config.as_ref().is_some_and(|config| config.regex_values.is_some())
        || raw.path_pattern_config.as_ref().is_some_and(|config| config.regex_values.is_some())
        || raw.http_header_config.as_ref().is_some_and(|config| config.regex_values.is_some());
    if by_regex {
        return Err(Error::unsupported(
            "Conditions by regular expressions ('RegexValues') are not supported",
        ));
    }
    let plain = raw.values;
    match field.as_str() {
        "host-header" => {
            let values = plain_or(plain, raw.host_header_config.and_then(|it| it.values), &field)?;
            values.iter().try_for_each(|value| host(value))?;
            Ok(Condition::HostHeader(values))
        }
        "path-pattern" => {
            let values = plain_or(plain, raw.path_pattern_config.and_then(|it| it.values), &field)?;
            values.iter().try_for_each(|value| length(value, &field, 128))?;
            Ok(Condition::PathPattern(values))
        }
        _ if plain.is_some() => {
            Err(Error::validation(format!("The 'Values' field is not compatible with '{field}'")))
        }
        "http-header" => {
            let config = raw.http_header_config.ok_or_else(|| no_config("HttpHeaderConfig", &field))?;
            let name = header_name(config.http_header_name.unwrap_or_default())?;
            let values = some(config.values, &field)?;
            values.iter().try_for_each(|value| length(value, &field, 128))?;
            Ok(Condition::HttpHeader { name, values })
        }
        "http-request-method" => {
            let config = raw.http_request_method_config;
            let config = config.ok_or_else(|| no_config("HttpRequestMethodConfig", &field))?;
            let values = some(config.values, &field)?;
            values.iter().try_for_each(|value| method(value))?;
            Ok(Condition::HttpRequestMethod(values))
        }
        "query-string" => {
            let config = raw.query_string_config.ok_or_else(|| no_config("QueryStringConfig", &field))?;
            let values = some(config.values, &field)?;
            values.into_iter().map(pair).collect::<Result<_, _>>().map(Condition::QueryString)
        }
        "source-ip" => {
            let config = raw.source_ip_config.ok_or_else(|| no_config("SourceIpConfig", &field))?;
            let values = some(config.values, &field)?;
            let block = |value: &String| {
                value.parse::<IpBlock>().map_err(|_| {
                    Error::validation(format!("The value '{value}' is not a valid IP address in CIDR format"))
                })
            };
            values.iter().map(block).collect::<Result<_, _>>().map(Condition::SourceIp)
        }
        other => Err(Error::validation(format!("Condition field '{other}' must be one of '[{FIELDS}]'"))),
    }
}

fn no_config(config: &str, field: &str) -> Error {
    Error::validation(format!("A '{config}' must be specified with '{field}'"))
}

fn some<T>(values: Option<Vec<T>>, field: &str) -> Result<Vec<T>, Error> {
    let values = values.filter(|values| !values.is_empty());
    values.ok_or_else(|| Error::validation(format!("A '{field}' value must be specified")))
}

/// Values in their older place or in the newer one, not in both.
fn plain_or(
    plain: Option<Vec<String>>,
    config: Option<Vec<String>>,
    field: &str,
) -> Result<Vec<String>, Error> {
    match (plain, config) {
        (Some(plain), Some(config)) if plain != config => Err(Error::validation(format!(
            "You cannot provide both Values and a configuration for a condition of type '{field}'"
        ))),
        (plain, config) => some(config.or(plain), field)
            .map_err(|_| Error::validation("A condition value must be specified")),
    }
}

fn length(value: &str, field: &str, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&value.chars().count()) {
        return Ok(());
    }
    Err(Error::validation(format!("The '{field}' value is too long; the limit is '{most}'")))
}

fn host(value: &str) -> Result<(), Error> {
    length(value, "host-header", 128)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.*?_".contains(&byte);
    if value.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::validation(format!(
        "The 'host-header' value '{value}' has characters that hosts may not have"
    )))
}

fn header_name(name: String) -> Result<String, Error> {
    if !(1..=40).contains(&name.len()) {
        return Err(Error::validation("The 'HttpHeaderName' value is too long; the limit is '40'"));
    }
    if name.eq_ignore_ascii_case("host") {
        return Err(Error::validation(
            "An http-header condition cannot name the host header: use 'host-header'",
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.bytes().all(allowed) {
        return Ok(name);
    }
    Err(Error::validation(format!(
        "The 'HttpHeaderName' value '{name}' has characters that names may not have"
    )))
}

fn method(value: &str) -> Result<(), Error> {
    length(value, "http-request-method", 40)?;
    if value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_') {
        return Ok(());
    }
    Err(Error::validation(
        "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore",
    ))
}

fn pair(raw: shapes::QueryStringKeyValuePair) -> Result<QueryPair, Error> {
    let value = raw
        .value
        .ok_or_else(|| Error::validation("A 'Value' must be specified in 'QueryStringKeyValuePair'"))?;
    length(&value, "Value", 128)?;
    raw.key.as_deref().map_or(Ok(()), |key| length(key, "Key", 128))?;
    Ok(QueryPair { key: raw.key, value })
}

/// A condition as answers show it.
pub(in crate::elbv2) fn write(condition: &Condition) -> shapes::RuleCondition {
    let empty = shapes::RuleCondition::default;
    match condition {
        Condition::HostHeader(values) => shapes::RuleCondition {
            field: Some("host-header".into()),
            values: Some(values.clone()),
            host_header_config: Some(shapes::HostHeaderConditionConfig {
                values: Some(values.clone()),
                regex_values: None,
            }),
            ..empty()
        },
        Condition::PathPattern(values) => shapes::RuleCondition {
            field: Some("path-pattern".into()),
            values: Some(values.clone()),
            path_pattern_config: Some(shapes::PathPatternConditionConfig {
                values: Some(values.clone()),
                regex_values: None,
            }),
            ..empty()
        },
        Condition::HttpHeader { name, values } => shapes::RuleCondition {
            field: Some("http-header".into()),
            http_header_config: Some(shapes::HttpHeaderConditionConfig {
                http_header_name: Some(name.clone()),
                values: Some(values.clone()),
                regex_values: None,
            }),
            ..empty()
        },
        Condition::HttpRequestMethod(values) => shapes::RuleCondition {
            field: Some("http-request-method".into()),
            http_request_method_config: Some(shapes::HttpRequestMethodConditionConfig {
                values: Some(values.clone()),
            }),
            ..empty()
        },
        Condition::QueryString(values) => {
            let pair = |pair: &QueryPair| shapes::QueryStringKeyValuePair {
                key: pair.key.clone(),
                value: Some(pair.value.clone()),
            };
            shapes::RuleCondition {
                field: Some("query-string".into()),
                query_string_config: Some(shapes::QueryStringConditionConfig {
                    values: Some(values.iter().map(pair).collect()),
                }),
                ..empty()
            }
        }
        Condition::SourceIp(values) => shapes::RuleCondition {
            field: Some("source-ip".into()),
            source_ip_config: Some(shapes::SourceIpConditionConfig {
                values: Some(values.iter().map(ToString::to_string).collect()),
                ip_address_type: None,
            }),
            ..empty()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: shapes::RuleCondition, expected: Result<(), &str>) {
        match (read(vec![condition]).map_err(|error| error.to_string()), expected) {
            (Ok(conditions), Ok(())) => {
                let again = read(conditions.iter().map(write).collect()).unwrap();
                assert_eq!(again, conditions, "what is shown can be given back");
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    fn plain(field: &str, values: &[&str]) -> shapes::RuleCondition {
        shapes::RuleCondition {
            field: Some(field.into()),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            ..shapes::RuleCondition::default()
        }
    }

    #[test]
    fn hosts_and_paths_come_in_either_form() {
        check(plain("path-pattern", &["/img/*"]), Ok(()));
        check(plain("host-header", &["*.example.com"]), Ok(()));
        check(plain("host-header", &["a b"]), Err("has characters"));
        check(plain("path-pattern", &[]), Err("A condition value must be specified"));
        check(plain("path-pattern", &[&"a".repeat(129)]), Err("the limit is '128'"));
        check(plain("path-pattern", &["1", "2", "3", "4", "5", "6"]), Err("'5' condition values"));
        check(plain("nonsense", &[]), Err("not compatible"));
    }

    #[test]
    fn the_others_have_their_own_configuration() {
        let method = |method: &str| shapes::RuleCondition {
            field: Some("http-request-method".into()),
            http_request_method_config: Some(shapes::HttpRequestMethodConditionConfig {
                values: Some(vec![method.into()]),
            }),
            ..shapes::RuleCondition::default()
        };
        check(method("GET"), Ok(()));
        check(method("get"), Err("allowed characters"));
        let source = |block: &str| shapes::RuleCondition {
            field: Some("source-ip".into()),
            source_ip_config: Some(shapes::SourceIpConditionConfig {
                values: Some(vec![block.into()]),
                ip_address_type: None,
            }),
            ..shapes::RuleCondition::default()
        };
        check(source("10.0.0.0/8"), Ok(()));
        check(source("10.0.0.0"), Err("CIDR"));
        let header = |name: &str| shapes::RuleCondition {
            field: Some("http-header".into()),
            http_header_config: Some(shapes::HttpHeaderConditionConfig {
                http_header_name: Some(name.into()),
                values: Some(vec!["*".into()]),
                regex_values: None,
            }),
            ..shapes::RuleCondition::default()
        };
        check(header("X-Version"), Ok(()));
        check(header("Host"), Err("use 'host-header'"));
    }
}

//! Attributes: pairs of names and values, checked against what the resource has.

use model::elbv2::{Attribute, Attributes, Values};

use crate::elbv2::error::Error;

/// Sets the named attributes. `what` names the resource's kind, as `Load balancer`.
pub(in crate::elbv2) fn set(
    before: &Attributes,
    known: &'static [Attribute],
    pairs: impl IntoIterator<Item = (Option<String>, Option<String>)>,
    what: &str,
) -> Result<Attributes, Error> {
    let mut after = before.clone();
    for (key, value) in pairs {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let attribute = known.iter().find(|attribute| attribute.key == key);
        let attribute = attribute
            .ok_or_else(|| Error::validation(format!("{what} attribute key '{key}' is not recognized")))?;
        if !attribute.values.accept(&value) {
            return Err(refusal(attribute, &value, what));
        }
        after = after.with(attribute, &value);
    }
    Ok(after)
}

fn refusal(attribute: &Attribute, value: &str, what: &str) -> Error {
    let key = attribute.key;
    match attribute.values {
        Values::Only(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            Error::unsupported(format!(
                "{what} attribute '{key}' with the value '{value}' is not supported here: it can be {}",
                words.join(" or ")
            ))
        }
        Values::Flag => Error::validation(format!("'{key}' value '{value}' must be 'true' or 'false'")),
        Values::OneOf(words) => {
            Error::validation(format!("'{key}' value '{value}' must be one of [{}]", words.join(", ")))
        }
        Values::Number(from, to) => {
            Error::validation(format!("'{key}' value '{value}' must be between '{from}-{to}' inclusive"))
        }
        Values::ZeroOr(from, to) => {
            Error::validation(format!("'{key}' value '{value}' must be 0 or between '{from}-{to}' inclusive"))
        }
        Values::OffOr(from, to) => Error::validation(format!(
            "'{key}' value '{value}' must be 'off' or between '{from}-{to}' inclusive"
        )),
        Values::Text(most) => Error::validation(format!("'{key}' can have '{most}' characters at most")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::elbv2::{LoadBalancerKind, attribute};

    fn check(key: &str, value: &str, expected: Result<(), &str>) {
        let known = attribute::of_load_balancer(LoadBalancerKind::Application);
        let pairs = [(Some(key.to_owned()), Some(value.to_owned()))];
        let found = set(&Attributes::default(), known, pairs, "Load balancer").map(drop);
        let found = found.map_err(|error| format!("{}: {error}", error.code()));
        match (found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
            (found, expected) => panic!("{key}={value}: {found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn refusals_tell_wrong_from_unsupported() {
        check("idle_timeout.timeout_seconds", "4000", Ok(()));
        check(
            "idle_timeout.timeout_seconds",
            "0",
            Err("ValidationError: 'idle_timeout.timeout_seconds' value '0'"),
        );
        check("nonsense", "1", Err("ValidationError: Load balancer attribute key 'nonsense'"));
        check("waf.fail_open.enabled", "true", Err("InvalidConfigurationRequest: "));
        check("waf.fail_open.enabled", "false", Ok(()));
    }
}

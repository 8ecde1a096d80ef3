//! Tags: what keys and values may be, and how many.

use model::ecs::Tags;
use model::ecs::tag::MAX_TAGS;
use wire::ecs as shape;

use crate::ecs::error::Error;

const MAX_KEY_LENGTH: usize = 128;
const MAX_VALUE_LENGTH: usize = 256;

/// Reads the tags of a request.
pub(crate) fn read(tags: Option<Vec<shape::Tag>>) -> Result<Tags, Error> {
    let mut all = Tags::new();
    for tag in tags.unwrap_or_default() {
        let key = tag.key.unwrap_or_default();
        let value = tag.value.unwrap_or_default();
        check(&key, &value)?;
        if all.insert(key, value).is_some() {
            return Err(invalid("Duplicate tag keys found. Tag keys must be unique."));
        }
    }
    check_count(&all)?;
    Ok(all)
}

/// Refuses more tags than a resource may carry.
pub(crate) fn check_count(tags: &Tags) -> Result<(), Error> {
    if tags.len() <= MAX_TAGS {
        return Ok(());
    }
    Err(invalid("The maximum number of tags has been reached for this resource: 50."))
}

/// Refuses the removal of tags that belong to AWS.
pub(crate) fn check_removal(keys: &[String]) -> Result<(), Error> {
    keys.iter().try_for_each(|key| check(key, ""))
}

fn check(key: &str, value: &str) -> Result<(), Error> {
    if key.is_empty() || key.chars().count() > MAX_KEY_LENGTH {
        return Err(invalid("Tag keys must be between 1 and 128 characters long."));
    }
    if value.chars().count() > MAX_VALUE_LENGTH {
        return Err(invalid("Tag values must be at most 256 characters long."));
    }
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if !key.chars().chain(value.chars()).all(allowed) {
        return Err(invalid(
            "Some tags contain invalid characters. Valid characters: UTF-8 letters, spaces, numbers and \
             _ . / = + - : @.",
        ));
    }
    if key.to_lowercase().starts_with("aws:") || value.to_lowercase().starts_with("aws:") {
        return Err(invalid("Tag keys and values cannot start with the reserved prefix aws:."));
    }
    Ok(())
}

fn invalid(message: &str) -> Error {
    Error::InvalidParameter(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&str, &str)], accepted: bool) {
        let tag = |(key, value): &(&str, &str)| shape::Tag {
            key: Some((*key).to_owned()),
            value: Some((*value).to_owned()),
        };
        assert_eq!(read(Some(pairs.iter().map(tag).collect())).is_ok(), accepted, "{pairs:?}");
    }

    #[test]
    fn tags_are_few_plain_and_unreserved() {
        check(&[("team", "übung 1/2"), ("empty", "")], true);
        check(&[("", "x")], false);
        check(&[("aws:x", "1")], false);
        check(&[("a", "1"), ("a", "2")], false);
        check(&[("a", "<")], false);
        check(&[(&"k".repeat(129), "")], false);
        check(&[("k", &"v".repeat(257))], false);
        let many: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
        check(&many, false);
        check(&many[..50], true);
    }
}

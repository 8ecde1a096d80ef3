//! Tags: what keys and values may be, and how many.

use std::collections::BTreeMap;

use wire::elbv2 as shapes;

use crate::elbv2::error::{Code, Error};

const MOST: usize = 50;

/// Reads the tags of a request.
pub(in crate::elbv2) fn read(tags: Option<Vec<shapes::Tag>>) -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    for tag in tags.unwrap_or_default() {
        let value = tag.value.unwrap_or_default();
        check(&tag.key, &value)?;
        if let Some(twice) = all.insert(tag.key.clone(), value).map(|_| tag.key) {
            let message = format!("Tag key was specified more than once: {twice}");
            return Err(Error::client(Code::DuplicateTagKeys, message));
        }
    }
    check_count(&all)?;
    Ok(all)
}

/// Refuses more tags than a resource may carry.
pub(in crate::elbv2) fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() <= MOST {
        return Ok(());
    }
    Err(Error::client(Code::TooManyTags, "The maximum number of tags on a resource is '50'"))
}

fn check(key: &str, value: &str) -> Result<(), Error> {
    if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
        return Err(Error::validation("Tag keys have 1 to 128 characters, and tag values 256 at most"));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(Error::validation(format!("Tag key '{key}' cannot begin with 'aws:'")));
    }
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if key.chars().chain(value.chars()).all(allowed) {
        return Ok(());
    }
    Err(Error::validation(format!("Tag '{key}' has characters that tags may not have")))
}

/// Tags as answers show them.
pub(in crate::elbv2) fn write(tags: &BTreeMap<String, String>) -> Vec<shapes::Tag> {
    tags.iter().map(|(key, value)| shapes::Tag { key: key.clone(), value: Some(value.clone()) }).collect()
}

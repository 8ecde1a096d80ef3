//! Whose lines a driver carries, in the words that Docker's drivers have for it. Pure.
//!
//! A [`Subject`] is all that is known of a container; an [`Origin`] is what the options of its driver chose of that, and
//! is kept with the spool, so that the next agent says the same of the lines that are left.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::tag;

/// The tag where no option names one.
const DEFAULT_TAG: &str = "{{.ID}}";

/// A container, as Docker would describe it to a log driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub id: String,
    /// Its name, without the slash that Docker puts before it.
    pub name: String,
    /// The digest of its image.
    pub image_id: String,
    /// Its image as the task definition names it.
    pub image_name: String,
    /// Its command line.
    pub command: String,
    /// When it was created, in epoch milliseconds.
    pub created_at: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its environment as the task definition has it.
    pub environment: BTreeMap<String, String>,
}

/// What goes along with each line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The digest of its image.
    pub image_id: String,
    /// Its image as the task definition names it.
    pub image_name: String,
    /// Its command line.
    pub command: String,
    /// When it was created, in epoch milliseconds.
    pub created_at: i64,
    /// The node's name.
    pub hostname: String,
    /// The tag; empty where an option asks for none.
    pub tag: String,
    /// The labels and variables that the options chose.
    pub attributes: BTreeMap<String, String>,
}

impl Origin {
    /// What `options` choose of `subject`; an error is Docker's text.
    pub(super) fn choose(
        subject: &Subject,
        options: &BTreeMap<String, String>,
        hostname: &str,
    ) -> Result<Origin, String> {
        let mut origin = Origin {
            id: subject.id.clone(),
            name: subject.name.clone(),
            image_id: subject.image_id.clone(),
            image_name: subject.image_name.clone(),
            command: subject.command.clone(),
            created_at: subject.created_at,
            hostname: hostname.to_string(),
            tag: String::new(),
            attributes: chosen(options, "labels", "labels-regex", &subject.labels)?,
        };
        origin.attributes.extend(chosen(options, "env", "env-regex", &subject.environment)?);
        let template = options.get("tag").map_or(DEFAULT_TAG, String::as_str);
        origin.tag = tag::expand(template, &origin)?;
        Ok(origin)
    }
}

/// Of `all` those that an option lists or whose names another's pattern matches.
fn chosen(
    options: &BTreeMap<String, String>,
    listed: &str,
    matched: &str,
    all: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let option = |name: &str| options.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let names: Vec<&str> = option(listed).map(|text| text.split(',').collect()).unwrap_or_default();
    let pattern = option(matched).map(Regex::new).transpose();
    let pattern = pattern.map_err(|error| format!("error parsing regexp: {error}"))?;
    let wanted =
        |name: &str| names.contains(&name) || pattern.as_ref().is_some_and(|pattern| pattern.is_match(name));
    Ok(all
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn options_choose_labels_and_variables() {
        let subject = Subject {
            id: "0123-1".into(),
            labels: map(&[("team", "red"), ("tier", "web"), ("other", "x")]),
            environment: map(&[("STAGE", "live"), ("APP_A", "1"), ("APP_B", "2"), ("SECRET", "s")]),
            ..Subject::default()
        };
        let options = map(&[
            ("labels", "team,absent"),
            ("labels-regex", "^ti"),
            ("env", "STAGE"),
            ("env-regex", "^APP_"),
        ]);
        let origin = Origin::choose(&subject, &options, "host").unwrap();
        let expected = [("APP_A", "1"), ("APP_B", "2"), ("STAGE", "live"), ("team", "red"), ("tier", "web")];
        assert_eq!((origin.tag.as_str(), origin.attributes), ("0123-1", map(&expected)));
        assert_eq!(Origin::choose(&subject, &map(&[("tag", "")]), "host").unwrap().tag, "");
        assert!(Origin::choose(&subject, &map(&[("env-regex", "(")]), "host").is_err());
    }
}

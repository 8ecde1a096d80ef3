//! Reading a lifecycle policy. Grammar and rules: ECR user guide, "Lifecycle policy properties".

use model::ecr::matches_wildcard;
use serde::Deserialize;
use thiserror::Error;

use crate::tables::StorageClass;

/// The most patterns or prefixes of one rule, and the most wildcards of one pattern.
const MAX_PATTERNS: usize = 50;
const MAX_WILDCARDS: usize = 4;
/// How long an archived image is kept at least.
const MIN_ARCHIVED_DAYS: u32 = 90;
/// The most rules of one policy.
const MAX_RULES: usize = 50;

/// A policy: its rules, the most important first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) priority: i32,
    pub(super) storage: StorageClass,
    pub(super) action: Action,
    pub(super) tags: TagSelection,
    pub(super) count: Count,
}

/// Which images a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TagSelection {
    Any,
    Untagged,
    /// Every pattern is matched by some tag of the image.
    Tagged(Vec<String>),
}

/// Which of them are too many or too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    MoreThan(usize),
    DaysSincePush(u64),
    DaysSincePull(u64),
    DaysSinceArchived(u64),
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are deleted.
    Expire,
    /// They are archived.
    Archive,
}

/// Why a text is no policy.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("Lifecycle policy validation failure: {0}")]
pub struct PolicyError(String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    rules: Vec<RuleDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleDocument {
    rule_priority: i32,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    selection: Selection,
    action: ActionDocument,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: String,
    tag_prefix_list: Option<Vec<String>>,
    tag_pattern_list: Option<Vec<String>>,
    #[serde(default)]
    storage_class: Option<String>,
    count_type: String,
    count_unit: Option<String>,
    count_number: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ActionDocument {
    r#type: String,
    target_storage_class: Option<String>,
}

impl Policy {
    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| PolicyError(error.to_string()))?;
        if document.rules.is_empty() || document.rules.len() > MAX_RULES {
            return Err(refused(format!("a policy has 1 to {MAX_RULES} rules")));
        }
        let mut rules = document.rules.into_iter().map(Rule::read).collect::<Result<Vec<_>, _>>()?;
        rules.sort_by_key(|rule| rule.priority);
        if rules.windows(2).any(|pair| pair[0].priority == pair[1].priority) {
            return Err(refused("rule priorities must be unique"));
        }
        for class in [StorageClass::Standard, StorageClass::Archive] {
            let of_class = || rules.iter().filter(|rule| rule.storage == class);
            if of_class().filter(|rule| rule.tags == TagSelection::Untagged).count() > 1 {
                return Err(refused("only one rule is allowed to select untagged images"));
            }
            if of_class().rev().skip(1).any(|rule| rule.tags == TagSelection::Any) {
                return Err(refused("the rule with tagStatus any must have the lowest priority"));
            }
        }
        Ok(Policy { rules })
    }
}

impl Rule {
    fn read(document: RuleDocument) -> Result<Self, PolicyError> {
        if document.rule_priority < 1 {
            return Err(refused("rulePriority must be greater than 0"));
        }
        let action = Action::read(&document.action)?;
        let selection = document.selection;
        let count = Count::read(&selection)?;
        let storage = match (selection.storage_class.as_deref(), count) {
            (Some("archive"), Count::DaysSinceArchived(_)) => StorageClass::Archive,
            (_, Count::DaysSinceArchived(_)) => {
                return Err(refused("sinceImageTransitioned needs the storageClass archive"));
            }
            (None | Some("standard"), _) => StorageClass::Standard,
            (Some(_), _) => return Err(refused("storageClass must be standard with this countType")),
        };
        match (action, count) {
            (Action::Archive, Count::DaysSinceArchived(_)) => {
                return Err(refused("archived images can only be expired"));
            }
            (Action::Expire, Count::DaysSincePull(_)) => {
                return Err(refused("sinceImagePulled goes with the action transition only"));
            }
            (Action::Expire | Action::Archive, _) => {}
        }
        let tags = TagSelection::read(selection)?;
        Ok(Rule { priority: document.rule_priority, storage, action, count, tags })
    }
}

impl Action {
    fn read(document: &ActionDocument) -> Result<Self, PolicyError> {
        match (document.r#type.as_str(), document.target_storage_class.as_deref()) {
            ("expire", None) => Ok(Action::Expire),
            ("transition", Some("archive")) => Ok(Action::Archive),
            ("expire", Some(_)) => Err(refused("targetStorageClass belongs to the action transition")),
            ("transition", _) => Err(refused("targetStorageClass must be archive")),
            (other, _) => Err(refused(format!("unknown action type {other:?}"))),
        }
    }
}

impl TagSelection {
    fn read(selection: Selection) -> Result<Self, PolicyError> {
        let lists = (selection.tag_prefix_list, selection.tag_pattern_list);
        let patterns = match (selection.tag_status.as_str(), lists) {
            ("any", (None, None)) => return Ok(TagSelection::Any),
            ("untagged", (None, None)) => return Ok(TagSelection::Untagged),
            ("any" | "untagged", _) => return Err(refused("tag lists belong to tagStatus tagged")),
            ("tagged", (Some(prefixes), None)) => {
                if prefixes.iter().any(|prefix| prefix.contains('*')) {
                    return Err(refused("a tag prefix has no wildcard"));
                }
                prefixes.iter().map(|prefix| format!("{prefix}*")).collect::<Vec<_>>()
            }
            ("tagged", (None, Some(patterns))) => patterns,
            ("tagged", _) => return Err(refused("tagged rules need either tagPrefixList or tagPatternList")),
            (other, _) => return Err(refused(format!("unknown tagStatus {other:?}"))),
        };
        let fits = |pattern: &String| {
            (1..=128).contains(&pattern.len()) && pattern.matches('*').count() <= MAX_WILDCARDS
        };
        if patterns.is_empty() || patterns.len() > MAX_PATTERNS || !patterns.iter().all(fits) {
            return Err(refused("a malformed list of tags"));
        }
        Ok(TagSelection::Tagged(patterns))
    }

    /// Whether an image with these tags is selected.
    pub(super) fn selects<'a>(&self, tags: impl Iterator<Item = &'a str> + Clone) -> bool {
        match self {
            TagSelection::Any => true,
            TagSelection::Untagged => tags.clone().next().is_none(),
            TagSelection::Tagged(patterns) => {
                patterns.iter().all(|pattern| tags.clone().any(|tag| matches_wildcard(pattern, tag)))
            }
        }
    }
}

impl Count {
    fn read(selection: &Selection) -> Result<Self, PolicyError> {
        let number = selection.count_number;
        if number == 0 {
            return Err(refused("countNumber must be greater than 0"));
        }
        match (selection.count_type.as_str(), selection.count_unit.as_deref()) {
            ("imageCountMoreThan", None) => {
                Ok(Count::MoreThan(usize::try_from(number).unwrap_or(usize::MAX)))
            }
            ("sinceImagePushed", Some("days")) => Ok(Count::DaysSincePush(number.into())),
            ("sinceImagePulled", Some("days")) => Ok(Count::DaysSincePull(number.into())),
            ("sinceImageTransitioned", Some("days")) if number < MIN_ARCHIVED_DAYS => {
                Err(refused(format!("archived images are kept for at least {MIN_ARCHIVED_DAYS} days")))
            }
            ("sinceImageTransitioned", Some("days")) => Ok(Count::DaysSinceArchived(number.into())),
            ("imageCountMoreThan", Some(_)) => Err(refused("imageCountMoreThan takes no countUnit")),
            ("sinceImagePushed" | "sinceImagePulled" | "sinceImageTransitioned", _) => {
                Err(refused("countUnit must be days"))
            }
            (other, _) => Err(refused(format!("countType {other:?} is not supported"))),
        }
    }
}

fn refused(why: impl Into<String>) -> PolicyError {
    PolicyError(why.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rule(priority: i32, status: &str) -> Value {
        json!({"rulePriority": priority, "description": "d", "selection": {"tagStatus": status, "countType": "imageCountMoreThan", "countNumber": 3}, "action": {"type": "expire"}})
    }

    fn parse(rules: &[Value]) -> Result<Policy, PolicyError> {
        Policy::parse(&json!({ "rules": rules }).to_string())
    }

    #[test]
    fn rules_are_ordered_by_priority() {
        let policy = parse(&[rule(9, "any"), rule(2, "untagged")]).unwrap();
        assert_eq!(policy.rules.iter().map(|rule| rule.priority).collect::<Vec<_>>(), [2, 9]);
    }

    #[test]
    fn broken_policies_are_refused() {
        let with = |path: &str, value: Value| {
            let mut rule = rule(1, "any");
            *rule.pointer_mut(path).unwrap() = value;
            rule
        };
        let mut tagged = rule(1, "tagged");
        for broken in [
            vec![],
            vec![rule(1, "any"), rule(1, "untagged")],
            vec![rule(1, "untagged"), rule(2, "untagged")],
            vec![rule(1, "any"), rule(2, "untagged")],
            vec![with("/rulePriority", json!(0))],
            vec![with("/selection/countNumber", json!(0))],
            vec![with("/selection/countType", json!("sinceImagePushed"))],
            vec![with("/selection/tagStatus", json!("some"))],
            vec![with("/action/type", json!("transition"))],
            vec![tagged.clone()],
        ] {
            assert!(parse(&broken).is_err(), "{broken:?}");
        }
        let mut archiving = rule(1, "any");
        archiving["action"] = json!({"type": "transition", "targetStorageClass": "archive"});
        let mut archived = rule(2, "any");
        archived["selection"] = json!({"tagStatus": "any", "storageClass": "archive",
            "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 90});
        assert!(parse(&[archiving.clone(), archived.clone()]).is_ok());
        archived["selection"]["countNumber"] = json!(89);
        assert!(parse(&[archived.clone()]).is_err());
        archived["selection"]["countNumber"] = json!(90);
        archived["selection"].as_object_mut().unwrap().remove("storageClass");
        assert!(parse(&[archived]).is_err());
        archiving["selection"]["storageClass"] = json!("archive");
        assert!(parse(&[archiving]).is_err());
        let mut pulled = rule(1, "any");
        pulled["selection"] = json!({"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 1});
        assert!(parse(&[pulled]).is_err());
        tagged["selection"]["tagPrefixList"] = json!(["v"]);
        assert!(parse(std::slice::from_ref(&tagged)).is_ok());
        tagged["selection"]["tagPatternList"] = json!(["v*"]);
        assert!(parse(&[tagged]).is_err());
        assert!(Policy::parse("{").is_err());
    }
}

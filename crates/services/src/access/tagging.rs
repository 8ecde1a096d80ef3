//! Tags of a request, and the permission to tag that making something with tags needs besides.

use std::collections::{BTreeMap, BTreeSet};

use wire::Value;

use super::Access;

/// The tags that a request gives or takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestTags {
    values: BTreeMap<String, String>,
    keys: BTreeSet<String>,
}

impl RequestTags {
    /// Finds the tags in a request's input, wherever the service has them.
    pub fn of(input: &Value) -> Self {
        let mut found = RequestTags::default();
        let Value::Map(members) = input else { return found };
        for (name, value) in members {
            match name.to_ascii_lowercase().as_str() {
                "tags" => found.read(value),
                "tagkeys" => found.read(value),
                "tagspecifications" | "tagspecification" => {
                    let Value::List(specifications) = value else { continue };
                    for tags in specifications.iter().filter_map(|it| it.get("Tags")) {
                        found.read(tags);
                    }
                }
                _other => {}
            }
        }
        found
    }

    /// Tags that have been read already.
    pub(crate) fn from_pairs(values: &BTreeMap<String, String>) -> Self {
        RequestTags { values: values.clone(), keys: values.keys().cloned().collect() }
    }

    /// Adds `aws:RequestTag` and `aws:TagKeys` to the values of condition keys.
    pub(crate) fn add_to(&self, context: &mut BTreeMap<String, Vec<String>>) {
        for (key, value) in &self.values {
            context.insert(format!("aws:requesttag/{}", key.to_lowercase()), vec![value.clone()]);
        }
        if !self.keys.is_empty() {
            context.insert("aws:tagkeys".to_owned(), self.keys.iter().cloned().collect());
        }
    }

    /// A list of pairs, a list of keys, or a map.
    fn read(&mut self, tags: &Value) {
        match tags {
            Value::List(items) => items.iter().for_each(|item| self.read_one(item)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.add(key, value.as_str());
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Blob(_)
            | Value::Timestamp(_) => {}
        }
    }

    fn read_one(&mut self, item: &Value) {
        if let Some(key) = item.as_str() {
            self.add(key, None);
            return;
        }
        let key = item.get("key").or_else(|| item.get("Key")).and_then(Value::as_str);
        let value = item.get("value").or_else(|| item.get("Value")).and_then(Value::as_str);
        if let Some(key) = key {
            self.add(key, value);
        }
    }

    fn add(&mut self, key: &str, value: Option<&str>) {
        self.keys.insert(key.to_owned());
        if let Some(value) = value {
            self.values.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Whether tags are given, and not only taken.
    pub(super) fn creates(&self) -> bool {
        !self.values.is_empty()
    }
}

/// The permission to tag what `access` makes; none for what makes nothing.
pub(super) fn of_creation(access: &Access) -> Option<Access> {
    let (service, operation) = access.action.split_once(':')?;
    let makes =
        ["Create", "Run", "Start", "Register", "Upload", "Put"].iter().any(|it| operation.starts_with(it));
    if !makes || operation.contains("Tag") {
        return None;
    }
    let (action, key) = match service {
        "ecs" => ("ecs:TagResource", Some("ecs:CreateAction")),
        "ec2" => ("ec2:CreateTags", Some("ec2:CreateAction")),
        "elasticloadbalancing" => ("elasticloadbalancing:AddTags", Some("elasticloadbalancing:CreateAction")),
        "ecr" => ("ecr:TagResource", None),
        "logs" => ("logs:TagResource", None),
        "servicediscovery" => ("servicediscovery:TagResource", None),
        "secretsmanager" => ("secretsmanager:TagResource", None),
        "ssm" => ("ssm:AddTagsToResource", None),
        "cloudwatch" => ("cloudwatch:TagResource", None),
        "application-autoscaling" => ("application-autoscaling:TagResource", None),
        "iam" => (of_iam(operation)?, None),
        _other => return None,
    };
    // Tasks are not named before they run.
    let cluster = access.context.get("ecs:cluster").and_then(|values| values.first());
    let resources = match (operation, cluster) {
        ("RunTask" | "StartTask", Some(cluster)) => vec![cluster.replacen(":cluster/", ":task/", 1) + "/*"],
        _other => access.resources.clone(),
    };
    let tagging = Access::each(action, resources);
    Some(match key {
        Some(key) => tagging.with(key, operation),
        None => tagging,
    })
}

fn of_iam(operation: &str) -> Option<&'static str> {
    match operation {
        "CreateUser" => Some("iam:TagUser"),
        "CreateRole" => Some("iam:TagRole"),
        "CreatePolicy" => Some("iam:TagPolicy"),
        "CreateInstanceProfile" => Some("iam:TagInstanceProfile"),
        "UploadServerCertificate" => Some("iam:TagServerCertificate"),
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: Value, expected: &[(&str, Option<&str>)]) {
        let found = RequestTags::of(&input);
        let keys: Vec<_> =
            found.keys.iter().map(|key| (key.as_str(), found.values.get(key).map(String::as_str))).collect();
        assert_eq!(keys, expected, "{input:?}");
    }

    fn map(members: &[(&'static str, Value)]) -> Value {
        Value::Map(members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn tags_are_found_in_every_form() {
        let pair = |key, value| map(&[(key, "a".into()), (value, "b".into())]);
        check(map(&[("tags", Value::List(vec![pair("key", "value")]))]), &[("a", Some("b"))]);
        let lists = Value::List(vec![map(&[("Tags", Value::List(vec![pair("Key", "Value")]))])]);
        check(map(&[("TagSpecifications", lists)]), &[("a", Some("b"))]);
        check(map(&[("tags", map(&[("a", "b".into())]))]), &[("a", Some("b"))]);
        check(map(&[("tagKeys", Value::List(vec!["a".into()]))]), &[("a", None)]);
        check(map(&[("name", "a".into())]), &[]);
    }

    #[test]
    fn making_with_tags_is_tagging() {
        let run =
            Access::new("ecs:RunTask", "task-definition").with("ecs:cluster", "arn:aws:ecs:r:a:cluster/web");
        let tagging = of_creation(&run).unwrap();
        assert_eq!(
            (tagging.action, tagging.resources),
            ("ecs:TagResource", vec!["arn:aws:ecs:r:a:task/web/*".into()])
        );
        assert_eq!(tagging.context["ecs:CreateAction"], ["RunTask"]);
        for other in ["ecs:TagResource", "ecs:StopTask", "ec2:CreateTags"] {
            assert_eq!(of_creation(&Access::any(other)), None, "{other}");
        }
    }
}

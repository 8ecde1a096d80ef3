//! Checks a value against the constraints of its model.
//!
//! Every violation is reported, in the model's order; which of them are enforced, and in
//! what words, is each service's own affair. The default words are those of most of AWS.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

use regex::Regex;

use crate::schema::{Kind, Schema};
use crate::value::Value;

/// How many violations are reported at most.
const MAX_VIOLATIONS: usize = 100;

/// A constraint that a value breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Where, as `containerDefinitions[0].name`.
    pub path: String,
    /// The value as text; `null` when it is absent.
    pub value: String,
    /// What it breaks.
    pub constraint: Constraint,
}

/// What a value must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// The member is required.
    Required,
    /// The least length.
    MinLength(i64),
    /// The greatest length.
    MaxLength(i64),
    /// The least value.
    MinValue(i64),
    /// The greatest value.
    MaxValue(i64),
    /// The enumeration.
    Values(&'static [&'static str]),
    /// The regular expression.
    Pattern(&'static str),
    /// Exactly one member of a union is set.
    OneMember,
}

impl Violation {
    /// The path as most AWS services write it: `tags.1.member.key`.
    pub fn member_path(&self) -> String {
        let mut out = String::new();
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('[') {
            let Some((index, after)) = after.split_once(']') else { break };
            let place = index.parse::<usize>().map_or(0, |index| index + 1);
            out.push_str(&format!("{before}.{place}.member"));
            rest = after;
        }
        out + rest
    }
}

/// In the words of most AWS services: `Value '' at 'name' failed to satisfy constraint: ...`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.member_path();
        match self.constraint {
            Constraint::Required => write!(f, "Value null at '{path}'")?,
            _ => write!(f, "Value '{}' at '{path}'", self.value)?,
        }
        write!(f, " failed to satisfy constraint: {}", self.constraint)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constraint::Required => f.write_str("Member must not be null"),
            Constraint::MinLength(n) => write!(f, "Member must have length greater than or equal to {n}"),
            Constraint::MaxLength(n) => write!(f, "Member must have length less than or equal to {n}"),
            Constraint::MinValue(n) => write!(f, "Member must have value greater than or equal to {n}"),
            Constraint::MaxValue(n) => write!(f, "Member must have value less than or equal to {n}"),
            Constraint::Values(values) => {
                write!(f, "Member must satisfy enum value set: [{}]", values.join(", "))
            }
            Constraint::Pattern(p) => write!(f, "Member must satisfy regular expression pattern: {p}"),
            Constraint::OneMember => f.write_str("Member must have exactly one member set"),
        }
    }
}

/// Every constraint that `value` breaks, at most [a hundred](MAX_VIOLATIONS).
pub fn validate(schema: &Schema, value: &Value) -> Vec<Violation> {
    let mut check = Check { path: String::new(), found: Vec::new() };
    check.value(schema, value);
    check.found
}

struct Check {
    path: String,
    found: Vec<Violation>,
}

impl Check {
    fn report(&mut self, value: &Value, constraint: Constraint) {
        if self.found.len() < MAX_VIOLATIONS {
            self.found.push(Violation { path: self.path.clone(), value: text_of(value), constraint });
        }
    }

    /// Checks `value` one step further in.
    fn within(&mut self, step: &str, schema: &Schema, value: &Value) {
        let length = self.path.len();
        if !step.starts_with('[') && length > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        self.value(schema, value);
        self.path.truncate(length);
    }

    fn value(&mut self, schema: &Schema, value: &Value) {
        match value {
            Value::Null => {}
            Value::Integer(number) => self.range(schema, value, *number as f64),
            Value::Float(number) => self.range(schema, value, *number),
            Value::String(text) => self.text(schema, value, text),
            Value::Blob(bytes) => self.length(schema, value, bytes.len()),
            Value::Bool(_) | Value::Timestamp(_) => {}
            Value::List(items) => {
                self.length(schema, value, items.len());
                let Kind::List(list) = &schema.kind else { return };
                for (at, item) in items.iter().enumerate() {
                    self.within(&format!("[{at}]"), list.item, item);
                }
            }
            Value::Map(entries) => match &schema.kind {
                Kind::Map(map) => {
                    self.length(schema, value, entries.len());
                    for (key, value) in entries {
                        self.within(key, map.key, &Value::String(key.clone().into_owned()));
                        self.within(key, map.value, value);
                    }
                }
                Kind::Structure(structure) => {
                    for member in structure.members {
                        match value.get(member.name).filter(|value| !value.is_null()) {
                            Some(value) => self.within(member.name, member.schema, value),
                            None if member.required => self.missing(member.name),
                            None => {}
                        }
                    }
                    let set = entries.iter().filter(|(_, value)| !value.is_null()).count();
                    if structure.union && set != 1 {
                        self.report(value, Constraint::OneMember);
                    }
                }
                _ => {}
            },
        }
    }

    fn missing(&mut self, name: &str) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        self.report(&Value::Null, Constraint::Required);
        self.path.truncate(length);
    }

    fn range(&mut self, schema: &Schema, value: &Value, number: f64) {
        if let Some(min) = schema.min.filter(|min| number < *min as f64) {
            self.report(value, Constraint::MinValue(min));
        }
        if let Some(max) = schema.max.filter(|max| number > *max as f64) {
            self.report(value, Constraint::MaxValue(max));
        }
    }

    fn length(&mut self, schema: &Schema, value: &Value, length: usize) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(min) = schema.min.filter(|min| length < *min) {
            self.report(value, Constraint::MinLength(min));
        }
        if let Some(max) = schema.max.filter(|max| length > *max) {
            self.report(value, Constraint::MaxLength(max));
        }
    }

    fn text(&mut self, schema: &Schema, value: &Value, text: &str) {
        self.length(schema, value, text.chars().count());
        if !schema.values.is_empty() && !schema.values.contains(&text) {
            self.report(value, Constraint::Values(schema.values));
        }
        if let Some(pattern) = schema.pattern.filter(|pattern| !matches(pattern, text)) {
            self.report(value, Constraint::Pattern(pattern));
        }
    }
}

/// Compiled patterns by their text; none where Java's dialect has what ours lacks.
type Patterns = HashMap<&'static str, Option<Arc<Regex>>>;

static PATTERNS: LazyLock<RwLock<Patterns>> = LazyLock::new(RwLock::default);

/// Whether the whole of `text` matches. A pattern that cannot be compiled matches everything.
fn matches(pattern: &'static str, text: &str) -> bool {
    let known = PATTERNS.read().ok().and_then(|patterns| patterns.get(pattern).cloned());
    let compiled = known.unwrap_or_else(|| {
        let compiled = compile(pattern).map(Arc::new);
        if let Ok(mut patterns) = PATTERNS.write() {
            patterns.insert(pattern, compiled.clone());
        }
        compiled
    });
    compiled.is_none_or(|regex| regex.is_match(text))
}

fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

/// A value as Java prints it, which is what AWS's messages carry.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) | Value::Timestamp(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::String(text) => text.clone(),
        Value::Blob(bytes) => format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", bytes.len()),
        Value::List(items) => {
            format!("[{}]", items.iter().map(text_of).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entry = |(key, value): &(_, Value)| format!("{key}={}", text_of(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::SERVICES;
    use crate::{Operation, ecr, logs};

    fn check(schema: &Schema, value: Value, expected: &[&str]) {
        let found: Vec<String> = validate(schema, &value).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    fn map<const N: usize>(members: [(&'static str, Value); N]) -> Value {
        Value::Map(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    #[test]
    fn violations_read_as_the_services_write_them() {
        let put = logs::PutLogEvents::MODEL.input.expect("an input");
        let event = map([("message", "".into())]);
        check(
            put,
            map([("logGroupName", "a b".into()), ("logEvents", Value::List(vec![event]))]),
            &[
                r"Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
                "Value null at 'logStreamName' failed to satisfy constraint: Member must not be null",
                "Value null at 'logEvents.1.member.timestamp' failed to satisfy constraint: Member must not be null",
                "Value '' at 'logEvents.1.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ],
        );
        let list = ecr::ListImages::MODEL.input.expect("an input");
        check(
            list,
            map([("repositoryName", "app".into()), ("maxResults", Value::Integer(1001))]),
            &[
                "Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000",
            ],
        );
    }

    #[test]
    fn paths_are_json_paths() {
        let put = logs::PutLogEvents::MODEL.input.expect("an input");
        let found = validate(put, &map([("logEvents", Value::List(vec![map([])]))]));
        assert_eq!(found[2].path, "logEvents[0].timestamp");
        assert_eq!(found[2].constraint, Constraint::Required);
    }

    #[test]
    fn the_models_patterns_compile() {
        let mut patterns = Vec::new();
        for service in SERVICES {
            for operation in service.operations {
                operation.input.iter().for_each(|schema| collect(schema, &mut Vec::new(), &mut patterns));
            }
        }
        assert!(patterns.len() > 20);
        // Look-around is not regular: where a model has it, the room checks the member itself.
        let regular =
            patterns.into_iter().filter(|pattern| !pattern.contains("(?!") && !pattern.contains("(?="));
        let failed: Vec<_> = regular.filter(|pattern| compile(pattern).is_none()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    fn collect(schema: &'static Schema, seen: &mut Vec<*const Schema>, patterns: &mut Vec<&'static str>) {
        if seen.contains(&std::ptr::from_ref(schema)) {
            return;
        }
        seen.push(schema);
        patterns.extend(schema.pattern.filter(|pattern| !patterns.contains(pattern)));
        match &schema.kind {
            Kind::List(list) => collect(list.item, seen, patterns),
            Kind::Map(map) => {
                collect(map.key, seen, patterns);
                collect(map.value, seen, patterns);
            }
            _ => schema.members().iter().for_each(|member| collect(member.schema, seen, patterns)),
        }
    }
}

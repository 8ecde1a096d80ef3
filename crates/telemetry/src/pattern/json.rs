//! JSON patterns: `{ ($.status >= 500 || $.level = "err*") && $.user NOT EXISTS }`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::need::Need;
use crate::pattern::compare::Comparison;
use crate::pattern::error::PatternError;
use crate::pattern::expression::Expression;
use crate::pattern::scanner::Scanner;
use crate::pattern::selector::Selector;

/// Regular expressions in one pattern, by the service's quota.
pub(super) const REGEXES_MAX: usize = 2;
/// Wildcard selectors in one pattern, by the service's quota.
const WILDCARDS_MAX: usize = 3;

/// A JSON pattern.
#[derive(Debug)]
pub(super) struct JsonFilter {
    expression: Expression<Condition>,
    need: Need,
    regexes: usize,
}

#[derive(Debug)]
struct Condition {
    selector: Selector,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Compare(Comparison),
    IsNull,
    Is(bool),
    NotExists,
}

impl JsonFilter {
    pub(super) fn parse(text: &str) -> Result<JsonFilter, PatternError> {
        let inside = text.strip_prefix('{').ok_or(PatternError::Invalid)?;
        let inside = inside.strip_suffix('}').ok_or(PatternError::UnclosedBrace)?;
        let mut scanner = Scanner::new(inside);
        let expression = Expression::parse(&mut scanner, &mut condition)?;
        scanner.skip_space();
        let (mut regexes, mut wildcards) = (0, 0);
        expression.visit(&mut |condition| {
            regexes += usize::from(matches!(&condition.test, Test::Compare(c) if c.is_regex()));
            wildcards += condition.selector.wildcards();
        });
        if !scanner.is_empty() || regexes > REGEXES_MAX || wildcards > WILDCARDS_MAX {
            return Err(PatternError::Invalid);
        }
        let need = expression.need(&Condition::need);
        Ok(JsonFilter { expression, need, regexes })
    }

    /// How many regular expressions it holds.
    pub(super) fn regexes(&self) -> usize {
        self.regexes
    }

    pub(super) fn need(&self) -> Need {
        self.need.clone()
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.document(message).is_some()
    }

    pub(super) fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let document = self.document(message)?;
        let mut values = BTreeMap::new();
        self.expression.visit(&mut |condition| {
            if let Some((text, _)) = condition.selector.find(&document).first().and_then(|v| scalar(v)) {
                values.insert(condition.selector.written.clone(), text);
            }
        });
        Some(values)
    }

    /// The message as a document, if it is one that matches.
    fn document(&self, message: &str) -> Option<Value> {
        // Reading JSON costs far more than looking for texts that it must hold.
        if !self.need.holds(message) {
            return None;
        }
        let document: Value = serde_json::from_str(message).ok()?;
        self.expression.holds(&|condition| condition.holds(&document)).then_some(document)
    }
}

impl Condition {
    fn holds(&self, document: &Value) -> bool {
        let found = self.selector.find(document);
        match &self.test {
            Test::NotExists => found.is_empty(),
            Test::IsNull => found.iter().any(|value| value.is_null()),
            Test::Is(wanted) => found.iter().any(|value| value.as_bool() == Some(*wanted)),
            // Arrays, objects and absent fields match neither `=` nor `!=`.
            Test::Compare(comparison) => found
                .iter()
                .filter_map(|value| scalar(value))
                .any(|(text, number)| comparison.holds(&text, number)),
        }
    }

    fn need(&self) -> Need {
        let mut needs: Vec<Need> = match &self.test {
            Test::NotExists => return Need::Nothing,
            Test::IsNull => vec![Need::Text("null".to_owned())],
            Test::Is(true) => vec![Need::Text("true".to_owned())],
            Test::Is(false) => vec![Need::Text("false".to_owned())],
            Test::Compare(comparison) => comparison.texts().into_iter().flat_map(unescaped).collect(),
        };
        needs.extend(self.selector.fields().flat_map(unescaped));
        Need::All(needs)
    }
}

/// What a JSON text holding `text` in a string contains literally: its parts between characters
/// that have escapes of their own, unless it writes characters by number.
fn unescaped(text: &str) -> impl Iterator<Item = Need> {
    let parts = text.split(|c: char| c == '"' || c == '\\' || c == '/' || c.is_control());
    let need = |part: &str| Need::Any(vec![Need::Text(part.to_owned()), Need::Text("\\u".to_owned())]);
    parts.filter(|part| !part.is_empty()).map(need)
}

/// The text of a string or number, and the number's value.
fn scalar(value: &Value) -> Option<(String, Option<f64>)> {
    match value {
        Value::String(text) => Some((text.clone(), None)),
        Value::Number(number) => Some((number.to_string(), number.as_f64())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn condition(scanner: &mut Scanner<'_>) -> Result<Condition, PatternError> {
    scanner.skip_space();
    let selector = Selector::parse(scanner)?;
    scanner.skip_space();
    let test = if scanner.eat_word("IS") {
        scanner.skip_space();
        if scanner.eat_word("NULL") {
            Test::IsNull
        } else if scanner.eat_word("TRUE") {
            Test::Is(true)
        } else if scanner.eat_word("FALSE") {
            Test::Is(false)
        } else {
            return Err(PatternError::Invalid);
        }
    } else if scanner.eat_word("NOT") {
        scanner.skip_space();
        if !scanner.eat_word("EXISTS") {
            return Err(PatternError::Invalid);
        }
        Test::NotExists
    } else {
        Test::Compare(Comparison::parse(scanner, |c| ")&|".contains(c))?)
    };
    Ok(Condition { selector, test })
}

//! Space-delimited patterns: `[ip, user, ..., status_code=4*, bytes>1000]`.
//!
//! A message's fields are its words; what stands in brackets or double quotes is one field. A
//! pattern with fewer fields than the message gives the last one all the rest.

use std::collections::BTreeMap;

use crate::need::Need;
use crate::pattern::compare::{Comparison, number};
use crate::pattern::error::PatternError;
use crate::pattern::expression::Expression;
use crate::pattern::json::REGEXES_MAX;
use crate::pattern::scanner::Scanner;

/// Ellipses in one pattern: more would make matching slow.
const ELLIPSES_MAX: usize = 3;
/// Fields of a message that are looked at.
const WORDS_MAX: usize = 1024;

/// A space-delimited pattern.
#[derive(Debug)]
pub(super) struct Fields {
    fields: Vec<Field>,
    has_ellipsis: bool,
    regexes: usize,
}

#[derive(Debug)]
enum Field {
    /// Any number of fields.
    Ellipsis,
    /// One field, and what its value must be.
    Named { name: String, condition: Option<Expression<Comparison>> },
}

/// One field of a message.
#[derive(Clone, Copy)]
struct Word<'m> {
    value: &'m str,
    /// The message from the field on.
    rest: &'m str,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Fields, PatternError> {
        let inside = text.strip_prefix('[').ok_or(PatternError::Invalid)?;
        let inside = inside.strip_suffix(']').ok_or(PatternError::UnclosedBracket)?;
        let mut scanner = Scanner::new(inside);
        let mut fields = Vec::new();
        loop {
            fields.push(field(&mut scanner)?);
            scanner.skip_space();
            if scanner.is_empty() {
                break;
            }
            if !scanner.eat(",") {
                let bad = scanner.peek().map(String::from).unwrap_or_default();
                return Err(PatternError::Characters(bad));
            }
        }
        let ellipses = fields.iter().filter(|field| matches!(field, Field::Ellipsis)).count();
        let mut regexes = 0;
        conditions(&fields)
            .for_each(|condition| condition.visit(&mut |c| regexes += usize::from(c.is_regex())));
        if ellipses > ELLIPSES_MAX || regexes > REGEXES_MAX {
            return Err(PatternError::Invalid);
        }
        Ok(Fields { fields, has_ellipsis: ellipses > 0, regexes })
    }

    /// How many regular expressions it holds.
    pub(super) fn regexes(&self) -> usize {
        self.regexes
    }

    pub(super) fn need(&self) -> Need {
        let of_one = |comparison: &Comparison| {
            Need::All(comparison.texts().into_iter().map(|text| Need::Text(text.to_owned())).collect())
        };
        Need::All(conditions(&self.fields).map(|condition| condition.need(&of_one)).collect())
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.values(message).is_some()
    }

    pub(super) fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let values = self.values(message)?;
        Some(values.into_iter().map(|(name, value)| (format!("${name}"), value.to_owned())).collect())
    }

    /// The named fields' values, if the message matches.
    fn values<'s>(&'s self, message: &'s str) -> Option<Vec<(&'s str, &'s str)>> {
        let words = words(message);
        let mut values = Vec::with_capacity(self.fields.len());
        let fits = if self.has_ellipsis {
            fit(&self.fields, &words, &mut values)
        } else {
            let count = self.fields.len();
            if words.len() < count {
                return None;
            }
            let mut words = words[..count].to_vec();
            if let Some(last) = words.last_mut().filter(|last| !last.is_last()) {
                last.value = last.rest.trim_end();
            }
            fit(&self.fields, &words, &mut values)
        };
        fits.then_some(values)
    }
}

impl Word<'_> {
    /// Whether nothing follows the field in its message.
    fn is_last(&self) -> bool {
        let after = self.rest.trim_start_matches(['[', '"']).strip_prefix(self.value).unwrap_or_default();
        after.trim_start_matches([']', '"']).trim().is_empty()
    }
}

/// Whether `fields` cover exactly `words`; the values of named fields go to `values`.
fn fit<'s>(fields: &'s [Field], words: &[Word<'s>], values: &mut Vec<(&'s str, &'s str)>) -> bool {
    let Some((field, fields)) = fields.split_first() else { return words.is_empty() };
    match field {
        Field::Ellipsis => (0..=words.len()).any(|skipped| {
            let known = values.len();
            let fits = fit(fields, &words[skipped..], values);
            if !fits {
                values.truncate(known);
            }
            fits
        }),
        Field::Named { name, condition } => {
            let Some((word, words)) = words.split_first() else { return false };
            let holds = |comparison: &Comparison| comparison.holds(word.value, number(word.value));
            if condition.as_ref().is_some_and(|condition| !condition.holds(&holds)) {
                return false;
            }
            values.push((name, word.value));
            fit(fields, words, values)
        }
    }
}

fn conditions(fields: &[Field]) -> impl Iterator<Item = &Expression<Comparison>> {
    fields.iter().filter_map(|field| match field {
        Field::Ellipsis => None,
        Field::Named { condition, .. } => condition.as_ref(),
    })
}

/// Splits a message into its fields.
fn words(message: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = message.trim_start();
    while !rest.is_empty() && words.len() < WORDS_MAX {
        let closing = match rest.as_bytes()[0] {
            b'[' => Some(']'),
            b'"' => Some('"'),
            _ => None,
        };
        let enclosed = closing.and_then(|closing| rest[1..].find(closing));
        let (value, end) = match enclosed {
            Some(len) => (&rest[1..1 + len], len + 2),
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], end)
            }
        };
        words.push(Word { value, rest });
        rest = rest[end..].trim_start();
    }
    words
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || "_-.$".contains(c)
}

fn field(scanner: &mut Scanner<'_>) -> Result<Field, PatternError> {
    scanner.skip_space();
    if scanner.eat("...") {
        return Ok(Field::Ellipsis);
    }
    let mut name: Option<String> = None;
    let mut is_bare = false;
    let mut one = |scanner: &mut Scanner<'_>| {
        scanner.skip_space();
        let found = scanner.take_while(is_name);
        // Every condition of a field names that field.
        if found.is_empty() || name.as_deref().is_some_and(|name| name != found) {
            let bad = scanner.peek().filter(|c| found.is_empty() && !c.is_whitespace());
            return Err(bad.map_or(PatternError::Invalid, |c| PatternError::Characters(c.to_string())));
        }
        let is_first = name.is_none();
        name.get_or_insert_with(|| found.to_owned());
        scanner.skip_space();
        if is_first && matches!(scanner.peek(), None | Some(',')) {
            is_bare = true;
            return Ok(None);
        }
        Comparison::parse(scanner, |c| ",)&|".contains(c)).map(Some)
    };
    let condition = Expression::parse(scanner, &mut one)?;
    let name = name.ok_or(PatternError::Invalid)?;
    if is_bare {
        return Ok(Field::Named { name, condition: None });
    }
    Ok(Field::Named { name, condition: present(condition) })
}

/// The conditions that are there; only a bare name has none.
fn present(expression: Expression<Option<Comparison>>) -> Option<Expression<Comparison>> {
    match expression {
        Expression::One(condition) => condition.map(Expression::One),
        Expression::All(parts) => Some(Expression::All(parts.into_iter().filter_map(present).collect())),
        Expression::Any(parts) => Some(Expression::Any(parts.into_iter().filter_map(present).collect())),
    }
}

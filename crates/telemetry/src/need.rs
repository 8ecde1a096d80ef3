//! What a predicate needs a message to contain, so that blocks without it are never read.

use regex::bytes::Regex;

use crate::segment::TermFilter;
use crate::segment::grams::parts_of_term;

/// A condition that holds for every message that the predicate accepts. It may hold for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing is known.
    Nothing,
    /// The message contains this text.
    Text(String),
    /// All of these hold.
    All(Vec<Need>),
    /// At least one of these holds.
    Any(Vec<Need>),
}

impl Need {
    /// Whether `message` meets the condition.
    pub fn holds(&self, message: &str) -> bool {
        match self {
            Need::Nothing => true,
            Need::Text(text) => message.contains(text.as_str()),
            Need::All(needs) => needs.iter().all(|need| need.holds(message)),
            Need::Any(needs) => needs.iter().any(|need| need.holds(message)),
        }
    }
}

/// Decides which messages a query answers.
pub trait Predicate: Send + Sync {
    /// What every accepted message contains.
    fn need(&self) -> &Need;
    /// Whether the message is accepted.
    fn matches(&self, message: &str) -> bool;
}

/// A need, made ready for asking many filters and blocks.
pub(crate) struct Probe {
    asked: Asked,
    literal: Option<Regex>,
}

enum Asked {
    Nothing,
    Parts(Vec<u64>),
    All(Vec<Asked>),
    Any(Vec<Asked>),
}

impl Probe {
    pub(crate) fn new(need: &Need) -> Self {
        let literal = longest(need).and_then(|text| Regex::new(&format!("(?-u){}", escape(text))).ok());
        Probe { asked: Asked::new(need), literal }
    }

    /// Whether asking filters can rule anything out.
    pub(crate) fn is_useful(&self) -> bool {
        !matches!(self.asked, Asked::Nothing)
    }

    /// Whether a block with this filter may hold a wanted message.
    pub(crate) fn may_be_in(&self, filter: &TermFilter) -> bool {
        self.asked.may_be_in(filter)
    }

    /// A search for a text that every wanted message contains.
    pub(crate) fn literal(&self) -> Option<&Regex> {
        self.literal.as_ref()
    }
}

impl Asked {
    fn new(need: &Need) -> Self {
        match need {
            Need::Nothing => Asked::Nothing,
            Need::Text(text) => match parts_of_term(text.as_bytes()) {
                parts if parts.is_empty() => Asked::Nothing,
                parts => Asked::Parts(parts),
            },
            Need::All(needs) => {
                let mut all: Vec<Asked> = needs.iter().map(Asked::new).collect();
                all.retain(|asked| !matches!(asked, Asked::Nothing));
                if all.is_empty() { Asked::Nothing } else { Asked::All(all) }
            }
            Need::Any(needs) => {
                let any: Vec<Asked> = needs.iter().map(Asked::new).collect();
                if any.iter().any(|asked| matches!(asked, Asked::Nothing)) {
                    Asked::Nothing
                } else {
                    Asked::Any(any)
                }
            }
        }
    }

    fn may_be_in(&self, filter: &TermFilter) -> bool {
        match self {
            Asked::Nothing => true,
            Asked::Parts(parts) => filter.may_contain(parts),
            Asked::All(all) => all.iter().all(|asked| asked.may_be_in(filter)),
            Asked::Any(any) => any.iter().any(|asked| asked.may_be_in(filter)),
        }
    }
}

/// The longest text that is needed in any case.
fn longest(need: &Need) -> Option<&str> {
    match need {
        Need::Text(text) if !text.is_empty() => Some(text),
        Need::All(needs) => needs.iter().filter_map(longest).max_by_key(|text| text.len()),
        Need::Nothing | Need::Text(_) | Need::Any(_) => None,
    }
}

/// The text as a regular expression over bytes.
fn escape(text: &str) -> String {
    let byte =
        |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("\\x{b:02X}") };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter_of(message: &str) -> TermFilter {
        let mut filter = TermFilter::new();
        filter.add(message.as_bytes());
        filter
    }

    fn text(text: &str) -> Need {
        Need::Text(text.to_owned())
    }

    #[test]
    fn needs_rule_out_what_cannot_match() {
        let filter = filter_of("ERROR: disk is full");
        let check =
            |need: Need, expected| assert_eq!(Probe::new(&need).may_be_in(&filter), expected, "{need:?}");
        check(text("disk"), true);
        check(text("PANIC"), false);
        check(Need::All(vec![text("disk"), text("PANIC")]), false);
        check(Need::Any(vec![text("disk"), text("PANIC")]), true);
        check(Need::Any(vec![Need::Nothing, text("PANIC")]), true);
        check(text("zz"), true);
    }

    #[test]
    fn the_literal_is_the_longest_and_is_taken_literally() {
        let probe = Probe::new(&Need::All(vec![text("a.b"), text("é(x"), Need::Nothing]));
        let literal = probe.literal().unwrap();
        assert!(literal.is_match("x é(x".as_bytes()));
        assert!(!literal.is_match(b"axb"));
    }
}

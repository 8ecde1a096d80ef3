//! CloudWatch Logs' filter patterns: which messages a filter wants. Pure.
//!
//! Three languages share the syntax: terms (`ERROR -"timed out"`), JSON selectors
//! (`{ $.status >= 500 }`) and space-delimited fields (`[ip, ..., status=4*]`). Source of the
//! rules: CloudWatch Logs user guide, "Filter pattern syntax"; of the refusals' texts: messages
//! of the service that its users have published.

mod compare;
mod delimited;
mod error;
mod expression;
mod json;
mod regexp;
mod scanner;
mod selector;
mod terms;

use std::collections::BTreeMap;

use crate::need::{Need, Predicate};

pub use error::PatternError;

/// The longest pattern, in characters.
pub const PATTERN_MAX: usize = 1024;

/// A filter pattern that has been understood.
#[derive(Debug)]
pub struct Pattern {
    kind: Kind,
    need: Need,
}

#[derive(Debug)]
enum Kind {
    Everything,
    Terms(terms::Terms),
    Json(json::JsonFilter),
    Delimited(delimited::Fields),
}

impl Pattern {
    /// Parses a pattern. An empty one wants everything.
    ///
    /// # Errors
    /// What the service would say about it.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        if text.chars().count() > PATTERN_MAX {
            return Err(PatternError::Invalid);
        }
        let trimmed = text.trim();
        let kind = if trimmed.is_empty() {
            Kind::Everything
        } else if trimmed.starts_with('{') {
            Kind::Json(json::JsonFilter::parse(trimmed)?)
        } else if trimmed.starts_with('[') {
            Kind::Delimited(delimited::Fields::parse(trimmed)?)
        } else {
            Kind::Terms(terms::Terms::parse(trimmed)?)
        };
        let need = match &kind {
            Kind::Everything => Need::Nothing,
            Kind::Terms(terms) => terms.need(),
            Kind::Json(filter) => filter.need(),
            Kind::Delimited(fields) => fields.need(),
        };
        Ok(Pattern { kind, need })
    }

    /// Whether the pattern wants every message, so that nothing needs to be asked.
    pub fn is_everything(&self) -> bool {
        matches!(self.kind, Kind::Everything)
    }

    /// How many regular expressions the pattern holds; groups have a quota of them.
    pub fn regexes(&self) -> usize {
        match &self.kind {
            Kind::Everything => 0,
            Kind::Terms(terms) => terms.regexes(),
            Kind::Json(filter) => filter.regexes(),
            Kind::Delimited(fields) => fields.regexes(),
        }
    }

    /// Whether the pattern names parts of a message: JSON selectors or fields.
    pub fn names_values(&self) -> bool {
        matches!(self.kind, Kind::Json(_) | Kind::Delimited(_))
    }

    /// The fields of a message that a space-delimited pattern matches, by name; other patterns have none.
    pub fn fields(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let Kind::Delimited(fields) = &self.kind else { return None };
        let found = fields.extract(message)?;
        Some(
            found.into_iter().map(|(name, value)| (name.trim_start_matches('$').to_owned(), value)).collect(),
        )
    }

    /// The values that the pattern names in a message it matches; none when it does not match.
    pub fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match &self.kind {
            Kind::Everything => Some(BTreeMap::new()),
            Kind::Terms(terms) => terms.matches(message).then(BTreeMap::new),
            Kind::Json(filter) => filter.extract(message),
            Kind::Delimited(fields) => fields.extract(message),
        }
    }
}

impl Predicate for Pattern {
    fn need(&self) -> &Need {
        &self.need
    }

    fn matches(&self, message: &str) -> bool {
        match &self.kind {
            Kind::Everything => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(filter) => filter.matches(message),
            Kind::Delimited(fields) => fields.matches(message),
        }
    }
}

#[cfg(test)]
mod cases;

//! Patterns of terms: `ERROR "timed out" -Exiting`, `?ERROR ?WARN`, `%[45]\d\d%`.

use regex::Regex;

use crate::need::Need;
use crate::pattern::error::PatternError;
use crate::pattern::json::REGEXES_MAX;
use crate::pattern::regexp;
use crate::pattern::scanner::Scanner;

/// A pattern of terms.
#[derive(Debug, Default)]
pub(super) struct Terms {
    required: Vec<Term>,
    optional: Vec<Term>,
    excluded: Vec<Term>,
}

/// Something that a message contains or not.
#[derive(Debug)]
enum Term {
    /// A text, anywhere in the message, in the same case.
    Text(String),
    /// A regular expression.
    Regex(Regex),
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Terms, PatternError> {
        let mut terms = Terms::default();
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        while !scanner.is_empty() {
            let list = if scanner.eat("?") {
                &mut terms.optional
            } else if scanner.eat("-") {
                &mut terms.excluded
            } else {
                &mut terms.required
            };
            list.push(term(&mut scanner)?);
            scanner.skip_space();
        }
        if terms.regexes() > REGEXES_MAX {
            return Err(PatternError::Invalid);
        }
        // Beside other terms the service ignores the optional ones.
        if !terms.required.is_empty() || !terms.excluded.is_empty() {
            terms.optional.clear();
        }
        Ok(terms)
    }

    /// How many regular expressions it holds.
    pub(super) fn regexes(&self) -> usize {
        let all = self.required.iter().chain(&self.optional).chain(&self.excluded);
        all.filter(|term| matches!(term, Term::Regex(_))).count()
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.required.iter().all(|term| term.is_in(message))
            && (self.optional.is_empty() || self.optional.iter().any(|term| term.is_in(message)))
            && !self.excluded.iter().any(|term| term.is_in(message))
    }

    pub(super) fn need(&self) -> Need {
        let mut needs: Vec<Need> = self.required.iter().map(Term::need).collect();
        if !self.optional.is_empty() {
            needs.push(Need::Any(self.optional.iter().map(Term::need).collect()));
        }
        Need::All(needs)
    }
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            // A quoted space matches everything, also a message without one.
            Term::Text(text) => text.trim().is_empty() || message.contains(text.as_str()),
            Term::Regex(regex) => regex.is_match(message),
        }
    }

    fn need(&self) -> Need {
        match self {
            Term::Text(text) if text.trim().is_empty() => Need::Nothing,
            Term::Text(text) => Need::Text(text.clone()),
            Term::Regex(_) => Need::Nothing,
        }
    }
}

fn term(scanner: &mut Scanner<'_>) -> Result<Term, PatternError> {
    match scanner.peek() {
        Some('"') => match scanner.quoted()? {
            text if text.is_empty() => Err(PatternError::Characters("\"\"".to_owned())),
            text => Ok(Term::Text(text)),
        },
        Some('%') => Ok(Term::Regex(regexp::compile(scanner.between_percents()?)?)),
        _ => {
            let text = scanner.take_while(|c| c.is_alphanumeric() || c == '_');
            match scanner.peek() {
                Some(bad) if !bad.is_whitespace() => Err(PatternError::Characters(bad.to_string())),
                _ if text.is_empty() => Err(PatternError::Invalid),
                _ => Ok(Term::Text(text.to_owned())),
            }
        }
    }
}

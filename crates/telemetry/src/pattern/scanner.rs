//! Walks over a pattern's characters.

use crate::pattern::error::PatternError;

/// A position in a pattern.
pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { rest: text }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `word` if it comes next as a whole word, in any case.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let Some(head) = self.rest.get(..word.len()) else { return false };
        let tail = &self.rest[word.len()..];
        let ends = !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if head.eq_ignore_ascii_case(word) && ends {
            self.rest = tail;
            return true;
        }
        false
    }

    /// Takes the characters for which `wanted` holds.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c: char| !wanted(c)).unwrap_or(self.rest.len());
        let (head, rest) = self.rest.split_at(end);
        self.rest = rest;
        head
    }

    /// Takes a text in double quotes; a backslash before a quote or a backslash is removed.
    pub(super) fn quoted(&mut self) -> Result<String, PatternError> {
        if !self.eat("\"") {
            return Err(PatternError::Invalid);
        }
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => return Err(PatternError::Invalid),
                },
                other => text.push(other),
            }
        }
        Err(PatternError::Invalid)
    }

    /// Takes what stands between two percent signs.
    pub(super) fn between_percents(&mut self) -> Result<&'a str, PatternError> {
        let body = self.rest.strip_prefix('%').ok_or(PatternError::Invalid)?;
        let (inside, rest) = body.split_once('%').ok_or(PatternError::Invalid)?;
        self.rest = rest;
        Ok(inside)
    }
}

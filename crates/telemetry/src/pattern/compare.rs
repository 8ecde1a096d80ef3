//! A comparison of a value with what a pattern says: shared by JSON and space-delimited patterns.

use regex::Regex;

use crate::pattern::error::PatternError;
use crate::pattern::regexp;
use crate::pattern::scanner::Scanner;

/// How to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What to compare with.
#[derive(Debug)]
pub(super) enum Operand {
    /// A text in quotes, or one that is no number; asterisks stand for anything.
    Text(String),
    /// A number, and as it was written.
    Number(f64, String),
    /// A regular expression.
    Regex(Regex),
}

/// An operator and its operand.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) operator: Operator,
    pub(super) operand: Operand,
}

/// Takes an operator, if one comes next.
pub(super) fn operator(scanner: &mut Scanner<'_>) -> Option<Operator> {
    // The longer first.
    let all = [
        ("!=", Operator::NotEqual),
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("=", Operator::Equal),
        (">", Operator::Greater),
        ("<", Operator::Less),
    ];
    all.into_iter().find(|(token, _)| scanner.eat(token)).map(|(_, operator)| operator)
}

impl Comparison {
    /// Takes an operator and an operand; `ends` tells where a word without quotes ends.
    pub(super) fn parse(
        scanner: &mut Scanner<'_>,
        ends: impl Fn(char) -> bool,
    ) -> Result<Self, PatternError> {
        scanner.skip_space();
        let operator = operator(scanner).ok_or(PatternError::Invalid)?;
        scanner.skip_space();
        let (operand, written) = match scanner.peek() {
            Some('"') => {
                let text = scanner.quoted()?;
                let written = format!("\"{text}\"");
                (Operand::Text(text), written)
            }
            Some('%') => {
                let body = scanner.between_percents()?;
                (Operand::Regex(regexp::compile(body)?), format!("%{body}%"))
            }
            _ => {
                let word = scanner.take_while(|c| !ends(c) && !c.is_whitespace());
                (word_operand(word)?, word.to_owned())
            }
        };
        let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if ordered && !matches!(operand, Operand::Number(..)) {
            return Err(PatternError::Characters(written));
        }
        Ok(Comparison { operator, operand })
    }

    /// Compares a text; `number` is its value where it has one.
    pub(super) fn holds(&self, text: &str, number: Option<f64>) -> bool {
        let equal = || match &self.operand {
            Operand::Text(pattern) => is_like(pattern, text),
            Operand::Number(wanted, written) => match number {
                Some(number) => number == *wanted,
                None => written == text,
            },
            Operand::Regex(regex) => regex.is_match(text),
        };
        let ordered = |wanted: fn(f64, f64) -> bool| match (&self.operand, number) {
            (Operand::Number(operand, _), Some(number)) => wanted(number, *operand),
            _ => false,
        };
        match self.operator {
            Operator::Equal => equal(),
            Operator::NotEqual => !equal(),
            Operator::Greater => ordered(|a, b| a > b),
            Operator::GreaterOrEqual => ordered(|a, b| a >= b),
            Operator::Less => ordered(|a, b| a < b),
            Operator::LessOrEqual => ordered(|a, b| a <= b),
        }
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self.operand, Operand::Regex(_))
    }

    /// The texts that are in every value for which this holds.
    pub(super) fn texts(&self) -> Vec<&str> {
        match (&self.operator, &self.operand) {
            (Operator::Equal, Operand::Text(pattern)) => {
                pattern.split('*').filter(|piece| !piece.is_empty()).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn word_operand(word: &str) -> Result<Operand, PatternError> {
    if word.is_empty() {
        return Err(PatternError::Invalid);
    }
    if let Some(bad) = word.chars().find(|c| "\"'`(){}[]%,&|=<>!?".contains(*c)) {
        return Err(PatternError::Characters(bad.to_string()));
    }
    Ok(match number(word) {
        Some(number) => Operand::Number(number, word.to_owned()),
        None => Operand::Text(word.to_owned()),
    })
}

/// Reads a number: an optional sign, digits, a fraction, an exponent. Not `inf` or `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    let plausible = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && text.bytes().any(|b| b.is_ascii_digit());
    if plausible { text.parse().ok() } else { None }
}

/// Whether `text` is `pattern`, where an asterisk stands for any run of characters.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_any_run() {
        let check =
            |pattern, text, expected| assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        check("4*", "404", true);
        check("*.html*", "GET /index.html HTTP/1.0", true);
        check("*", "", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*a", "a", false);
        check("abc", "abcd", false);
        check("", "", true);
    }
}

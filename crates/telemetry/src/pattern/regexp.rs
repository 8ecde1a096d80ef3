//! The regular expressions of filter patterns: a small dialect, turned into this crate's.

use regex::{Regex, RegexBuilder};

use crate::pattern::error::PatternError;

/// Everything but letters and digits that an expression may hold.
const ALLOWED: &str = ":_#=@/;,-^$?[]{}|\\*+. ";
/// What may follow a backslash besides the allowed characters.
const ESCAPES: &str = "dDsSwWxtnr";
/// The largest compiled expression.
const SIZE_MAX: usize = 1 << 20;

/// Compiles what stands between two percent signs.
pub(super) fn compile(body: &str) -> Result<Regex, PatternError> {
    if body.is_empty() {
        return Err(PatternError::Invalid);
    }
    if let Some(bad) = body.chars().find(|&c| !c.is_ascii_alphanumeric() && !ALLOWED.contains(c)) {
        return Err(PatternError::Characters(bad.to_string()));
    }
    let translated = translate(body)?;
    RegexBuilder::new(&translated).size_limit(SIZE_MAX).build().map_err(|_| PatternError::Invalid)
}

fn translate(body: &str) -> Result<String, PatternError> {
    let mut out = String::with_capacity(body.len() + 16);
    let mut chars = body.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().ok_or(PatternError::Invalid)?;
                out.push_str(&escape(escaped, in_class)?);
            }
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A bracket that closes at once is a member of the class.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            // Here a second bracket would begin a class within the class.
            '[' => out.push_str("\\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Two hyphens would subtract classes.
            '-' if in_class && chars.peek() == Some(&'-') => out.push_str("\\-"),
            '{' if !in_class => {
                out.push('{');
                if chars.peek() == Some(&',') {
                    out.push('0');
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Classes are ASCII's, as the guide spells them out.
fn escape(escaped: char, in_class: bool) -> Result<String, PatternError> {
    let class = match (escaped, in_class) {
        ('d', true) => "0-9",
        ('d', false) => "[0-9]",
        ('D', _) => "[^0-9]",
        ('w', true) => "a-zA-Z_0-9",
        ('w', false) => "[a-zA-Z_0-9]",
        ('W', _) => "[^a-zA-Z_0-9]",
        ('s', true) => " \\t\\n\\r",
        ('s', false) => "[ \\t\\n\\r]",
        ('S', _) => "[^ \\t\\n\\r]",
        _ => "",
    };
    if !class.is_empty() {
        return Ok(class.to_owned());
    }
    if ESCAPES.contains(escaped) {
        return Ok(format!("\\{escaped}"));
    }
    if escaped.is_ascii_alphanumeric() {
        return Err(PatternError::Invalid);
    }
    Ok(regex::escape(&escaped.to_string()))
}

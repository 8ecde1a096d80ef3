//! Names of log groups and streams, as CloudWatch Logs allows them.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of a group or a stream.
const NAME_MAX: usize = 512;

/// A log group's name: 1 to 512 of letters, digits and `. - _ / #`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogGroupName(String);

/// A log stream's name: 1 to 512 characters, neither `:` nor `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogStreamName(String);

/// The name of a metric or subscription filter: 1 to 512 characters, neither `:` nor `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilterName(String);

/// Why a string is not a name.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LogNameError {
    /// Empty, or longer than 512 characters.
    #[error("a name has 1 to 512 characters")]
    Length,
    /// A character that the kind of name does not allow.
    #[error("the character {0:?} is not allowed")]
    Character(char),
}

fn check(raw: &str, allowed: fn(char) -> bool) -> Result<(), LogNameError> {
    if raw.is_empty() || raw.chars().count() > NAME_MAX {
        return Err(LogNameError::Length);
    }
    raw.chars().find(|&c| !allowed(c)).map_or(Ok(()), |c| Err(LogNameError::Character(c)))
}

impl LogGroupName {
    /// Parses a group's name.
    pub fn new(raw: impl Into<String>) -> Result<Self, LogNameError> {
        let raw = raw.into();
        check(&raw, |c| c.is_ascii_alphanumeric() || "._-/#".contains(c))?;
        Ok(LogGroupName(raw))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LogStreamName {
    /// Parses a stream's name.
    pub fn new(raw: impl Into<String>) -> Result<Self, LogNameError> {
        let raw = raw.into();
        check(&raw, |c| c != ':' && c != '*')?;
        Ok(LogStreamName(raw))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FilterName {
    /// Parses a filter's name.
    pub fn new(raw: impl Into<String>) -> Result<Self, LogNameError> {
        let raw = raw.into();
        check(&raw, |c| c != ':' && c != '*')?;
        Ok(FilterName(raw))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! as_string {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = LogNameError;
            fn try_from(raw: String) -> Result<Self, LogNameError> {
                $name::new(raw)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

as_string!(LogGroupName);
as_string!(LogStreamName);
as_string!(FilterName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_paths_and_streams_are_nearly_anything() {
        assert!(LogGroupName::new("/ecs/web-app_1.0#x").is_ok());
        assert_eq!(LogGroupName::new("a b"), Err(LogNameError::Character(' ')));
        assert_eq!(LogGroupName::new(""), Err(LogNameError::Length));
        assert_eq!(LogGroupName::new("x".repeat(513)), Err(LogNameError::Length));
        assert!(LogStreamName::new("web/app [1] ü").is_ok());
        assert_eq!(LogStreamName::new("a:b"), Err(LogNameError::Character(':')));
    }
}

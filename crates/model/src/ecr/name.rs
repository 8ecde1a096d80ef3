//! Repository names, as ECR and the OCI distribution specification both write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The name of a repository: 2 to 256 characters of slash-separated lower-case components.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

/// Why a string is not a repository name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RepositoryNameError {
    /// Shorter than 2 or longer than 256 characters.
    #[error("a repository name has 2 to 256 characters, not {0}")]
    Length(usize),
    /// A component is empty, or has a character or separator that is not allowed.
    #[error("not a repository name: {0:?}")]
    Form(String),
}

impl RepositoryName {
    /// What ECR's refusals call the rule.
    pub const PATTERN: &'static str = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";
    /// The fewest characters of a name.
    pub const MIN_LEN: usize = 2;
    /// The most characters of a name.
    pub const MAX_LEN: usize = 256;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `part` is alphanumeric runs joined by `.`, `_`, `__` or any number of `-`.
fn is_component(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends_well = |b: Option<&u8>| b.is_some_and(|b| alphanumeric(*b));
    if !ends_well(bytes.first()) || !ends_well(bytes.last()) {
        return false;
    }
    bytes.split(|b| alphanumeric(*b)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
    })
}

impl FromStr for RepositoryName {
    type Err = RepositoryNameError;

    fn from_str(raw: &str) -> Result<Self, RepositoryNameError> {
        if !raw.split('/').all(is_component) {
            return Err(RepositoryNameError::Form(raw.to_owned()));
        }
        if !(Self::MIN_LEN..=Self::MAX_LEN).contains(&raw.len()) {
            return Err(RepositoryNameError::Length(raw.len()));
        }
        Ok(RepositoryName(raw.to_owned()))
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = RepositoryNameError;
    fn try_from(raw: String) -> Result<Self, RepositoryNameError> {
        raw.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> String {
        name.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_components() {
        for good in ["ab", "a/b", "team/web-app", "a.b_c-d/e", "a__b", "a---b", "0/1/2", "1.2.3"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in [
            "", "Web", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a._b", "a b", "a:b", "é/a",
            "../etc", "a/..",
        ] {
            assert_eq!(bad.parse::<RepositoryName>(), Err(RepositoryNameError::Form(bad.into())), "{bad}");
        }
    }

    #[test]
    fn length_is_bounded() {
        assert_eq!("a".parse::<RepositoryName>(), Err(RepositoryNameError::Length(1)));
        assert!("a".repeat(256).parse::<RepositoryName>().is_ok());
        assert_eq!("a".repeat(257).parse::<RepositoryName>(), Err(RepositoryNameError::Length(257)));
    }
}

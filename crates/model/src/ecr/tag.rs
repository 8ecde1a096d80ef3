//! Image tags: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`, as OCI has it.
//!
//! ECR's model allows 300 characters for references such as `sha256-<hex>.sig`; the
//! registry's own grammar (128) is what docker can push, so 300 is the limit and the
//! characters are OCI's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A tag: a movable name of an image in its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageTag(String);

/// A string is not a tag.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not an image tag: {0:?}")]
pub struct ImageTagError(pub String);

impl ImageTag {
    /// The most characters of a tag.
    pub const MAX_LEN: usize = 300;

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageTag {
    type Err = ImageTagError;

    fn from_str(raw: &str) -> Result<Self, ImageTagError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let starts_well = raw.bytes().next().is_some_and(word);
        let fits = raw.bytes().all(|b| word(b) || b == b'.' || b == b'-');
        if starts_well && fits && raw.len() <= Self::MAX_LEN {
            Ok(ImageTag(raw.to_owned()))
        } else {
            Err(ImageTagError(raw.to_owned()))
        }
    }
}

impl TryFrom<String> for ImageTag {
    type Error = ImageTagError;
    fn try_from(raw: String) -> Result<Self, ImageTagError> {
        raw.parse()
    }
}

impl From<ImageTag> for String {
    fn from(tag: ImageTag) -> String {
        tag.0
    }
}

impl fmt::Display for ImageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words() {
        for good in ["latest", "v1.2.3", "_x", "A-b_c.d", "9"] {
            assert!(good.parse::<ImageTag>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "a b", "a/b", "a:b", "é", &"a".repeat(301)] {
            assert!(bad.parse::<ImageTag>().is_err(), "{bad}");
        }
    }
}

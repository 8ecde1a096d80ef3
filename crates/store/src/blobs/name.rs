//! Names of blobs: relative paths of harmless segments, valid on every backend.

use std::fmt;

use super::error::Error;

/// The longest name.
const MAX_NAME_BYTES: usize = 512;
/// The longest segment of a name; file systems take no more.
const MAX_SEGMENT_BYTES: usize = 200;

/// A blob's name: segments of `A-Z a-z 0-9 . _ - =`, joined by slashes; no segment starts with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(String);

impl BlobName {
    /// Parses a name.
    pub fn new(raw: impl Into<String>) -> Result<Self, Error> {
        let raw = raw.into();
        if raw.len() <= MAX_NAME_BYTES && raw.split('/').all(is_segment) {
            Ok(BlobName(raw))
        } else {
            Err(Error::InvalidName { name: raw })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `raw` can be one file name: neither empty nor hidden nor a way out of its directory.
pub(crate) fn is_segment(raw: &str) -> bool {
    (1..=MAX_SEGMENT_BYTES).contains(&raw.len())
        && !raw.starts_with('.')
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_directory() {
        for good in ["a", "sha256/ab/abcdef", "logs/123456789012/us-east-2/x.seg"] {
            assert!(BlobName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a b", "a\\b", "a\0", "é", "a#1"] {
            assert!(BlobName::new(bad).is_err(), "{bad:?}");
        }
        assert!(BlobName::new("a/".repeat(300)).is_err());
    }
}

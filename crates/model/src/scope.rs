//! The partition in which every resource lives: one account in one region.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A 12-digit AWS account id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// An AWS region name such as `us-east-2`: lower-case letters, digits and hyphens, at most 32 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// One account in one region. Resources of two scopes never see each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The account that owns the resource.
    pub account: AccountId,
    /// The region of the request's credential scope.
    pub region: Region,
}

/// Why a string is not an account id or a region.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ScopeError {
    /// The account id is not exactly twelve digits.
    #[error("an account id is 12 digits, not {0:?}")]
    Account(String),
    /// The region has characters outside `[a-z0-9-]`, or is empty or too long.
    #[error("a region is 1 to 32 of a-z, 0-9 and '-', not {0:?}")]
    Region(String),
}

impl AccountId {
    /// Parses a 12-digit account id.
    pub fn new(raw: impl Into<String>) -> Result<Self, ScopeError> {
        let raw = raw.into();
        if raw.len() == 12 && raw.bytes().all(|b| b.is_ascii_digit()) {
            Ok(AccountId(raw))
        } else {
            Err(ScopeError::Account(raw))
        }
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// Parses a region name.
    pub fn new(raw: impl Into<String>) -> Result<Self, ScopeError> {
        let raw = raw.into();
        let fits = (1..=32).contains(&raw.len())
            && raw.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Region(raw)) } else { Err(ScopeError::Region(raw)) }
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Scope {
    /// Joins an account and a region.
    pub fn new(account: AccountId, region: Region) -> Self {
        Scope { account, region }
    }
}

impl TryFrom<String> for AccountId {
    type Error = ScopeError;
    fn try_from(raw: String) -> Result<Self, ScopeError> {
        AccountId::new(raw)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> String {
        id.0
    }
}

impl TryFrom<String> for Region {
    type Error = ScopeError;
    fn try_from(raw: String) -> Result<Self, ScopeError> {
        Region::new(raw)
    }
}

impl From<Region> for String {
    fn from(region: Region) -> String {
        region.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twelve_digits_are_an_account() {
        assert!(AccountId::new("123456789012").is_ok());
        for bad in ["", "12345678901", "1234567890123", "12345678901x"] {
            assert_eq!(AccountId::new(bad), Err(ScopeError::Account(bad.into())));
        }
    }

    #[test]
    fn regions_are_lower_case_words() {
        assert!(Region::new("us-east-2").is_ok());
        for bad in ["", "US-EAST-1", "us east", "../x"] {
            assert!(Region::new(bad).is_err(), "{bad}");
        }
    }
}

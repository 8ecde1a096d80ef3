//! When a rule applies.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A condition. It holds when one of its values does; in patterns `*` stands for any text and `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// The host matches one of the patterns, whatever their case.
    HostHeader(Vec<String>),
    /// The path matches one of the patterns.
    PathPattern(Vec<String>),
    /// A header matches one of the patterns, whatever their case.
    HttpHeader {
        /// The header.
        name: String,
        /// The patterns.
        values: Vec<String>,
    },
    /// The method is one of these.
    HttpRequestMethod(Vec<String>),
    /// The query has one of these.
    QueryString(Vec<QueryPair>),
    /// The client's address is in one of these blocks.
    SourceIp(Vec<IpBlock>),
}

/// A key and a value of a query, or a value under any key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryPair {
    /// The key.
    #[serde(default)]
    pub key: Option<String>,
    /// The value.
    pub value: String,
}

/// A block of addresses of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpBlock {
    /// An address in it.
    base: IpAddr,
    /// The length of what all its addresses share.
    prefix: u8,
}

/// A text is no block of addresses.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a block of addresses in CIDR notation: {0:?}")]
pub struct IpBlockError(pub String);

impl IpBlock {
    /// An address in the block.
    pub fn base(self) -> IpAddr {
        self.base
    }

    /// The length of what all its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }
}

impl FromStr for IpBlock {
    type Err = IpBlockError;
    fn from_str(raw: &str) -> Result<Self, IpBlockError> {
        let wrong = || IpBlockError(raw.to_owned());
        let (base, prefix) = raw.split_once('/').ok_or_else(wrong)?;
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        if prefix > most {
            return Err(wrong());
        }
        Ok(IpBlock { base, prefix })
    }
}

impl TryFrom<String> for IpBlock {
    type Error = IpBlockError;
    fn try_from(raw: String) -> Result<Self, IpBlockError> {
        raw.parse()
    }
}

impl From<IpBlock> for String {
    fn from(block: IpBlock) -> String {
        block.to_string()
    }
}

impl fmt::Display for IpBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_of_either_family() {
        for good in ["10.0.0.0/8", "::1/128", "0.0.0.0/0"] {
            assert_eq!(good.parse::<IpBlock>().unwrap().to_string(), good);
        }
        for bad in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/1"] {
            assert_eq!(bad.parse::<IpBlock>(), Err(IpBlockError(bad.to_owned())));
        }
    }
}

//! How the health of a group's targets is looked at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ecs::text::text_enum;

text_enum! {
    /// What a health check speaks.
    pub enum HealthCheckProtocol {
        /// A request.
        Http = "HTTP",
        /// A request over TLS.
        Https = "HTTPS",
        /// A connection.
        Tcp = "TCP",
    }
}

impl HealthCheckProtocol {
    /// Whether it asks for a path and looks at a code.
    pub fn is_http(self) -> bool {
        match self {
            HealthCheckProtocol::Http | HealthCheckProtocol::Https => true,
            HealthCheckProtocol::Tcp => false,
        }
    }
}

/// The port that a health check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthCheckPort {
    /// The target's own.
    Traffic,
    /// The same on every target.
    Fixed(u16),
}

impl fmt::Display for HealthCheckPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HealthCheckPort::Traffic => f.write_str("traffic-port"),
            HealthCheckPort::Fixed(port) => write!(f, "{port}"),
        }
    }
}

/// Codes from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// The codes that count as healthy, as `200,202` or `200-299`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    text: String,
    ranges: Vec<CodeRange>,
}

/// A text names no codes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a list of codes: {0:?}")]
pub struct MatcherError(pub String);

impl Matcher {
    /// The codes.
    pub fn ranges(&self) -> &[CodeRange] {
        &self.ranges
    }

    /// Whether every code lies between the two.
    pub fn within(&self, first: u16, last: u16) -> bool {
        self.ranges.iter().all(|range| first <= range.first && range.last <= last)
    }
}

impl FromStr for Matcher {
    type Err = MatcherError;
    fn from_str(raw: &str) -> Result<Self, MatcherError> {
        let wrong = || MatcherError(raw.to_owned());
        let number = |text: &str| text.parse::<u16>().ok();
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = CodeRange { first: number(first)?, last: number(last)? };
            (range.first <= range.last).then_some(range)
        };
        let ranges: Option<Vec<_>> = raw.split(',').map(range).collect();
        Ok(Matcher { text: raw.to_owned(), ranges: ranges.ok_or_else(wrong)? })
    }
}

impl TryFrom<String> for Matcher {
    type Error = MatcherError;
    fn try_from(raw: String) -> Result<Self, MatcherError> {
        raw.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> String {
        matcher.text
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How the health of a group's targets is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What it speaks.
    pub protocol: HealthCheckProtocol,
    /// The port that it asks.
    pub port: HealthCheckPort,
    /// The path that it asks; none for connections.
    #[serde(default)]
    pub path: Option<String>,
    /// Seconds from one to the next.
    pub interval_seconds: u32,
    /// Seconds until it counts as failed.
    pub timeout_seconds: u32,
    /// Successes in a row that make an unhealthy target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a healthy target unhealthy.
    pub unhealthy_threshold: u32,
    /// The codes that count as healthy; none for connections.
    #[serde(default)]
    pub matcher: Option<Matcher>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbers_and_ranges() {
        let matcher: Matcher = "200,202-204".parse().unwrap();
        let ranges = [CodeRange { first: 200, last: 200 }, CodeRange { first: 202, last: 204 }];
        assert_eq!(matcher.ranges(), ranges);
        assert!(matcher.within(200, 499) && !matcher.within(200, 203));
        for bad in ["", "x", "200-", "300-200", "200,,201"] {
            assert!(bad.parse::<Matcher>().is_err(), "{bad}");
        }
    }
}

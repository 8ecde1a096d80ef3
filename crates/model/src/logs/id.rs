//! The ids under which the log store keeps events: 128 random bits, 32 hex digits when stored.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::IdSource;

/// A string is not an id of a log group or stream.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not 32 hexadecimal digits: {0:?}")]
pub struct LogIdError(pub String);

macro_rules! log_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl $name {
            /// Wraps the 128 bits of an id.
            pub const fn from_bits(bits: u128) -> Self {
                $name(bits)
            }

            /// The 128 bits of the id.
            pub const fn bits(self) -> u128 {
                self.0
            }

            /// Draws a new id.
            pub fn draw(ids: &mut dyn IdSource) -> Self {
                let mut bytes = [0; 16];
                ids.fill(&mut bytes);
                $name(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = LogIdError;
            fn try_from(raw: String) -> Result<Self, LogIdError> {
                if raw.len() != 32 {
                    return Err(LogIdError(raw));
                }
                u128::from_str_radix(&raw, 16).map($name).map_err(|_| LogIdError(raw))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

log_id!(LogGroupId, "Names one life of a log group.");
log_id!(LogStreamId, "Names one life of a log stream.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SeededIds;

    #[test]
    fn an_id_is_32_hex_digits_and_back() {
        let id = LogStreamId::draw(&mut SeededIds::new(7));
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(LogStreamId::try_from(text), Ok(id));
        assert!(LogStreamId::try_from("+f".repeat(16)).is_err());
    }
}

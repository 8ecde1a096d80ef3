//! Why a pattern is refused, in the service's words.

use thiserror::Error;

/// A pattern that the service refuses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// Characters that must stand in double quotes, or that no quotes allow.
    #[error("Invalid character(s) in term '{0}'")]
    Characters(String),
    /// A JSON pattern without its end.
    #[error("If a filter pattern starts with '{{' it must end with '}}'")]
    UnclosedBrace,
    /// A space-delimited pattern without its end.
    #[error("If a filter pattern starts with '[' it must end with ']'")]
    UnclosedBracket,
    /// Anything else that the grammar does not know, or that exceeds a quota.
    #[error("Invalid filter pattern")]
    Invalid,
}

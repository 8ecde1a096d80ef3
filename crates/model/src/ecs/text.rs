//! Words and names that ECS spells in one way only.
//!
//! `text_enum!` makes an enumeration of a closed set of words; `name!` makes a newtype
//! with one fallible constructor. Both are stored exactly as the API spells them.

use thiserror::Error;

/// An enumeration whose variants have one spelling each.
pub trait TextEnum: Copy + Sized + 'static {
    /// Every variant, in the order of the API model.
    const ALL: &'static [Self];

    /// The API's spelling.
    fn as_str(self) -> &'static str;

    /// Reads the API's spelling; anything else is `None`.
    fn parse(raw: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|variant| variant.as_str() == raw)
    }
}

/// A name has characters that its kind does not allow, or a forbidden length.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{kind} contains invalid characters or has an invalid length: {raw:?}")]
pub struct NameError {
    /// What was to be named.
    pub kind: &'static str,
    /// The refused name.
    pub raw: String,
}

/// Whether `raw` is 1 to 255 letters, digits, hyphens and underscores: the rule of most ECS names.
pub(super) fn is_plain_name(raw: &str) -> bool {
    (1..=255).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $text)] $variant,)+
        }

        impl $crate::ecs::text::TextEnum for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::ecs::text::TextEnum::as_str(*self))
            }
        }
    };
}

macro_rules! name {
    ($(#[$meta:meta])* pub struct $name:ident: $kind:literal, $rule:expr;) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the characters and the length.
            pub fn new(raw: impl Into<String>) -> Result<Self, $crate::ecs::text::NameError> {
                let raw = raw.into();
                let fits: fn(&str) -> bool = $rule;
                if fits(&raw) {
                    Ok(Self(raw))
                } else {
                    Err($crate::ecs::text::NameError { kind: $kind, raw })
                }
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ecs::text::NameError;
            fn try_from(raw: String) -> Result<Self, Self::Error> {
                Self::new(raw)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use {name, text_enum};

//! The means of conversion between generated shapes and the model.
//!
//! [`Wire`] goes both ways: reading may fail and then says where, writing never does.
//! `mirror!` writes it for structures whose members correspond one to one.

use std::collections::BTreeMap;

use model::ecs::container_definition::PortRange;
use model::ecs::text::TextEnum;

/// A model type that has a counterpart `W` among the generated shapes.
pub(crate) trait Wire<W>: Sized {
    /// Reads the shape.
    fn from_wire(shape: W) -> Result<Self, Malformed>;
    /// Writes the shape.
    fn into_wire(self) -> W;
}

/// A member whose value no model type takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The innermost member's name on the wire, such as `containerPort`.
    pub member: String,
    /// The value, when it is text outside a closed set of words.
    pub word: Option<String>,
}

impl Malformed {
    /// A value that does not fit; the enclosing structure names the member.
    pub(crate) fn here() -> Self {
        Malformed { member: String::new(), word: None }
    }

    /// A word outside the set.
    pub(crate) fn word(raw: &str) -> Self {
        Malformed { member: String::new(), word: Some(raw.to_owned()) }
    }

    /// Names the member, unless a member further inside is named already.
    pub(crate) fn inside(mut self, field: &str) -> Self {
        if self.member.is_empty() {
            self.member = camel_case(field);
        }
        self
    }
}

/// `container_port` becomes `containerPort`.
fn camel_case(field: &str) -> String {
    let mut words = field.trim_start_matches("r#").split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl Wire<$type> for $type {
            fn from_wire(shape: $type) -> Result<Self, Malformed> {
                Ok(shape)
            }
            fn into_wire(self) -> $type {
                self
            }
        }
    )*};
}

same!(String, bool, i32, BTreeMap<String, String>);

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Wire<i32> for $type {
            fn from_wire(shape: i32) -> Result<Self, Malformed> {
                <$type>::try_from(shape).map_err(|_| Malformed::here())
            }
            fn into_wire(self) -> i32 {
                i32::try_from(self).unwrap_or(i32::MAX)
            }
        }
    )*};
}

unsigned!(u16, u32);

impl Wire<String> for PortRange {
    fn from_wire(shape: String) -> Result<Self, Malformed> {
        PortRange::parse(&shape).ok_or_else(Malformed::here)
    }
    fn into_wire(self) -> String {
        self.to_string()
    }
}

impl<T: Wire<W>, W> Wire<Option<W>> for Option<T> {
    fn from_wire(shape: Option<W>) -> Result<Self, Malformed> {
        shape.map(T::from_wire).transpose()
    }
    fn into_wire(self) -> Option<W> {
        self.map(T::into_wire)
    }
}

impl<T: Wire<W>, W> Wire<Vec<W>> for Vec<T> {
    fn from_wire(shape: Vec<W>) -> Result<Self, Malformed> {
        shape.into_iter().map(T::from_wire).collect()
    }
    fn into_wire(self) -> Vec<W> {
        self.into_iter().map(T::into_wire).collect()
    }
}

/// A list that is empty when absent, and is written even when empty.
impl<T: Wire<W>, W> Wire<Option<Vec<W>>> for Vec<T> {
    fn from_wire(shape: Option<Vec<W>>) -> Result<Self, Malformed> {
        Wire::from_wire(shape.unwrap_or_default())
    }
    fn into_wire(self) -> Option<Vec<W>> {
        Some(Wire::into_wire(self))
    }
}

/// Reads one of a closed set of words.
pub(crate) fn read_word<T: TextEnum>(raw: &str) -> Result<T, Malformed> {
    T::parse(raw).ok_or_else(|| Malformed::word(raw))
}

/// Writes [`Wire`] for enumerations, whose counterpart is text.
macro_rules! words {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::ecs::wire::convert::Wire<String> for $type {
            fn from_wire(shape: String) -> Result<Self, $crate::ecs::wire::convert::Malformed> {
                $crate::ecs::wire::convert::read_word(&shape)
            }
            fn into_wire(self) -> String {
                self.to_string()
            }
        }
    )*};
}

/// Reads one member of a shape; an error names it.
macro_rules! read {
    ($shape:ident.$field:ident) => {
        $crate::ecs::wire::convert::Wire::from_wire($shape.$field)
            .map_err(|error: $crate::ecs::wire::convert::Malformed| error.inside(stringify!($field)))?
    };
}

/// Writes [`Wire`] for structures: `Model = Shape [same, names] [model_name = shape_name]`.
macro_rules! mirror {
    ($($model:ty = $shape:ident [$($same:ident),* $(,)?] [$($ours:ident = $theirs:ident),* $(,)?];)*) => {$(
        impl $crate::ecs::wire::convert::Wire<wire::ecs::$shape> for $model {
            fn from_wire(
                shape: wire::ecs::$shape,
            ) -> Result<Self, $crate::ecs::wire::convert::Malformed> {
                Ok(Self {
                    $($same: $crate::ecs::wire::convert::read!(shape.$same),)*
                    $($ours: $crate::ecs::wire::convert::read!(shape.$theirs),)*
                })
            }
            fn into_wire(self) -> wire::ecs::$shape {
                wire::ecs::$shape {
                    $($same: $crate::ecs::wire::convert::Wire::into_wire(self.$same),)*
                    $($theirs: $crate::ecs::wire::convert::Wire::into_wire(self.$ours),)*
                }
            }
        }
    )*};
}

pub(crate) use {mirror, read, words};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_innermost_member() {
        assert_eq!(
            Malformed::here().inside("container_port").inside("port_mappings").member,
            "containerPort"
        );
        assert_eq!(camel_case("r#type"), "type");
    }

    #[test]
    fn numbers_keep_their_range() {
        assert_eq!(<u16 as Wire<i32>>::from_wire(65_535), Ok(65_535));
        assert!(<u16 as Wire<i32>>::from_wire(65_536).is_err());
        assert!(<u32 as Wire<i32>>::from_wire(-1).is_err());
    }
}

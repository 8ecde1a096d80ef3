//! Typed shapes: how a generated structure is read from a [`Value`] and turned into one.
//!
//! [`Shape`] is for structures, [`Field`] for whatever a member can hold, and [`Slot`]
//! tells required members (`T`) from optional ones (`Option<T>`). The `shape!` macro writes
//! a structure, its schema and its conversions from one table.

use std::collections::BTreeMap;

use crate::schema::Schema;
use crate::value::{Name, Value};

/// A value does not have the type that its shape wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A required member is absent.
    #[error("{path} is required")]
    Missing {
        /// Where, as `containerDefinitions[0].name`.
        path: String,
    },
    /// The value is of another type.
    #[error("{path} must be of type {wanted}, not {found}")]
    Type {
        /// Where; empty at the top.
        path: String,
        /// The type that the shape wants.
        wanted: &'static str,
        /// The type that came.
        found: &'static str,
    },
    /// The number does not fit the shape's width.
    #[error("{path} is out of range")]
    Range {
        /// Where.
        path: String,
    },
}

impl DecodeError {
    fn wrong(wanted: &'static str, value: &Value) -> Self {
        DecodeError::Type { path: String::new(), wanted, found: value.kind() }
    }

    /// The same error, one level further out.
    fn inside(mut self, outer: &str) -> Self {
        let (DecodeError::Missing { path } | DecodeError::Type { path, .. } | DecodeError::Range { path }) =
            &mut self;
        let glue = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        *path = format!("{outer}{glue}{path}");
        self
    }

    /// Where the error is: `containerDefinitions[0].name`.
    pub fn path(&self) -> &str {
        let (DecodeError::Missing { path } | DecodeError::Type { path, .. } | DecodeError::Range { path }) =
            self;
        path
    }
}

/// A structure of a service model.
pub trait Shape: Sized + Send + Sync + 'static {
    /// The structure's schema.
    const SCHEMA: &'static Schema;

    /// Reads the structure; unknown members are ignored.
    fn from_value(value: Value) -> Result<Self, DecodeError>;

    /// Turns the structure into a document; absent members are left out.
    fn into_value(self) -> Value;
}

/// The input or output of an operation that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty {}

static EMPTY: Schema = Schema::structure("Unit", &[]);

impl Shape for Empty {
    const SCHEMA: &'static Schema = &EMPTY;

    fn from_value(_: Value) -> Result<Self, DecodeError> {
        Ok(Self {})
    }

    fn into_value(self) -> Value {
        Value::Map(Vec::new())
    }
}

/// Whatever a member, an item or a map's value can be.
pub trait Field: Sized {
    /// Reads the value.
    fn read(value: Value) -> Result<Self, DecodeError>;
    /// Turns it into a document.
    fn write(self) -> Value;
}

impl<T: Field> Field for Box<T> {
    fn read(value: Value) -> Result<Self, DecodeError> {
        T::read(value).map(Box::new)
    }

    fn write(self) -> Value {
        (*self).write()
    }
}

impl Field for Value {
    fn read(value: Value) -> Result<Self, DecodeError> {
        Ok(value)
    }

    fn write(self) -> Value {
        self
    }
}

impl Field for String {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(DecodeError::wrong("string", &other)),
        }
    }

    fn write(self) -> Value {
        Value::String(self)
    }
}

impl Field for bool {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Bool(flag) => Ok(flag),
            other => Err(DecodeError::wrong("boolean", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Bool(self)
    }
}

impl Field for i32 {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Integer(number) => {
                i32::try_from(number).map_err(|_| DecodeError::Range { path: String::new() })
            }
            other => Err(DecodeError::wrong("integer", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Integer(self.into())
    }
}

/// Longs, and timestamps in epoch milliseconds: the schema tells them apart.
impl Field for i64 {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Integer(number) | Value::Timestamp(number) => Ok(number),
            other => Err(DecodeError::wrong("long", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Integer(self)
    }
}

impl Field for f64 {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Integer(number) => Ok(number as f64),
            other => Err(DecodeError::wrong("double", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Float(self)
    }
}

impl Field for f32 {
    fn read(value: Value) -> Result<Self, DecodeError> {
        f64::read(value).map(|number| number as f32)
    }

    fn write(self) -> Value {
        Value::Float(self.into())
    }
}

impl Field for Vec<u8> {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Blob(bytes) => Ok(bytes),
            other => Err(DecodeError::wrong("blob", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Blob(self)
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::List(items) => {
                let read = |(at, item)| T::read(item).map_err(|e| e.inside(&format!("[{at}]")));
                items.into_iter().enumerate().map(read).collect()
            }
            other => Err(DecodeError::wrong("list", &other)),
        }
    }

    fn write(self) -> Value {
        Value::List(self.into_iter().map(Field::write).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn read(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Map(entries) => {
                let read = |(key, value): (Name, Value)| match T::read(value) {
                    Ok(value) => Ok((key.into_owned(), value)),
                    Err(error) => Err(error.inside(&key)),
                };
                entries.into_iter().map(read).collect()
            }
            other => Err(DecodeError::wrong("map", &other)),
        }
    }

    fn write(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key.into(), value.write())).collect())
    }
}

/// The members of a structure that is being read.
#[derive(Debug)]
pub struct Members(Vec<(Name, Value)>);

impl Members {
    /// The members of `value`; an absent structure has none.
    pub fn of(value: Value) -> Result<Self, DecodeError> {
        match value {
            Value::Map(members) => Ok(Self(members)),
            Value::Null => Ok(Self(Vec::new())),
            other => Err(DecodeError::wrong("structure", &other)),
        }
    }

    /// Takes out the member called `name`. The last one wins, as it does in JSON.
    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().rposition(|(key, value)| key == name && !value.is_null())?;
        Some(self.0.swap_remove(at).1)
    }
}

/// A member's place in a structure: required (`T`) or optional (`Option<T>`).
pub trait Slot: Sized {
    /// Takes the member called `name` out of `members`.
    fn take(members: &mut Members, name: &'static str) -> Result<Self, DecodeError>;
    /// Adds the member to `members`, unless it is absent.
    fn put(self, members: &mut Vec<(Name, Value)>, name: &'static str);
}

impl<T: Field> Slot for T {
    fn take(members: &mut Members, name: &'static str) -> Result<Self, DecodeError> {
        let value = members.take(name).ok_or_else(|| DecodeError::Missing { path: name.to_owned() })?;
        T::read(value).map_err(|error| error.inside(name))
    }

    fn put(self, members: &mut Vec<(Name, Value)>, name: &'static str) {
        members.push((name.into(), self.write()));
    }
}

impl<T: Field> Slot for Option<T> {
    fn take(members: &mut Members, name: &'static str) -> Result<Self, DecodeError> {
        members.take(name).map(T::read).transpose().map_err(|error| error.inside(name))
    }

    fn put(self, members: &mut Vec<(Name, Value)>, name: &'static str) {
        if let Some(field) = self {
            members.push((name.into(), field.write()));
        }
    }
}

/// Writes a structure, its schema and its [`Shape`] from one table: `field: Type = "name" SCHEMA.traits()`.
macro_rules! shape {
    ($shape:ident = $schema:ident $form:ident {
        $($field:ident : $type:ty = $name:literal $of:ident $(. $method:ident ( $($arg:literal)? ))* ,)*
    }) => {
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $shape {
            $(pub $field: $type,)*
        }

        static $schema: $crate::schema::Schema = $crate::schema::Schema::$form(stringify!($shape), &[
            $($crate::schema::Member::new($name, &$of)$(.$method($($arg)?))*,)*
        ]);

        impl $crate::shape::Shape for $shape {
            const SCHEMA: &'static $crate::schema::Schema = &$schema;

            fn from_value(
                value: $crate::value::Value,
            ) -> ::std::result::Result<Self, $crate::shape::DecodeError> {
                #[allow(unused_mut, unused_variables)]
                let mut members = $crate::shape::Members::of(value)?;
                Ok(Self { $($field: $crate::shape::Slot::take(&mut members, $name)?,)* })
            }

            fn into_value(self) -> $crate::value::Value {
                #[allow(unused_mut)]
                let mut members = ::std::vec::Vec::new();
                $($crate::shape::Slot::put(self.$field, &mut members, $name);)*
                $crate::value::Value::Map(members)
            }
        }

        impl $crate::shape::Field for $shape {
            fn read(
                value: $crate::value::Value,
            ) -> ::std::result::Result<Self, $crate::shape::DecodeError> {
                $crate::shape::Shape::from_value(value)
            }

            fn write(self) -> $crate::value::Value {
                $crate::shape::Shape::into_value(self)
            }
        }
    };
}

/// Writes an operation's type: `RunTask(RunTaskRequest) -> RunTaskResponse = 61;`, the number being its place.
macro_rules! operations {
    ($($operation:ident ( $input:ty ) -> $output:ty = $at:literal ;)*) => {
        $(
            #[derive(Clone, Copy, Debug, Default)]
            pub struct $operation;

            impl $crate::service::Operation for $operation {
                type Input = $input;
                type Output = $output;
                const MODEL: &'static $crate::service::OperationModel = &OPERATIONS[$at];
                const SERVICE: &'static $crate::service::ServiceModel = SERVICE;
            }
        )*
    };
}

pub(crate) use {operations, shape};

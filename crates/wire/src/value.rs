//! The protocol-neutral document: what every codec decodes to and encodes from.
//!
//! Structures and maps are both [`Value::Map`]; which of the two a value is, and how its
//! leaves look on the wire, is said by the [`Schema`](crate::Schema) that travels beside it.
//! Member names are the model's, never a protocol's.

use std::borrow::Cow;

/// The name of a member or the key of a map. Decoders borrow member names from the schema.
pub type Name = Cow<'static, str>;

/// One value of any shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Absent, or an explicit JSON or CBOR null.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Integer(i64),
    /// A float or double.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A point in time in epoch milliseconds.
    Timestamp(i64),
    /// A list.
    List(Vec<Value>),
    /// A structure or a map, in wire order.
    Map(Vec<(Name, Value)>),
}

impl Value {
    /// The member or entry called `name`, when this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Integer(_) => "integer",
            Value::Float(_) => "float",
            Value::String(_) => "string",
            Value::Blob(_) => "blob",
            Value::Timestamp(_) => "timestamp",
            Value::List(_) => "list",
            Value::Map(_) => "structure",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

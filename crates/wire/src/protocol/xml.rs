//! XML answers, as both Query protocols write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::time::{format_epoch, format_iso8601};
use crate::schema::{Kind, Schema, TimestampFormat};
use crate::value::{Name, Value};

/// Which of the two dialects is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `<member>` around items.
    Query,
    /// `<item>` around items.
    Ec2,
}

/// An XML document in the making.
#[derive(Debug)]
pub(super) struct Writer {
    out: String,
    dialect: Dialect,
}

impl Writer {
    /// An empty document.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { out: String::with_capacity(512), dialect }
    }

    /// A document that begins with an XML declaration.
    pub(super) fn declared(dialect: Dialect) -> Self {
        let mut writer = Self::new(dialect);
        writer.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        writer
    }

    /// The document.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Opens `<name xmlns="namespace">`.
    pub(super) fn open_in(&mut self, name: &str, namespace: Option<&str>) {
        self.out.push('<');
        self.out.push_str(name);
        if let Some(namespace) = namespace {
            self.out.push_str(" xmlns=\"");
            self.escape(namespace);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// Opens `<name>`.
    pub(super) fn open(&mut self, name: &str) {
        self.open_in(name, None);
    }

    /// Closes `</name>`.
    pub(super) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Writes `<name>text</name>`.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escape(text);
        self.close(name);
    }

    /// Writes a structure's members, without an element around them.
    pub(super) fn members(&mut self, schema: Option<&Schema>, members: &[(Name, Value)]) {
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            match schema.map(Schema::members) {
                Some(known) => {
                    // An answer never carries a member that its model does not know.
                    let Some(member) = known.iter().find(|m| m.name == name) else { continue };
                    self.element(member.wire_name.unwrap_or(member.name), Some(member.schema), value);
                }
                None => self.element(name, None, value),
            }
        }
    }

    /// Writes `value` as the element `name`; flattened lists and maps are several.
    pub(super) fn element(&mut self, name: &str, schema: Option<&Schema>, value: &Value) {
        let kind = schema.map(|schema| &schema.kind);
        match (value, kind) {
            (Value::List(items), Some(Kind::List(list))) if list.flattened => {
                let name = list.item_name.unwrap_or(name);
                items.iter().for_each(|item| self.element(name, Some(list.item), item));
            }
            (Value::List(items), kind) => {
                let (item_name, item) = match kind {
                    Some(Kind::List(list)) => (list.item_name, Some(list.item)),
                    _ => (None, None),
                };
                let default = if self.dialect == Dialect::Ec2 { "item" } else { "member" };
                self.open(name);
                items.iter().for_each(|value| self.element(item_name.unwrap_or(default), item, value));
                self.close(name);
            }
            (Value::Map(entries), Some(Kind::Map(map))) => {
                let (outer, entry) = if map.flattened { (None, name) } else { (Some(name), "entry") };
                outer.iter().for_each(|name| self.open(name));
                for (key, value) in entries {
                    self.open(entry);
                    self.text(map.key_name.unwrap_or("key"), key);
                    self.element(map.value_name.unwrap_or("value"), Some(map.value), value);
                    self.close(entry);
                }
                outer.iter().for_each(|name| self.close(name));
            }
            (Value::Map(members), _) => {
                self.open(name);
                self.members(schema, members);
                self.close(name);
            }
            (leaf, kind) => self.text(name, &text_of(leaf, kind)),
        }
    }

    /// Escapes markup. Characters that XML 1.0 cannot carry become U+FFFD.
    fn escape(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // A parser would turn a bare one into a line feed.
                '\r' => self.out.push_str("&#13;"),
                '\t' | '\n' => self.out.push(letter),
                '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                _ => self.out.push(letter),
            }
        }
    }
}

fn text_of(value: &Value, kind: Option<&Kind>) -> String {
    match (value, kind) {
        (Value::Timestamp(ms) | Value::Integer(ms), Some(Kind::Timestamp(format))) => match format {
            TimestampFormat::UnixTimestamp => format_epoch(*ms),
            _ => format_iso8601(*ms),
        },
        (Value::Timestamp(ms), _) => format_iso8601(*ms),
        (Value::Integer(number), _) => number.to_string(),
        (Value::Bool(flag), _) => flag.to_string(),
        (Value::Float(number), _) if number.is_nan() => "NaN".to_owned(),
        (Value::Float(f64::INFINITY), _) => "Infinity".to_owned(),
        (Value::Float(f64::NEG_INFINITY), _) => "-Infinity".to_owned(),
        (Value::Float(number), Some(Kind::Float)) => format!("{:?}", *number as f32),
        (Value::Float(number), _) => format!("{number:?}"),
        (Value::String(text), _) => text.clone(),
        (Value::Blob(bytes), _) => BASE64.encode(bytes),
        (Value::Null | Value::List(_) | Value::Map(_), _) => String::new(),
    }
}

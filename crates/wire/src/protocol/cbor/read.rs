//! Reads CBOR by a schema, without an intermediate tree.
//!
//! Lengths in the input are never trusted: nothing is allocated before the bytes are there.

use std::borrow::Cow;

use super::super::time::{from_seconds, parse_iso8601};
use super::super::{Error, MAX_DEPTH};
use crate::schema::{Kind, Member, Schema};
use crate::value::{Name, Value};

const BREAK: u8 = 0xff;

/// Reads a whole body as `schema`, which is a structure's.
pub fn document(schema: &Schema, body: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { rest: body };
    let value = reader.value(schema, 0)?;
    match value {
        _ if !reader.rest.is_empty() => Err(Error::syntax("Bytes follow the CBOR document")),
        Value::Map(_) => Ok(value),
        _ => Err(Error::wrong("Start of structure expected.")),
    }
}

struct Reader<'b> {
    rest: &'b [u8],
}

/// An item's first bytes.
#[derive(Clone, Copy, Debug)]
struct Head {
    major: u8,
    info: u8,
    number: u64,
}

impl Head {
    fn indefinite(self) -> bool {
        self.info == 31
    }
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: u64) -> Result<&'b [u8], Error> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Error> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let number = match info {
            0..=23 => info.into(),
            24..=27 => {
                self.take(1 << (info - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            31 if matches!(major, 2..=5) => 0,
            _ => return Err(Error::syntax("Invalid CBOR item")),
        };
        Ok(Head { major, info, number })
    }

    /// Whether another item of an array or map follows. `left` counts down a definite length.
    fn more(&mut self, head: Head, left: &mut u64) -> Result<bool, Error> {
        if !head.indefinite() {
            let more = *left > 0;
            *left = left.saturating_sub(1);
            return Ok(more);
        }
        match self.rest.first() {
            None => Err(truncated()),
            Some(&BREAK) => {
                self.rest = &self.rest[1..];
                Ok(false)
            }
            Some(_) => Ok(true),
        }
    }

    fn value(&mut self, schema: &Schema, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth);
        }
        let head = self.head()?;
        match (&schema.kind, head.major) {
            (_, 7) if matches!(head.info, 22 | 23) => Ok(Value::Null),
            (Kind::Timestamp(_), 6) if head.number == 1 => self.timestamp(),
            // Other tags say nothing that a shape does not: the tagged item counts.
            (_, 6) => self.value(schema, depth + 1),
            (Kind::Structure(structure), 5) => self.structure(head, structure.members, depth),
            (Kind::Map(map), 5) => self.entries(head, map.value, depth),
            (Kind::List(list), 4) => self.items(head, list.item, depth),
            (Kind::String, 3) => self.text(head).map(|text| Value::String(text.into_owned())),
            (Kind::Blob, 2) => self.bytes(head).map(|bytes| Value::Blob(bytes.into_owned())),
            (Kind::Boolean, 7) if matches!(head.info, 20 | 21) => Ok(Value::Bool(head.info == 21)),
            (Kind::Integer, 0 | 1 | 7) => integer(self.number(head)?, i32::MIN.into(), i32::MAX.into()),
            (Kind::Long, 0 | 1 | 7) => integer(self.number(head)?, i64::MIN, i64::MAX),
            (Kind::Float | Kind::Double, 0 | 1 | 7) => Ok(Value::Float(self.number(head)?.as_f64())),
            (Kind::Timestamp(_), 0 | 1 | 7) => seconds(self.number(head)?),
            (Kind::Timestamp(_), 3) => parse_iso8601(&self.text(head)?)
                .map(Value::Timestamp)
                .ok_or_else(|| Error::wrong("Timestamp expected")),
            (Kind::Document, _) => self.any(head, depth),
            (kind, _) => Err(Error::wrong(format!("{} expected", expected(kind)))),
        }
    }

    fn structure(&mut self, head: Head, members: &'static [Member], depth: usize) -> Result<Value, Error> {
        let mut out = Vec::new();
        let mut left = head.number;
        while self.more(head, &mut left)? {
            let key = self.key()?;
            match members.iter().find(|member| member.wire_name.unwrap_or(member.name) == key) {
                None => self.skip(depth + 1)?,
                Some(member) => match self.value(member.schema, depth + 1).map_err(|e| e.inside(&key))? {
                    Value::Null => {}
                    value => out.push((Name::Borrowed(member.name), value)),
                },
            }
        }
        Ok(Value::Map(out))
    }

    fn entries(&mut self, head: Head, schema: &Schema, depth: usize) -> Result<Value, Error> {
        let mut out = Vec::new();
        let mut left = head.number;
        while self.more(head, &mut left)? {
            let key = self.key()?.into_owned();
            let value = self.value(schema, depth + 1).map_err(|error| error.inside(&key))?;
            out.push((Name::Owned(key), value));
        }
        Ok(Value::Map(out))
    }

    fn items(&mut self, head: Head, schema: &Schema, depth: usize) -> Result<Value, Error> {
        let mut out = Vec::new();
        let mut left = head.number;
        while self.more(head, &mut left)? {
            let at = out.len();
            out.push(self.value(schema, depth + 1).map_err(|error| error.inside(&format!("[{at}]")))?);
        }
        Ok(Value::List(out))
    }

    fn key(&mut self) -> Result<Cow<'b, str>, Error> {
        let head = self.head()?;
        match head.major {
            3 => self.text(head),
            _ => Err(Error::syntax("A key must be text")),
        }
    }

    fn bytes(&mut self, head: Head) -> Result<Cow<'b, [u8]>, Error> {
        if !head.indefinite() {
            return self.take(head.number).map(Cow::Borrowed);
        }
        let mut out = Vec::new();
        let mut left = 0;
        while self.more(head, &mut left)? {
            let chunk = self.head()?;
            if chunk.major != head.major || chunk.indefinite() {
                return Err(Error::syntax("A chunk is of another type than its string"));
            }
            out.extend_from_slice(self.take(chunk.number)?);
        }
        Ok(Cow::Owned(out))
    }

    fn text(&mut self, head: Head) -> Result<Cow<'b, str>, Error> {
        let invalid = || Error::syntax("Invalid UTF-8 in a CBOR text");
        match self.bytes(head)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| invalid()),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| invalid()),
        }
    }

    fn timestamp(&mut self) -> Result<Value, Error> {
        let head = self.head()?;
        match head.major {
            0 | 1 | 7 => seconds(self.number(head)?),
            _ => Err(Error::wrong("Timestamp expected")),
        }
    }

    fn number(&mut self, head: Head) -> Result<Number, Error> {
        Ok(match (head.major, head.info) {
            (0, _) => Number::Whole(head.number.into()),
            (1, _) => Number::Whole(-1 - i128::from(head.number)),
            (7, 25) => Number::Float(half(head.number as u16)),
            (7, 26) => Number::Float(f32::from_bits(head.number as u32).into()),
            (7, 27) => Number::Float(f64::from_bits(head.number)),
            _ => return Err(Error::wrong("Number expected")),
        })
    }

    /// Reads an item of any type, as a document.
    fn any(&mut self, head: Head, depth: usize) -> Result<Value, Error> {
        static ANY: Schema = Schema::document("Document");
        match head.major {
            0 | 1 => match i64::try_from(self.number(head)?.whole()) {
                Ok(number) => Ok(Value::Integer(number)),
                Err(_) => Err(Error::wrong("Number is out of range")),
            },
            2 => self.bytes(head).map(|bytes| Value::Blob(bytes.into_owned())),
            3 => self.text(head).map(|text| Value::String(text.into_owned())),
            4 => self.items(head, &ANY, depth),
            5 => self.entries(head, &ANY, depth),
            _ => match head.info {
                20 | 21 => Ok(Value::Bool(head.info == 21)),
                _ => self.number(head).map(|number| Value::Float(number.as_f64())),
            },
        }
    }

    /// Passes over an item that no member wants.
    fn skip(&mut self, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Depth);
        }
        let head = self.head()?;
        let mut left = head.number;
        match head.major {
            2 | 3 => self.bytes(head).map(drop)?,
            4 => {
                while self.more(head, &mut left)? {
                    self.skip(depth + 1)?;
                }
            }
            5 => {
                while self.more(head, &mut left)? {
                    self.skip(depth + 1)?;
                    self.skip(depth + 1)?;
                }
            }
            6 => self.skip(depth + 1)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Number::Whole(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    /// The whole number, or one that no shape can take.
    fn whole(self) -> i128 {
        /// Doubles at or beyond this are no longer exact.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Number::Whole(number) => number,
            Number::Float(number) if number.fract() == 0.0 && number.abs() <= EXACT => number as i128,
            Number::Float(_) => i128::MAX,
        }
    }
}

fn integer(number: Number, least: i64, greatest: i64) -> Result<Value, Error> {
    i64::try_from(number.whole())
        .ok()
        .filter(|number| (least..=greatest).contains(number))
        .map(Value::Integer)
        .ok_or_else(|| Error::wrong("Number is out of range for an integer"))
}

fn seconds(number: Number) -> Result<Value, Error> {
    from_seconds(number.as_f64())
        .map(Value::Timestamp)
        .ok_or_else(|| Error::wrong("Timestamp is out of range"))
}

/// A half-precision float.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15),
    }
}

fn truncated() -> Error {
    Error::syntax("The CBOR document ends early")
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "Boolean",
        Kind::Integer => "Integer",
        Kind::Long => "Long",
        Kind::Float => "Float",
        Kind::Double => "Double",
        Kind::String => "String",
        Kind::Blob => "Blob",
        Kind::Timestamp(_) => "Timestamp",
        Kind::List(_) => "List",
        Kind::Map(_) => "Map",
        Kind::Structure(_) => "Structure",
        Kind::Document => "Document",
    }
}

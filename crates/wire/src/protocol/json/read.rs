//! Reads JSON by a schema, without an intermediate tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::time::{from_seconds, parse_iso8601};
use super::super::{Error, MAX_DEPTH};
use super::tokens::{Token, Tokens};
use crate::schema::{Kind, Member, Schema};
use crate::value::{Name, Value};

/// Reads a whole body as `schema`, which is a structure's.
pub fn document(schema: &Schema, body: &[u8]) -> Result<Value, Error> {
    let mut tokens = Tokens::new(body)?;
    if tokens.clone().value()? != Token::Object {
        tokens.skip(0)?;
        return Err(Error::wrong("Start of structure expected."));
    }
    let value = read(&mut tokens, schema, 0)?;
    tokens.end()?;
    Ok(value)
}

fn read(tokens: &mut Tokens<'_>, schema: &Schema, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Depth);
    }
    match (&schema.kind, tokens.value()?) {
        (_, Token::Null) => Ok(Value::Null),
        (Kind::Boolean | Kind::Document, Token::Bool(flag)) => Ok(Value::Bool(flag)),
        (Kind::Structure(shape), Token::Object) => structure(tokens, shape.members, depth),
        (Kind::Map(map), Token::Object) => entries(tokens, map.value, depth),
        (Kind::List(list), Token::Array) => items(tokens, list.item, depth),
        (Kind::Document, Token::Object) => entries(tokens, schema, depth),
        (Kind::Document, Token::Array) => items(tokens, schema, depth),
        (kind, Token::Number) => number(kind, tokens.number()?),
        (Kind::String | Kind::Document, Token::Text) => Ok(Value::String(tokens.text()?.into_owned())),
        (kind, Token::Text) => from_text(kind, &tokens.text()?),
        (kind, token) => Err(mismatch(kind, token)),
    }
}

fn structure(tokens: &mut Tokens<'_>, members: &'static [Member], depth: usize) -> Result<Value, Error> {
    let mut out: Vec<(Name, Value)> = Vec::new();
    let mut first = true;
    tokens.enter();
    while tokens.more(b'}', &mut first)? {
        let key = tokens.key()?;
        let Some(member) = members.iter().find(|m| m.wire_name.unwrap_or(m.name) == key) else {
            tokens.skip(depth + 1)?;
            continue;
        };
        let value = read(tokens, member.schema, depth + 1).map_err(|error| error.inside(&key))?;
        // The last one wins, where a key is repeated.
        match out.iter_mut().find(|(name, _)| *name == member.name) {
            Some(entry) => entry.1 = value,
            None => out.push((Name::Borrowed(member.name), value)),
        }
    }
    out.retain(|(_, value)| !value.is_null());
    Ok(Value::Map(out))
}

fn entries(tokens: &mut Tokens<'_>, schema: &Schema, depth: usize) -> Result<Value, Error> {
    let mut out: Vec<(Name, Value)> = Vec::new();
    let mut first = true;
    tokens.enter();
    while tokens.more(b'}', &mut first)? {
        let key = tokens.key()?.into_owned();
        let value = read(tokens, schema, depth + 1).map_err(|error| error.inside(&key))?;
        out.push((Name::Owned(key), value));
    }
    Ok(Value::Map(out))
}

fn items(tokens: &mut Tokens<'_>, schema: &Schema, depth: usize) -> Result<Value, Error> {
    let mut out = Vec::new();
    let mut first = true;
    tokens.enter();
    while tokens.more(b']', &mut first)? {
        let at = out.len();
        out.push(read(tokens, schema, depth + 1).map_err(|error| error.inside(&format!("[{at}]")))?);
    }
    Ok(Value::List(out))
}

fn number(kind: &Kind, text: &str) -> Result<Value, Error> {
    let double = || match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(Error::syntax(format!("Number {text} is out of range"))),
    };
    match kind {
        Kind::Integer => integer(text, double()?, i32::MIN.into(), i32::MAX.into()),
        Kind::Long => integer(text, double()?, i64::MIN, i64::MAX),
        Kind::Float | Kind::Double => double().map(Value::Float),
        Kind::Timestamp(_) => from_seconds(double()?)
            .map(Value::Timestamp)
            .ok_or_else(|| Error::wrong("Timestamp is out of range")),
        Kind::Document => match text.parse() {
            Ok(whole) => Ok(Value::Integer(whole)),
            Err(_) => double().map(Value::Float),
        },
        _ => Err(mismatch(kind, Token::Number)),
    }
}

fn integer(text: &str, double: f64, least: i64, greatest: i64) -> Result<Value, Error> {
    /// Doubles at or beyond this are no longer exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64);
    text.parse()
        .ok()
        .or(whole)
        .filter(|number| (least..=greatest).contains(number))
        .map(Value::Integer)
        .ok_or_else(|| Error::wrong("Number is out of range for an integer"))
}

fn from_text(kind: &Kind, text: &str) -> Result<Value, Error> {
    let value = match kind {
        Kind::Float | Kind::Double => special_float(text).map(Value::Float),
        Kind::Blob => {
            return BASE64
                .decode(text)
                .map(Value::Blob)
                .map_err(|_| Error::wrong("Invalid base64 in a blob"));
        }
        Kind::Timestamp(_) => parse_iso8601(text).map(Value::Timestamp),
        _ => None,
    };
    value.ok_or_else(|| mismatch(kind, Token::Text))
}

/// The floats that JSON has no number for.
pub fn special_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The words of AWS's servers for a value of the wrong type.
fn mismatch(kind: &Kind, token: Token) -> Error {
    let token = match token {
        Token::Null => "NULL_VALUE",
        Token::Bool(true) => "TRUE_VALUE",
        Token::Bool(false) => "FALSE_VALUE",
        Token::Number => "NUMBER_VALUE",
        Token::Text => "STRING_VALUE",
        Token::Array => return Error::wrong("Start of list found where not expected."),
        Token::Object => return Error::wrong("Start of structure or map found where not expected."),
    };
    Error::wrong(match kind {
        Kind::Boolean => format!("{token} can not be converted to a Boolean"),
        Kind::Integer => format!("{token} can not be converted to an Integer"),
        Kind::Long => format!("{token} can not be converted to a Long"),
        Kind::Float | Kind::Double => format!("{token} can not be converted to a Double"),
        Kind::String => format!("{token} can not be converted to a String"),
        Kind::Blob => format!("{token} can not be converted to a Blob"),
        Kind::Timestamp(_) => format!("{token} can not be converted to a Timestamp"),
        Kind::List(_) => "Expected list or null".to_owned(),
        Kind::Map(_) => "Expected map or null".to_owned(),
        Kind::Structure(_) | Kind::Document => "Expected structure or null".to_owned(),
    })
}

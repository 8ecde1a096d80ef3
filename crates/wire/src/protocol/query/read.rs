//! The schema's walk over a form's tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::json::special_float;
use super::super::time::parse_iso8601;
use super::super::xml::Dialect;
use super::super::{Error, MAX_DEPTH};
use super::form::Node;
use crate::schema::{Kind, List, Map, Member, Schema};
use crate::value::{Name, Value};

/// Reads the structure that the tree's top is.
pub(in super::super) fn read(schema: &Schema, tree: &Node<'_>, dialect: Dialect) -> Result<Value, Error> {
    structure(schema.members(), tree, dialect, 0)
}

fn structure(
    members: &'static [Member],
    node: &Node<'_>,
    dialect: Dialect,
    depth: usize,
) -> Result<Value, Error> {
    let mut out = Vec::new();
    for member in members {
        let Some(child) = child_of(member, node, dialect) else { continue };
        match value(member.schema, child, dialect, depth + 1).map_err(|error| error.inside(member.name))? {
            Value::Null => {}
            value => out.push((Name::Borrowed(member.name), value)),
        }
    }
    Ok(Value::Map(out))
}

/// The node that carries `member`, under the name that the dialect gives it.
fn child_of<'n, 'f>(member: &Member, node: &'n Node<'f>, dialect: Dialect) -> Option<&'n Node<'f>> {
    let own = member.wire_name.unwrap_or(member.name);
    match (dialect, &member.schema.kind) {
        (Dialect::Ec2, _) => node.children.get(member.query_name.unwrap_or(member.name)),
        // A flattened list goes by the name of its items.
        (Dialect::Query, Kind::List(List { flattened: true, item_name: Some(name), .. })) => {
            node.children.get(name).or_else(|| node.children.get(own))
        }
        (Dialect::Query, _) => node.children.get(own),
    }
}

fn value(schema: &Schema, node: &Node<'_>, dialect: Dialect, depth: usize) -> Result<Value, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::Depth);
    }
    match &schema.kind {
        Kind::Structure(shape) => structure(shape.members, node, dialect, depth),
        Kind::List(shape) => list(shape, node, dialect, depth),
        Kind::Map(shape) => map(shape, node, dialect, depth),
        kind => node.value.map_or(Ok(Value::Null), |text| leaf(kind, text)),
    }
}

fn list(shape: &List, node: &Node<'_>, dialect: Dialect, depth: usize) -> Result<Value, Error> {
    let items = if shape.flattened || dialect == Dialect::Ec2 {
        node.numbered()
    } else {
        let named = node.children.get(shape.item_name.unwrap_or("member"));
        named.or_else(|| node.children.get("member")).map(Node::numbered).unwrap_or_default()
    };
    // `Names=` is how an empty list is sent.
    if items.is_empty() && node.value.is_none_or(|text| !text.is_empty()) {
        return Ok(Value::Null);
    }
    let read = |(at, item)| {
        value(shape.item, item, dialect, depth + 1).map_err(|error| error.inside(&format!("[{at}]")))
    };
    items.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Value::List)
}

fn map(shape: &Map, node: &Node<'_>, dialect: Dialect, depth: usize) -> Result<Value, Error> {
    let entries = if shape.flattened {
        node.numbered()
    } else {
        node.children.get("entry").map(Node::numbered).unwrap_or_default()
    };
    let (key_name, value_name) = (shape.key_name.unwrap_or("key"), shape.value_name.unwrap_or("value"));
    let mut out: Vec<(Name, Value)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(key) = entry.children.get(key_name).and_then(|key| key.value) else { continue };
        let read = match entry.children.get(value_name) {
            Some(node) => value(shape.value, node, dialect, depth + 1).map_err(|error| error.inside(key))?,
            None => Value::Null,
        };
        out.push((Name::Owned(key.to_owned()), read));
    }
    Ok(if out.is_empty() { Value::Null } else { Value::Map(out) })
}

fn leaf(kind: &Kind, text: &str) -> Result<Value, Error> {
    let wrong = |of: &str| Error::wrong(format!("'{text}' is not a valid {of}"));
    Ok(match kind {
        Kind::String | Kind::Document => Value::String(text.to_owned()),
        Kind::Boolean => match text {
            _ if text.eq_ignore_ascii_case("true") => Value::Bool(true),
            _ if text.eq_ignore_ascii_case("false") => Value::Bool(false),
            _ => return Err(wrong("boolean")),
        },
        Kind::Integer => Value::Integer(text.trim().parse::<i32>().map_err(|_| wrong("integer"))?.into()),
        Kind::Long => Value::Integer(text.trim().parse().map_err(|_| wrong("long"))?),
        Kind::Float | Kind::Double => {
            let plain = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            Value::Float(plain.or_else(|| special_float(text)).ok_or_else(|| wrong("double"))?)
        }
        Kind::Blob => Value::Blob(BASE64.decode(text).map_err(|_| wrong("base64 blob"))?),
        Kind::Timestamp(_) => Value::Timestamp(parse_iso8601(text).ok_or_else(|| wrong("timestamp"))?),
        Kind::List(_) | Kind::Map(_) | Kind::Structure(_) => return Err(wrong("value")),
    })
}

//! What a shape looks like: static tables that the generated modules fill in.
//!
//! A schema directs every codec and the constraint check, so that one small generic
//! function serves each protocol instead of one generated function a shape.

/// A shape of a service model.
#[derive(Debug)]
pub struct Schema {
    /// The model's name for the shape.
    pub name: &'static str,
    /// What it is made of.
    pub kind: Kind,
    /// Least length (text, lists, maps, blobs) or least value (numbers).
    pub min: Option<i64>,
    /// Greatest length or value.
    pub max: Option<i64>,
    /// The regular expression that text must match.
    pub pattern: Option<&'static str>,
    /// The values that text may have; empty when it is no enumeration.
    pub values: &'static [&'static str],
    /// Whether the value must stay out of logs.
    pub sensitive: bool,
}

/// The type of a shape.
#[derive(Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    Long,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Text.
    String,
    /// Bytes.
    Blob,
    /// A point in time.
    Timestamp(TimestampFormat),
    /// A list.
    List(List),
    /// A map with text keys.
    Map(Map),
    /// A structure or union.
    Structure(Structure),
    /// Any JSON.
    Document,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// As the protocol does: epoch seconds in JSON and CBOR, ISO 8601 in XML.
    Protocol,
    /// ISO 8601.
    Iso8601,
    /// Epoch seconds.
    UnixTimestamp,
    /// The HTTP date.
    Rfc822,
}

/// A list's parts.
#[derive(Debug)]
pub struct List {
    /// The shape of the items.
    pub item: &'static Schema,
    /// The items' name in XML and Query; `member` when none is modelled.
    pub item_name: Option<&'static str>,
    /// Whether XML and Query leave out the item's own level.
    pub flattened: bool,
}

/// A map's parts.
#[derive(Debug)]
pub struct Map {
    /// The shape of the keys.
    pub key: &'static Schema,
    /// The shape of the values.
    pub value: &'static Schema,
    /// The keys' name in XML and Query; `key` when none is modelled.
    pub key_name: Option<&'static str>,
    /// The values' name in XML and Query; `value` when none is modelled.
    pub value_name: Option<&'static str>,
    /// Whether XML and Query leave out the `entry` level.
    pub flattened: bool,
}

/// A structure's parts.
#[derive(Debug)]
pub struct Structure {
    /// The members in the model's order.
    pub members: &'static [Member],
    /// Whether exactly one member may be set.
    pub union: bool,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The model's name.
    pub name: &'static str,
    /// Its shape.
    pub schema: &'static Schema,
    /// Whether it must be present.
    pub required: bool,
    /// Its name on the wire where that differs (`locationName`).
    pub wire_name: Option<&'static str>,
    /// Its name in EC2's requests where that differs: `queryName`, or the wire name with a capital.
    pub query_name: Option<&'static str>,
}

impl Schema {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, min: None, max: None, pattern: None, values: &[], sensitive: false }
    }

    /// A boolean shape.
    pub const fn boolean(name: &'static str) -> Self {
        Self::new(name, Kind::Boolean)
    }

    /// A 32-bit integer shape.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, Kind::Integer)
    }

    /// A 64-bit integer shape.
    pub const fn long(name: &'static str) -> Self {
        Self::new(name, Kind::Long)
    }

    /// A 32-bit floating point shape.
    pub const fn float(name: &'static str) -> Self {
        Self::new(name, Kind::Float)
    }

    /// A 64-bit floating point shape.
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, Kind::Double)
    }

    /// A text shape.
    pub const fn string(name: &'static str) -> Self {
        Self::new(name, Kind::String)
    }

    /// A bytes shape.
    pub const fn blob(name: &'static str) -> Self {
        Self::new(name, Kind::Blob)
    }

    /// A document shape.
    pub const fn document(name: &'static str) -> Self {
        Self::new(name, Kind::Document)
    }

    /// A timestamp shape.
    pub const fn timestamp(name: &'static str, format: TimestampFormat) -> Self {
        Self::new(name, Kind::Timestamp(format))
    }

    /// A list shape.
    pub const fn list(name: &'static str, list: List) -> Self {
        Self::new(name, Kind::List(list))
    }

    /// A map shape.
    pub const fn map(name: &'static str, map: Map) -> Self {
        Self::new(name, Kind::Map(map))
    }

    /// A structure shape.
    pub const fn structure(name: &'static str, members: &'static [Member]) -> Self {
        Self::new(name, Kind::Structure(Structure { members, union: false }))
    }

    /// A structure of which exactly one member is set.
    pub const fn union(name: &'static str, members: &'static [Member]) -> Self {
        Self::new(name, Kind::Structure(Structure { members, union: true }))
    }

    /// The same shape with a least length or value.
    pub const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    /// The same shape with a greatest length or value.
    pub const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    /// The same shape with a pattern.
    pub const fn pattern(mut self, pattern: &'static str) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// The same shape as an enumeration.
    pub const fn values(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// The same shape, kept out of logs.
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The members, when this is a structure.
    pub fn members(&self) -> &'static [Member] {
        match &self.kind {
            Kind::Structure(structure) => structure.members,
            _ => &[],
        }
    }

    /// The member that the model calls `name`.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members().iter().find(|member| member.name == name)
    }
}

impl List {
    /// A list of `item`s.
    pub const fn of(item: &'static Schema) -> Self {
        Self { item, item_name: None, flattened: false }
    }

    /// The same list with its items named on the wire.
    pub const fn named(mut self, item_name: &'static str) -> Self {
        self.item_name = Some(item_name);
        self
    }

    /// The same list, flattened.
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }
}

impl Map {
    /// A map from `key` to `value`.
    pub const fn of(key: &'static Schema, value: &'static Schema) -> Self {
        Self { key, value, key_name: None, value_name: None, flattened: false }
    }

    /// The same map with its keys named on the wire.
    pub const fn keys_named(mut self, key_name: &'static str) -> Self {
        self.key_name = Some(key_name);
        self
    }

    /// The same map with its values named on the wire.
    pub const fn values_named(mut self, value_name: &'static str) -> Self {
        self.value_name = Some(value_name);
        self
    }

    /// The same map, flattened.
    pub const fn flattened(mut self) -> Self {
        self.flattened = true;
        self
    }
}

impl Member {
    /// A member that may be absent.
    pub const fn new(name: &'static str, schema: &'static Schema) -> Self {
        Self { name, schema, required: false, wire_name: None, query_name: None }
    }

    /// The same member, which must be present.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same member with another name on the wire.
    pub const fn wire(mut self, name: &'static str) -> Self {
        self.wire_name = Some(name);
        self
    }

    /// The same member with another name in EC2's requests.
    pub const fn query(mut self, name: &'static str) -> Self {
        self.query_name = Some(name);
        self
    }
}

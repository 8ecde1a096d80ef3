//! Keys: tuples encoded so that comparing the bytes compares the tuples, part by part.
//!
//! Each part is one tag byte and a self-delimiting body, so the encoding of a tuple is a byte
//! prefix of exactly the tuples that begin with the same parts: `key!["a"]` covers
//! `key!["a", "b"]` and never `key!["ab"]`. Text and bytes end with `00`; inside, `00` becomes
//! `01 01` and `01` becomes `01 02`. Integers are fixed-width big-endian. This is a disk format.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use model::{AccountId, Arn, Region, Scope, Timestamp};

const TEXT: u8 = 0x02;
const UNSIGNED: u8 = 0x03;
const SIGNED: u8 = 0x04;
const BOOLEAN: u8 = 0x05;

/// An ordered, encoded tuple: a row's key, a prefix of one, or a position in an index.
///
/// Built by [`key!`](crate::key). Cloning is cheap. The empty key is the prefix of every key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// Builds a key from bytes that a [`Key`] once gave; for continuation tokens and engines.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Key(bytes.into())
    }

    /// The encoded bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no parts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the tuple begins with all parts of `prefix`.
    pub fn starts_with(&self, prefix: &Key) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The parts of `self` followed by the parts of `tail`.
    pub fn join(&self, tail: &Key) -> Key {
        Key([self.as_bytes(), tail.as_bytes()].concat().into())
    }

    /// A prefix for scans only: `self` followed by a text part that begins with `text`.
    ///
    /// `key!["a"].text_prefix("we")` covers `key!["a", "web"]` and `key!["a", "well", 7u64]`.
    pub fn text_prefix(&self, text: &str) -> Key {
        let mut bytes = self.0.to_vec();
        bytes.push(TEXT);
        escape(text.as_bytes(), &mut bytes);
        Key(bytes.into())
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    /// Text parts readable, the rest escaped: `key("\x02web\x00")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key(\"{}\")", self.0.escape_ascii())
    }
}

/// Collects the parts of a [`Key`]; [`key!`](crate::key) is the usual way to it.
#[derive(Debug, Default)]
pub struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
    /// Starts with no parts.
    pub fn new() -> Self {
        KeyBuilder::default()
    }

    /// Adds a text part.
    pub fn text(&mut self, text: &str) {
        self.0.push(TEXT);
        escape(text.as_bytes(), &mut self.0);
        self.0.push(0);
    }

    /// Adds an unsigned integer part.
    pub fn unsigned(&mut self, number: u64) {
        self.0.push(UNSIGNED);
        self.0.extend(number.to_be_bytes());
    }

    /// Adds a signed integer part; negative numbers come before positive ones.
    pub fn signed(&mut self, number: i64) {
        self.0.push(SIGNED);
        self.0.extend((number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }

    /// Adds a boolean part; `false` comes first.
    pub fn boolean(&mut self, value: bool) {
        self.0.extend([BOOLEAN, u8::from(value)]);
    }

    /// Adds all parts of a finished key.
    pub fn parts_of(&mut self, key: &Key) {
        self.0.extend(key.as_bytes());
    }

    /// Ends the tuple.
    pub fn finish(self) -> Key {
        Key(self.0.into())
    }
}

fn escape(raw: &[u8], out: &mut Vec<u8>) {
    for &byte in raw {
        match byte {
            0 => out.extend([1, 1]),
            1 => out.extend([1, 2]),
            other => out.push(other),
        }
    }
}

/// What may stand in [`key!`](crate::key). Implement it for id newtypes by pushing their text.
pub trait KeyPart {
    /// Adds this value's part (or parts) to `key`.
    fn push_to(&self, key: &mut KeyBuilder);
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    fn push_to(&self, key: &mut KeyBuilder) {
        (**self).push_to(key);
    }
}

macro_rules! parts {
    ($($type:ty: |$value:ident, $key:ident| $push:expr;)*) => {$(
        impl KeyPart for $type {
            fn push_to(&self, $key: &mut KeyBuilder) {
                let $value = self;
                $push
            }
        }
    )*};
}

parts! {
    str: |v, key| key.text(v);
    String: |v, key| key.text(v);
    u16: |v, key| key.unsigned(u64::from(*v));
    u32: |v, key| key.unsigned(u64::from(*v));
    u64: |v, key| key.unsigned(*v);
    i32: |v, key| key.signed(i64::from(*v));
    i64: |v, key| key.signed(*v);
    bool: |v, key| key.boolean(*v);
    Timestamp: |v, key| key.signed(v.as_millis());
    AccountId: |v, key| key.text(v.as_str());
    Region: |v, key| key.text(v.as_str());
    Arn: |v, key| key.text(&v.to_string());
    Key: |v, key| key.parts_of(v);
}

impl KeyPart for Scope {
    /// Two parts: the account, then the region.
    fn push_to(&self, key: &mut KeyBuilder) {
        self.account.push_to(key);
        self.region.push_to(key);
    }
}

/// Builds a [`Key`] of the given parts, in order: `key![scope, cluster, "web", 7u64]`.
///
/// Parts are anything that implements [`KeyPart`], by value or reference. `key![]` is empty.
#[macro_export]
macro_rules! key {
    ($($part:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut builder = $crate::KeyBuilder::new();
        $($crate::KeyPart::push_to(&$part, &mut builder);)*
        builder.finish()
    }};
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn the_encoding_is_a_disk_format() {
        assert_eq!(key!["a\0\u{1}", 7u64].as_bytes(), b"\x02a\x01\x01\x01\x02\0\x03\0\0\0\0\0\0\0\x07");
        assert_eq!(key![-1i64, true].as_bytes(), b"\x04\x7f\xff\xff\xff\xff\xff\xff\xff\x05\x01");
    }

    #[test]
    fn a_prefix_covers_whole_parts_only() {
        assert!(key!["a", "b"].starts_with(&key!["a"]));
        assert!(!key!["ab"].starts_with(&key!["a"]));
        assert!(!key!["a\0"].starts_with(&key!["a"]));
        assert!(key!["x", "web"].starts_with(&key!["x"].text_prefix("we")));
        assert!(key!["x"].starts_with(&key![]) && key![].is_empty());
    }

    proptest! {
        #[test]
        fn bytes_order_as_tuples_do(
            a in (".{0,6}|[\\x00-\\x02]{0,4}", any::<u64>(), any::<i64>(), ".{0,3}"),
            b in (".{0,6}|[\\x00-\\x02]{0,4}", any::<u64>(), any::<i64>(), ".{0,3}"),
            same in any::<bool>(),
        ) {
            let b = if same { (a.0.clone(), b.1, b.2, b.3) } else { b };
            let encode = |t: &(String, u64, i64, String)| key![t.0, t.1, t.2, t.3];
            let expected = (a.0.as_bytes(), a.1, a.2, &a.3).cmp(&(b.0.as_bytes(), b.1, b.2, &b.3));
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), expected);
        }

        #[test]
        fn only_equal_first_parts_share_a_prefix(a in "[\\x00-\\x03]{0,5}", b in "[\\x00-\\x03]{0,5}") {
            prop_assert_eq!(key![b, 1u64].starts_with(&key![a]), a == b);
        }
    }
}

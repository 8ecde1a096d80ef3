//! Tags: a small ordered set of keys and values on a resource.

use std::collections::BTreeMap;

/// A resource's tags by key.
pub type Tags = BTreeMap<String, String>;

/// The most tags that a resource may carry.
pub const MAX_TAGS: usize = 50;

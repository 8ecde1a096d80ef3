//! The real clock and the system's randomness: the only ones in the product.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{IdSource, Timestamp};

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Ids and secrets from the system's randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel's randomness never fails once it has been seeded");
    }
}

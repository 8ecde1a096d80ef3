//! How fast events may come in: requests of an account and region, bytes of a group.
//!
//! Buckets that fill by themselves, in memory: a restart forgets them. What is too much is told to come
//! again (`ThrottlingException`); the service's own clients and the node's shipper do.

use std::collections::HashMap;
use std::hash::Hash;

use model::logs::LogGroupId;
use model::{Scope, Timestamp};
use parking_lot::Mutex;

use crate::logs::error::Error;

/// PutLogEvents a second of an account and region; the service's own quota.
pub const REQUESTS_PER_SECOND: u32 = 5_000;
/// The least that a bucket of bytes holds: the largest batch must fit.
const BYTES_HELD_MIN: f64 = (2 << 20) as f64;
/// Buckets that are remembered; full ones need not be.
const BUCKETS_MAX: usize = 10_000;

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// PutLogEvents requests a second of an account and region.
    pub requests_per_second: u32,
    /// Bytes a second that one group takes; as many as can be stored when absent.
    pub group_bytes_per_second: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { requests_per_second: REQUESTS_PER_SECOND, group_bytes_per_second: None }
    }
}

/// What has been used of the limits.
#[derive(Debug, Default)]
pub struct Quotas {
    limits: Limits,
    requests: Mutex<Buckets<Scope>>,
    bytes: Mutex<Buckets<LogGroupId>>,
}

impl Quotas {
    /// Nothing used of `limits` yet.
    pub fn new(limits: Limits) -> Self {
        Quotas { limits, ..Quotas::default() }
    }

    /// Takes a request of a scope.
    pub(crate) fn take_request(&self, scope: &Scope, now: Timestamp) -> Result<(), Error> {
        let rate = f64::from(self.limits.requests_per_second);
        let flow = Flow { rate, held: rate };
        self.requests.lock().take(scope, 1.0, flow, now)
    }

    /// Takes bytes of a group.
    pub(crate) fn take_bytes(&self, group: LogGroupId, bytes: u64, now: Timestamp) -> Result<(), Error> {
        let Some(rate) = self.limits.group_bytes_per_second else { return Ok(()) };
        let rate = rate as f64;
        let flow = Flow { rate, held: rate.max(BYTES_HELD_MIN) };
        self.bytes.lock().take(&group, bytes as f64, flow, now)
    }
}

/// How a bucket fills, and how much it holds.
#[derive(Clone, Copy)]
struct Flow {
    rate: f64,
    held: f64,
}

#[derive(Debug)]
struct Buckets<K>(HashMap<K, Bucket>);

#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Timestamp,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Buckets(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    fn take(&mut self, key: &K, amount: f64, flow: Flow, now: Timestamp) -> Result<(), Error> {
        if self.0.len() >= BUCKETS_MAX && !self.0.contains_key(key) {
            self.0.retain(|_, bucket| bucket.level_at(flow, now) < flow.held);
        }
        let bucket = self.0.entry(key.clone()).or_insert(Bucket { level: flow.held, at: now });
        bucket.level = bucket.level_at(flow, now);
        bucket.at = bucket.at.max(now);
        if bucket.level < amount {
            return Err(Error::Throttled);
        }
        bucket.level -= amount;
        Ok(())
    }
}

impl Bucket {
    fn level_at(&self, flow: Flow, now: Timestamp) -> f64 {
        (self.level + now.since(self.at).as_secs_f64() * flow.rate).min(flow.held)
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};

    use super::*;

    #[test]
    fn a_bucket_gives_its_rate_and_no_more() {
        let quotas = Quotas::new(Limits { requests_per_second: 2, group_bytes_per_second: Some(4 << 20) });
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        let at = Timestamp::from_millis;
        assert!(quotas.take_request(&scope, at(0)).is_ok() && quotas.take_request(&scope, at(0)).is_ok());
        assert!(matches!(quotas.take_request(&scope, at(0)), Err(Error::Throttled)));
        assert!(quotas.take_request(&scope, at(500)).is_ok());
        assert!(quotas.take_request(&scope, at(600)).is_err());
        let (one, two) = (LogGroupId::from_bits(1), LogGroupId::from_bits(2));
        assert!(quotas.take_bytes(one, 4 << 20, at(0)).is_ok());
        assert!(quotas.take_bytes(one, 1 << 20, at(0)).is_err());
        assert!(quotas.take_bytes(two, 1 << 20, at(0)).is_ok());
        assert!(quotas.take_bytes(one, 1 << 20, at(250)).is_ok());
    }
}

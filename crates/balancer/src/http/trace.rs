//! `X-Amzn-Trace-Id`, as ELB writes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes trace ids that no two processes share, but by a chance of one in 2^64.
#[derive(Debug)]
pub struct TraceIds {
    seed: u64,
    next: AtomicU64,
}

impl TraceIds {
    /// Takes randomness once.
    pub fn new(seed: u64) -> TraceIds {
        TraceIds { seed, next: AtomicU64::new(0) }
    }

    /// The header's value: a new `Root` where the request has none, otherwise `Self` in front of what it has.
    pub fn value(&self, known: Option<&str>, now: SystemTime) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() & 0xffff_ffff;
        let high = mix(self.seed ^ mix(number)) >> 32;
        let id = format!("1-{seconds:08x}-{high:08x}{:016x}", mix(self.seed.wrapping_add(number)));
        let fields = known.unwrap_or_default();
        if !fields.split(';').any(|field| field.trim().starts_with("Root=")) {
            let rest = if fields.is_empty() { String::new() } else { format!(";{fields}") };
            return format!("Root={id}{rest}");
        }
        let others: Vec<_> =
            fields.split(';').map(str::trim).filter(|field| !field.starts_with("Self=")).collect();
        format!("Self={id};{}", others.join(";"))
    }
}

/// SplitMix64's finisher.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_root_is_given_once_and_kept() {
        let (ids, now) = (TraceIds::new(7), UNIX_EPOCH + Duration::from_secs(0x6789_1233));
        let first = ids.value(None, now);
        assert!(first.starts_with("Root=1-67891233-") && first.len() == "Root=".len() + 35, "{first}");
        assert_ne!(first, ids.value(None, now));
        let second = ids.value(Some("Self=1-1-1; Root=1-2-3;CalledFrom=app"), now);
        assert!(second.starts_with("Self=1-67891233-"), "{second}");
        assert!(second.ends_with(";Root=1-2-3;CalledFrom=app"), "{second}");
        assert!(ids.value(Some("CalledFrom=app"), now).ends_with(";CalledFrom=app"));
    }
}

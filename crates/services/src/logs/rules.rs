//! What PutLogEvents takes and what it rejects. Pure.

use std::ops::Range;

use model::Timestamp;
use model::logs::RetentionDays;

use crate::logs::error::Error;

/// The largest batch, counted as the service counts: text and 26 bytes an event.
pub(crate) const BATCH_BYTES_MAX: u64 = 1_048_576;
/// The longest time between a batch's first and last event.
const SPAN_MS_MAX: i64 = 24 * 3_600_000;
/// How old an event may be.
const AGE_MS_MAX: i64 = 14 * 86_400_000;
/// How far in the future an event may be.
const AHEAD_MS_MAX: i64 = 2 * 3_600_000;

/// Which events of a batch are stored, and where the others lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The events to store.
    pub(crate) stored: Range<usize>,
    /// Events before this index are too old.
    pub(crate) too_old_end: Option<usize>,
    /// Events before this index are beyond the group's retention.
    pub(crate) expired_end: Option<usize>,
    /// Events from this index on are too far in the future.
    pub(crate) too_new_start: Option<usize>,
}

/// Judges a batch by the times and sizes of its events.
pub(crate) fn judge(
    times: &[i64],
    batch_bytes: u64,
    now: Timestamp,
    retention: Option<RetentionDays>,
) -> Result<Verdict, Error> {
    if batch_bytes > BATCH_BYTES_MAX {
        return Err(Error::parameter(format!(
            "Upload too large: {batch_bytes} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )));
    }
    if !times.is_sorted() {
        return Err(Error::parameter(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let verdict = window(times, now, retention);
    let stored = &times[verdict.stored.clone()];
    if let (Some(first), Some(last)) = (stored.first(), stored.last())
        && last - first > SPAN_MS_MAX
    {
        return Err(Error::parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(verdict)
}

/// Sorts events by whether their time is acceptable; `times` ascends.
fn window(times: &[i64], now: Timestamp, retention: Option<RetentionDays>) -> Verdict {
    let now_ms = now.as_millis();
    let too_old = times.partition_point(|&time| time < now_ms - AGE_MS_MAX);
    let expired = retention.map_or(0, |r| times.partition_point(|&time| time < r.cutoff(now).as_millis()));
    let too_new = times.partition_point(|&time| time <= now_ms + AHEAD_MS_MAX);
    let first = too_old.max(expired);
    Verdict {
        stored: first..too_new.max(first),
        too_old_end: (too_old > 0).then_some(too_old),
        expired_end: (expired > too_old).then_some(expired),
        too_new_start: (too_new < times.len()).then_some(too_new),
    }
}

/// Whether an event of this time is stored when it comes from a node's spool.
pub(crate) fn is_acceptable(time: Timestamp, now: Timestamp, retention: Option<RetentionDays>) -> bool {
    !window(&[time.as_millis()], now, retention).stored.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 1_700_000_000_000;

    fn judged(times: &[i64], retention: Option<i64>) -> Result<Verdict, String> {
        let retention = retention.map(|days| RetentionDays::new(days).unwrap());
        judge(times, 100, Timestamp::from_millis(NOW), retention).map_err(|e| e.to_string())
    }

    #[test]
    fn events_out_of_their_window_are_rejected_and_the_others_stored() {
        let times = [NOW - 15 * DAY, NOW - 2 * DAY, NOW - 1, NOW, NOW + 3 * 3_600_000];
        let verdict = judged(&times, Some(1)).unwrap();
        assert_eq!(verdict.stored, 2..4);
        assert_eq!((verdict.too_old_end, verdict.expired_end), (Some(1), Some(2)));
        assert_eq!(verdict.too_new_start, Some(4));
    }

    #[test]
    fn all_may_be_rejected() {
        let verdict = judged(&[NOW - 20 * DAY], None).unwrap();
        assert_eq!((verdict.stored.len(), verdict.too_old_end), (0, Some(1)));
        let verdict = judged(&[NOW + DAY], None).unwrap();
        assert_eq!((verdict.stored.len(), verdict.too_new_start), (0, Some(0)));
    }

    #[test]
    fn order_span_and_size_are_conditions() {
        assert!(judged(&[2, 1], None).unwrap_err().contains("chronological order"));
        assert!(judged(&[NOW - 2 * DAY, NOW], None).unwrap_err().contains("24 hours"));
        assert!(judged(&[NOW - DAY, NOW], None).is_ok());
        let large = judge(&[NOW], BATCH_BYTES_MAX + 1, Timestamp::from_millis(NOW), None);
        assert_eq!(
            large.unwrap_err().to_string(),
            "Upload too large: 1048577 bytes exceeds limit of 1048576"
        );
    }
}

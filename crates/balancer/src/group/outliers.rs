//! Which targets are left out for a while because they failed too often: passive health, as Service Connect has it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Failures within [`WINDOW`] that are too many.
const MOST_FAILURES: usize = 5;
/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(30);
/// How long the first ejection takes; each further one takes that much longer.
const BASE: Duration = Duration::from_secs(30);
/// The longest ejection. A target that was left alone for so long begins anew.
const LONGEST: Duration = Duration::from_secs(300);

/// The failures of one target.
#[derive(Debug, Default)]
pub struct Outliers {
    failures: VecDeque<Instant>,
    ejections: u32,
    until: Option<Instant>,
}

impl Outliers {
    /// Counts a failure. Answers until when the target is left out, once there were too many.
    pub fn fail(&mut self, now: Instant) -> Option<Instant> {
        while self.failures.front().is_some_and(|first| now.duration_since(*first) > WINDOW) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        if self.failures.len() < MOST_FAILURES {
            return None;
        }
        self.failures.clear();
        if self.until.is_some_and(|until| now.saturating_duration_since(until) > LONGEST) {
            self.ejections = 0;
        }
        self.ejections = self.ejections.saturating_add(1);
        self.until = Some(now + BASE.saturating_mul(self.ejections).min(LONGEST));
        self.until
    }

    /// Whether the target is left out.
    pub fn is_ejected(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_half_a_minute_eject_for_longer_each_time() {
        let (mut outliers, start) = (Outliers::default(), Instant::now());
        let mut fail = |second: u64| outliers.fail(start + Duration::from_secs(second));
        for second in [0, 10, 20, 29] {
            assert_eq!(fail(second), None);
        }
        assert_eq!(fail(40), None, "the first ones are forgotten");
        assert_eq!(fail(41), None);
        assert_eq!(fail(42), Some(start + Duration::from_secs(42 + 30)));
        let again: Vec<_> = (80..85).filter_map(&mut fail).collect();
        assert_eq!(again, [start + Duration::from_secs(84 + 60)]);
    }
}

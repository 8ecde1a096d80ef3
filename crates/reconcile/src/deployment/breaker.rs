//! The circuit breaker's threshold.

use model::ecs::deployment::{CircuitBreaker, Threshold, ThresholdType};

/// The percentage that is taken when none is named.
const DEFAULT_PERCENT: u32 = 50;
/// The bounds of BOUNDED_PERCENT.
const BOUNDS: (u32, u32) = (3, 200);

/// The number of failed tasks at which a deployment of `desired` tasks is given up. At least 1.
pub fn threshold(breaker: &CircuitBreaker, desired: u32) -> u32 {
    let default = Threshold { kind: ThresholdType::BoundedPercent, value: DEFAULT_PERCENT };
    let Threshold { kind, value } = breaker.threshold.unwrap_or(default);
    let percent = || (u64::from(desired) * u64::from(value)).div_ceil(100);
    let percent = || u32::try_from(percent()).unwrap_or(u32::MAX);
    match kind {
        ThresholdType::Count => value.max(1),
        ThresholdType::BoundedPercent => percent().clamp(BOUNDS.0, BOUNDS.1),
        ThresholdType::UnboundedPercent => percent().max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_ecss() {
        let check = |threshold: Option<(ThresholdType, u32)>, desired, expected| {
            let threshold = threshold.map(|(kind, value)| Threshold { kind, value });
            let breaker = CircuitBreaker { enable: true, threshold, ..CircuitBreaker::OFF };
            assert_eq!(super::threshold(&breaker, desired), expected, "{threshold:?} of {desired}");
        };
        for (desired, expected) in [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (10_000, 200)] {
            check(None, desired, expected);
        }
        check(Some((ThresholdType::Count, 5)), 1, 5);
        check(Some((ThresholdType::UnboundedPercent, 10)), 1000, 100);
        check(Some((ThresholdType::UnboundedPercent, 10)), 0, 1);
        check(Some((ThresholdType::BoundedPercent, 100)), 50, 50);
    }
}

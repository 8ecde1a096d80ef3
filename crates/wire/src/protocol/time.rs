//! Points in time on the wire: epoch seconds with a fraction, and ISO 8601.

use jiff::Timestamp;

/// `2026-11-23T22:36:17Z`, with milliseconds where there are any.
pub fn format_iso8601(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) if ms % 1000 == 0 => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        // Beyond the year 9999: no calendar has it, and no client sends it.
        Err(_) => format_epoch(ms),
    }
}

/// Reads ISO 8601 with a zone, or epoch seconds, as epoch milliseconds.
pub fn parse_iso8601(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    text.parse::<f64>().ok().and_then(from_seconds)
}

/// Epoch seconds with a millisecond fraction: `1700000000.25`.
pub(super) fn format_epoch(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, fraction) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    match fraction {
        0 => format!("{sign}{seconds}"),
        _ => format!("{sign}{seconds}.{fraction:03}"),
    }
}

/// Epoch seconds to epoch milliseconds, when a double can tell them apart.
pub(super) fn from_seconds(seconds: f64) -> Option<i64> {
    const GREATEST: f64 = 8.0e12;
    (seconds.is_finite() && seconds.abs() <= GREATEST).then(|| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_writes_them() {
        assert_eq!(format_iso8601(0), "1970-01-01T00:00:00Z");
        assert_eq!(format_iso8601(1_700_000_000_050), "2023-11-14T22:13:20.050Z");
        assert_eq!(format_epoch(1_700_000_000_050), "1700000000.050");
        assert_eq!(format_epoch(-1), "-0.001");
        assert_eq!(format_epoch(-62_000), "-62");
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(parse_iso8601("2023-11-14T22:13:20.05Z"), Some(1_700_000_000_050));
        assert_eq!(parse_iso8601("2023-11-14T23:13:20+01:00"), Some(1_700_000_000_000));
        assert_eq!(parse_iso8601("1700000000.05"), Some(1_700_000_000_050));
        assert_eq!(parse_iso8601("yesterday"), None);
        assert_eq!(from_seconds(f64::NAN), None);
    }
}

//! Values of log options, read as Docker reads them. Pure; an error is Docker's text.

use std::time::Duration;

/// Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// Go's `time.ParseDuration`: `300ms`, `1.5h`, `2m30s`. A negative one is no duration here.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| format!("time: missing unit in duration {text:?}"))?;
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(invalid()),
        };
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| invalid())?;
        rest = &rest[unit..];
    }
    if text.is_empty() { Err(invalid()) } else { Ok(total) }
}

/// A whole number that is not negative.
pub(super) fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
}

/// Docker's sizes in powers of 1024: `10m`, `64KB`, `1g`, `4096`.
pub(super) fn memory_size(text: &str) -> Result<u64, String> {
    size(text, 1024)
}

/// Docker's sizes in powers of 1000, in which it measures files.
pub(super) fn file_size(text: &str) -> Result<u64, String> {
    size(text, 1000)
}

fn size(text: &str, base: u64) -> Result<u64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim();
    let unit = lower[digits.len()..].trim().trim_end_matches('b').trim_end_matches('i');
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return Err(invalid()),
    };
    let number: u64 = digits.parse().map_err(|_| invalid())?;
    number.checked_mul(base.pow(power)).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, millis) in [("1s", 1000), ("250ms", 250), ("1m30s", 90_000), ("1.5h", 5_400_000), ("0", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("10"), Err("time: missing unit in duration \"10\"".into()));
        for text in ["", "s", "1y", "-1s", "1..2s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_dockers() {
        for (text, expected) in [("4096", 4096), ("10m", 10 << 20), ("64KB", 64 << 10), ("1GiB", 1 << 30)] {
            assert_eq!(memory_size(text), Ok(expected), "{text}");
        }
        assert_eq!(file_size("10m"), Ok(10_000_000));
        assert_eq!(file_size("many"), Err("invalid size: 'many'".into()));
    }

    #[test]
    fn truth_has_twelve_spellings() {
        assert_eq!((boolean("T"), boolean("0")), (Ok(true), Ok(false)));
        assert_eq!(boolean("yes"), Err("strconv.ParseBool: parsing \"yes\": invalid syntax".into()));
    }
}

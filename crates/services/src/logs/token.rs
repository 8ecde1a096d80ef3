//! Continuation tokens: positions between events, and names after which a listing goes on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use telemetry::Key;

use crate::logs::error::Error;

/// A position in a stream, and the direction in which to read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// Events after this key.
    Forward(Key),
    /// Events before this key.
    Backward(Key),
}

/// The form of GetLogEvents' tokens: a direction and 56 digits.
pub(crate) fn position(position: Position) -> String {
    match position {
        Position::Forward(key) => format!("f/{}/s", digits(key)),
        Position::Backward(key) => format!("b/{}/s", digits(key)),
    }
}

/// Reads a token of GetLogEvents.
pub(crate) fn parse_position(token: &str) -> Result<Position, Error> {
    let invalid = || Error::parameter("The specified nextToken is invalid.");
    let (direction, rest) = token.split_once('/').ok_or_else(invalid)?;
    let key = rest.strip_suffix("/s").and_then(parse_digits).ok_or_else(invalid)?;
    match direction {
        "f" => Ok(Position::Forward(key)),
        "b" => Ok(Position::Backward(key)),
        _ => Err(invalid()),
    }
}

/// The id of an event: 56 digits that order as the events do.
pub(crate) fn event_id(key: Key) -> String {
    digits(key)
}

/// A sequence token; the service has ignored them since 2023, but still answers one.
pub(crate) fn sequence(count: u64) -> String {
    format!("{count:056}")
}

fn digits(key: Key) -> String {
    // Events before the epoch are refused at the door, so nothing is lost here.
    format!("{:036}{:020}", key.timestamp.max(0), key.seq)
}

fn parse_digits(digits: &str) -> Option<Key> {
    if digits.len() != 56 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Key { timestamp: digits[..36].parse().ok()?, seq: digits[36..].parse().ok()? })
}

/// A token that carries `parts`.
pub(crate) fn opaque(parts: &[&str]) -> String {
    let json = serde_json::to_vec(parts).expect("strings are JSON");
    URL_SAFE_NO_PAD.encode(json)
}

/// Reads a token of `N` parts.
pub(crate) fn parse_opaque<const N: usize>(token: &str) -> Result<[String; N], Error> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let parts: Option<Vec<String>> = decoded.and_then(|json| serde_json::from_slice(&json).ok());
    parts
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(|| Error::parameter("The specified nextToken is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_and_others_are_refused() {
        let key = Key { timestamp: 1_700_000_000_123, seq: 42 };
        for at in [Position::Forward(key), Position::Backward(key)] {
            assert_eq!(parse_position(&position(at)).unwrap(), at);
        }
        assert_eq!(position(Position::Forward(key)).len(), 2 + 56 + 2);
        for bad in ["", "f/12/s", "x/1", "f//s"] {
            assert!(parse_position(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_opaque::<2>(&opaque(&["a", "b"])).unwrap(), ["a", "b"]);
        assert!(parse_opaque::<1>("!").is_err());
    }
}

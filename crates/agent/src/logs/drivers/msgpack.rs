//! As much of MessagePack as Fluentd's forward protocol needs. Pure.

/// Appends the head of an array.
pub(super) fn array(length: u8, out: &mut Vec<u8>) {
    debug_assert!(length < 16);
    out.push(0x90 | length);
}

/// Appends the head of a map.
pub(super) fn map(length: usize, out: &mut Vec<u8>) {
    match u16::try_from(length) {
        Ok(length) if length < 16 => out.push(0x80 | length as u8),
        Ok(length) => {
            out.push(0xde);
            out.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            out.push(0xdf);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

/// Appends a string; its bytes need not be UTF-8, as in Go.
pub(super) fn string(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        length @ 0..32 => out.push(0xa0 | length as u8),
        length @ 32..0x100 => out.extend_from_slice(&[0xd9, length as u8]),
        length @ 0x100..0x1_0000 => {
            out.push(0xda);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0xdb);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Appends a number of 64 bits.
pub(super) fn integer(number: i64, out: &mut Vec<u8>) {
    out.push(0xd3);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends Fluentd's `EventTime`: seconds and nanoseconds.
pub(super) fn event_time(millis: i64, out: &mut Vec<u8>) {
    let (seconds, millis) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    out.extend_from_slice(&[0xd7, 0x00]);
    out.extend_from_slice(&(seconds as u32).to_be_bytes());
    out.extend_from_slice(&((millis * 1_000_000) as u32).to_be_bytes());
}

/// What `{"ack": ID}` acknowledges. `Ok(None)` while it is not whole.
pub(super) fn acknowledged(bytes: &[u8]) -> Result<Option<String>, String> {
    let strange = || Err(format!("{} bytes are no acknowledgement", bytes.len()));
    let Some(rest) = bytes.split_first() else { return Ok(None) };
    if *rest.0 != 0x81 {
        return strange();
    }
    let Some((key, rest)) = text(rest.1) else { return Ok(None) };
    if key != b"ack" {
        return strange();
    }
    Ok(text(rest).map(|(id, _)| String::from_utf8_lossy(id).into_owned()))
}

/// The string at the beginning of `bytes`, and what follows; `None` when it is not whole.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first()?;
    let (length, rest) = match head {
        0xa0..=0xbf => (usize::from(head & 0x1f), rest),
        0xd9 | 0xc4 => (usize::from(*rest.first()?), &rest[1..]),
        0xda | 0xc5 => (usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)), &rest[2..]),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_the_shortest_head() {
        for (length, head) in [(0, 1), (31, 1), (32, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5)] {
            let mut out = Vec::new();
            string(&vec![b'x'; length], &mut out);
            assert_eq!(out.len(), length + head, "{length}");
        }
    }

    #[test]
    fn times_are_seconds_and_nanoseconds() {
        let mut out = Vec::new();
        event_time(1_500, &mut out);
        assert_eq!(out, [0xd7, 0, 0, 0, 0, 1, 0x1d, 0xcd, 0x65, 0]);
    }

    #[test]
    fn an_acknowledgement_is_awaited_whole() {
        let mut whole = vec![0x81];
        string(b"ack", &mut whole);
        string(b"0123456789012345678901234567890123456789", &mut whole);
        for cut in 0..whole.len() {
            assert_eq!(acknowledged(&whole[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(acknowledged(&whole), Ok(Some("0123456789012345678901234567890123456789".into())));
        assert!(acknowledged(b"nonsense").is_err());
    }
}

//! `application/vnd.amazon.eventstream`: answers that come piece by piece, each in a frame with checksums.

/// The content type.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// A header's value is text.
const TEXT: u8 = 7;
/// Lengths and checksums around headers and payload.
const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// The first frame of JSON services: the answer's other members, of which there are none.
pub fn initial_response() -> Vec<u8> {
    event("initial-response", b"{}")
}

/// An event with a JSON payload.
pub fn event(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, payload)
}

/// A modelled exception, which ends the stream.
pub fn exception(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers =
        [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")];
    frame(&headers, payload)
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(128);
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).expect("header names are short"));
        head.extend(name.as_bytes());
        head.push(TEXT);
        head.extend(u16::try_from(value.len()).expect("header values are short").to_be_bytes());
        head.extend(value.as_bytes());
    }
    let total = PRELUDE_BYTES + head.len() + payload.len() + CHECKSUM_BYTES;
    let length = |bytes: usize| u32::try_from(bytes).expect("frames are bounded").to_be_bytes();
    let mut frame = Vec::with_capacity(total);
    frame.extend(length(total));
    frame.extend(length(head.len()));
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_lengths_and_checksums() {
        let frame = event("e", b"{}");
        assert_eq!(frame[..4], u32::try_from(frame.len()).unwrap().to_be_bytes());
        assert_eq!(frame[8..12], crc32fast::hash(&frame[..8]).to_be_bytes());
        assert_eq!(&frame[12..13 + 11 + 3 + 1], b"\x0b:event-type\x07\x00\x01e");
        let end = frame.len() - 4;
        assert_eq!(frame[end..], crc32fast::hash(&frame[..end]).to_be_bytes());
        assert_eq!(&frame[end - 2..end], b"{}");
    }
}

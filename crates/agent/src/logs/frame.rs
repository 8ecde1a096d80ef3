//! Records as they lie in a spool: length, checksum, time, stream, bytes.
//!
//! All numbers are little-endian. A record that is cut or damaged ends what can be read.

use bytes::Bytes;

/// length u32, crc u32, time i64, flags u8.
pub(super) const HEADER_BYTES: usize = 17;
/// A record is one event at most: what CloudWatch Logs takes in one.
pub(super) const PAYLOAD_LIMIT: usize = 256 * 1024 - 26;

const STDERR: u8 = 1;
const PARTIAL: u8 = 2;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line, or a part of a line that was too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was read, in epoch milliseconds.
    pub timestamp: i64,
    /// Where it came from.
    pub stream: Stream,
    /// Whether the line goes on in the next record of its stream.
    pub partial: bool,
    /// The line, without its end.
    pub bytes: Bytes,
}

/// What the beginning of a buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A record, and how long it is.
    Record(Record, usize),
    /// The beginning of a record.
    Incomplete,
    /// Something else.
    Damaged,
}

/// Appends a record to `out`.
pub(super) fn encode(record: &Record, out: &mut Vec<u8>) {
    debug_assert!(record.bytes.len() <= PAYLOAD_LIMIT);
    let start = out.len();
    out.extend_from_slice(&(record.bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&record.timestamp.to_le_bytes());
    let stderr = if record.stream == Stream::Stderr { STDERR } else { 0 };
    out.push(stderr | if record.partial { PARTIAL } else { 0 });
    out.extend_from_slice(&record.bytes);
    let crc = checksum(&out[start..start + 4], &out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Reads the record at the beginning of `buffer`.
pub(super) fn decode(buffer: &Bytes) -> Decoded {
    let Some(header) = buffer.get(..HEADER_BYTES) else { return Decoded::Incomplete };
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let length = word(0) as usize;
    if length > PAYLOAD_LIMIT {
        return Decoded::Damaged;
    }
    let Some(whole) = buffer.get(..HEADER_BYTES + length) else { return Decoded::Incomplete };
    if checksum(&whole[..4], &whole[8..]) != word(4) {
        return Decoded::Damaged;
    }
    let timestamp = i64::from(word(8)) | (i64::from(word(12) as i32) << 32);
    let flags = header[16];
    let record = Record {
        timestamp,
        stream: if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr },
        partial: flags & PARTIAL != 0,
        bytes: buffer.slice(HEADER_BYTES..HEADER_BYTES + length),
    };
    Decoded::Record(record, whole.len())
}

/// The head of a record, as much as its accounting needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the record.
    pub(super) size: usize,
    /// Where its line came from.
    pub(super) stream: Stream,
    /// Bytes of the stream that it was made of. A record that ends a line had the line's end with it.
    pub(super) taken: u64,
    /// Whether it ends a line.
    pub(super) ends_line: bool,
}

/// The heads of records that [`encode`] has just written one behind the other.
pub(super) fn heads(mut encoded: &[u8]) -> impl Iterator<Item = Head> + '_ {
    std::iter::from_fn(move || {
        let header = encoded.get(..HEADER_BYTES)?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let (size, flags) = (HEADER_BYTES + length, header[HEADER_BYTES - 1]);
        encoded = encoded.get(size..)?;
        let stream = if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr };
        let ends_line = flags & PARTIAL == 0;
        Some(Head { size, stream, taken: length as u64 + u64::from(ends_line), ends_line })
    })
}

/// Bytes of the whole records at the beginning of `encoded` that fit into `room`.
pub(super) fn fitting(encoded: &[u8], room: u64) -> usize {
    let mut fits = 0;
    for head in heads(encoded) {
        if (fits + head.size) as u64 > room {
            break;
        }
        fits += head.size;
    }
    fits
}

/// Over the length and over what follows the checksum: a zeroed block is no record.
fn checksum(length: &[u8], rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(b"longshore");
    hasher.update(length);
    hasher.update(rest);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &Record) {
        let mut bytes = Vec::new();
        encode(record, &mut bytes);
        let bytes = Bytes::from(bytes);
        assert_eq!(decode(&bytes), Decoded::Record(record.clone(), bytes.len()));
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes.slice(..cut)), Decoded::Incomplete, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x40;
            assert!(!matches!(decode(&damaged.into()), Decoded::Record(..)), "damaged at {at}");
        }
    }

    #[test]
    fn records_survive_and_damage_is_seen() {
        let bytes = Bytes::from("GET / HTTP/1.1");
        check(&Record { timestamp: 1_700_000_000_123, stream: Stream::Stderr, partial: true, bytes });
        check(&Record { timestamp: -1, stream: Stream::Stdout, partial: false, bytes: Bytes::new() });
        assert_eq!(decode(&Bytes::from(vec![0; 64])), Decoded::Damaged);
    }

    #[test]
    fn heads_account_for_what_was_taken() {
        let mut encoded = Vec::new();
        let record = |stream, partial, text: &'static str| Record {
            timestamp: 1,
            stream,
            partial,
            bytes: Bytes::from(text),
        };
        encode(&record(Stream::Stdout, true, "abc"), &mut encoded);
        encode(&record(Stream::Stderr, false, ""), &mut encoded);
        let found: Vec<_> = heads(&encoded).map(|head| (head.stream, head.taken, head.ends_line)).collect();
        assert_eq!(found, [(Stream::Stdout, 3, false), (Stream::Stderr, 1, true)]);
        let first = HEADER_BYTES + 3;
        for (room, fits) in
            [(first - 1, 0), (first, first), (encoded.len(), encoded.len()), (9999, encoded.len())]
        {
            assert_eq!(fitting(&encoded, room as u64), fits, "room {room}");
        }
    }
}

//! Byte ranges: `Content-Range` of upload chunks and `Range` of downloads.

/// Inclusive bounds of a chunk, as `Content-Range: <start>-<end>` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRange {
    /// The offset of the first byte.
    pub start: u64,
    /// The offset of the last byte.
    pub end: u64,
}

impl ChunkRange {
    /// Parses `0-99`, and `bytes 0-99/*` which some clients send.
    pub fn parse(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        let raw = raw.strip_prefix("bytes").map_or(raw, |rest| rest.trim_start_matches([' ', '=']));
        let bounds = raw.split_once('/').map_or(raw, |(bounds, _)| bounds);
        let (start, end) = bounds.split_once('-')?;
        let range = ChunkRange { start: number(start)?, end: number(end)? };
        (range.start <= range.end).then_some(range)
    }

    /// How many bytes the chunk has.
    pub fn byte_count(self) -> u64 {
        (self.end - self.start).saturating_add(1)
    }
}

/// What a `Range` header asks of content of a known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: no header, or one that is not understood or asks for several ranges.
    Whole,
    /// One part, `start..end` (exclusive).
    Part(std::ops::Range<u64>),
    /// Nothing that exists.
    Unsatisfiable,
}

/// Reads a `Range` header against content of `size` bytes.
///
/// Several ranges are answered with the whole, as RFC 9110 allows: no registry client asks for them.
/// One that ends before it begins is refused, as the distribution specification's tests expect.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(spec) = header.and_then(|raw| raw.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Wanted::Whole,
        (true, false) => match number(last) {
            Some(0) => Wanted::Unsatisfiable,
            Some(_) if size == 0 => Wanted::Unsatisfiable,
            Some(count) => Wanted::Part(size.saturating_sub(count)..size),
            None => Wanted::Whole,
        },
        (false, open) => {
            let Some(start) = number(first) else { return Wanted::Whole };
            let last = if open { Some(u64::MAX) } else { number(last) };
            match last {
                Some(last) if last < start => Wanted::Unsatisfiable,
                Some(_) if start >= size => Wanted::Unsatisfiable,
                Some(last) => Wanted::Part(start..last.saturating_add(1).min(size)),
                None => Wanted::Whole,
            }
        }
    }
}

fn number(raw: &str) -> Option<u64> {
    let digits = !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| raw.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_are_inclusive() {
        assert_eq!(ChunkRange::parse("0-99"), Some(ChunkRange { start: 0, end: 99 }));
        assert_eq!(ChunkRange::parse("bytes 5-9/*"), Some(ChunkRange { start: 5, end: 9 }));
        assert_eq!(ChunkRange::parse("5-9").map(ChunkRange::byte_count), Some(5));
        for bad in ["", "-", "5", "9-5", "a-b", "-1-5", "+1-5", "0-99999999999999999999"] {
            assert_eq!(ChunkRange::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn downloads_take_one_range() {
        for (header, size, expected) in [
            ("bytes=0-4", 10, Wanted::Part(0..5)),
            ("bytes=5-", 10, Wanted::Part(5..10)),
            ("bytes=-3", 10, Wanted::Part(7..10)),
            ("bytes=-30", 10, Wanted::Part(0..10)),
            ("bytes=4-400", 10, Wanted::Part(4..10)),
            ("bytes=10-", 10, Wanted::Unsatisfiable),
            ("bytes=-0", 10, Wanted::Unsatisfiable),
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=5-4", 10, Wanted::Unsatisfiable),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("items=0-1", 10, Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), size), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_nor_outside(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", size in 0u64..1000) {
            if let Wanted::Part(part) = wanted(Some(&header), size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }

        #[test]
        fn a_chunk_is_read_as_it_is_written(start in 0u64..1 << 40, len in 1u64..1 << 40) {
            let end = start + len - 1;
            let chunk = ChunkRange::parse(&format!("{start}-{end}")).expect("well formed");
            prop_assert_eq!((chunk.start, chunk.byte_count()), (start, len));
        }

        #[test]
        fn anything_is_survived(raw in ".{0,40}") {
            let _ = ChunkRange::parse(&raw);
            let _ = wanted(Some(&raw), 100);
        }
    }
}

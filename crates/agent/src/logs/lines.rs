//! Bytes into lines. Pure.

use bytes::Bytes;

use super::frame::PAYLOAD_LIMIT;

/// Splits one stream into lines; lines beyond the limit come in parts.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

/// A line or a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) bytes: Bytes,
    /// Whether the line goes on.
    pub(super) partial: bool,
}

impl Lines {
    /// Takes bytes and answers the lines that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut emit: impl FnMut(Line)) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..at], &mut emit);
            emit(Line { bytes: std::mem::take(&mut self.pending).into(), partial: false });
            bytes = &bytes[at + 1..];
        }
        self.extend(bytes, &mut emit);
    }

    /// The end of the stream: what is left is a line too.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(Line)) {
        if !self.pending.is_empty() {
            emit(Line { bytes: std::mem::take(&mut self.pending).into(), partial: false });
        }
    }

    fn extend(&mut self, bytes: &[u8], emit: &mut impl FnMut(Line)) {
        self.pending.extend_from_slice(bytes);
        while self.pending.len() > PAYLOAD_LIMIT {
            let rest = self.pending.split_off(cut_at(&self.pending));
            emit(Line { bytes: std::mem::replace(&mut self.pending, rest).into(), partial: true });
        }
    }
}

/// Where to cut: at the limit, but not inside of a character.
fn cut_at(bytes: &[u8]) -> usize {
    let is_boundary = |at: &usize| bytes[*at] & 0xc0 != 0x80;
    (PAYLOAD_LIMIT - 3..=PAYLOAD_LIMIT).rev().find(is_boundary).unwrap_or(PAYLOAD_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk, |line| found.push(line));
        }
        lines.finish(|line| found.push(line));
        found
    }

    #[test]
    fn chunks_do_not_matter() {
        let texts = |lines: Vec<Line>| -> Vec<_> { lines.into_iter().map(|l| l.bytes).collect() };
        let whole = texts(split(&[b"one\n\ntwo\r\nthree"]));
        assert_eq!(whole, ["one", "", "two\r", "three"]);
        let bytes = b"one\n\ntwo\r\nthree";
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(texts(split(&single)), whole);
    }

    #[test]
    fn long_lines_come_in_parts_of_whole_characters() {
        let text = "ü".repeat(PAYLOAD_LIMIT);
        let parts = split(&[b"x", text.as_bytes(), b"\n"]);
        assert!(parts.iter().all(|part| part.bytes.len() <= PAYLOAD_LIMIT));
        assert!(parts.iter().all(|part| std::str::from_utf8(&part.bytes).is_ok()));
        let partial: Vec<_> = parts.iter().map(|part| part.partial).collect();
        assert_eq!(partial, [true, true, false]);
        let joined: Vec<u8> = parts.iter().flat_map(|part| part.bytes.to_vec()).collect();
        assert_eq!(joined.len(), 1 + text.len());
    }
}

//! Records of a spool into messages as Docker's drivers get them: at most 16 KiB, parts of a line numbered. Pure.

use bytes::Bytes;

use super::frame::{Record, Stream};

/// Docker reads a container's output through a buffer of this size; a longer line comes in parts.
const PART_BYTES: usize = 16 * 1024;

/// What a driver carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// When its line was read, in epoch milliseconds; all parts of a line have its first one's.
    pub(super) timestamp: i64,
    /// Where it came from.
    pub(super) stream: Stream,
    /// The text, without its end.
    pub(super) line: Bytes,
    /// Which part of a longer line it is.
    pub(super) part: Option<Part>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The same for all parts.
    pub(super) id: String,
    /// From one.
    pub(super) ordinal: u32,
    /// Whether the line ends with it.
    pub(super) is_last: bool,
}

impl Message {
    /// The stream by Docker's name.
    pub(super) fn source(&self) -> &'static str {
        match self.stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    /// The line as text: bytes that are none are replaced.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.line)
    }
}

/// Makes messages of one container's records.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    open: [Option<Open>; 2],
}

/// A line of which parts were given out.
#[derive(Clone, Debug)]
struct Open {
    id: String,
    timestamp: i64,
    parts: u32,
}

impl Splitter {
    /// Appends the messages of a record; `fresh_id` names a line that comes in parts.
    pub(super) fn push(&mut self, record: &Record, fresh_id: impl Fn() -> String, out: &mut Vec<Message>) {
        let open = &mut self.open[usize::from(record.stream == Stream::Stderr)];
        let mut rest = record.bytes.clone();
        while rest.len() >= PART_BYTES {
            let piece = rest.split_to(PART_BYTES);
            out.push(part(open, record, piece, false, &fresh_id));
        }
        match (record.partial, &open) {
            (true, _) if rest.is_empty() => {}
            (true, _) => out.push(part(open, record, rest, false, &fresh_id)),
            (false, Some(_)) => {
                out.push(part(open, record, rest, true, &fresh_id));
                *open = None;
            }
            (false, None) => {
                let (timestamp, stream) = (record.timestamp, record.stream);
                out.push(Message { timestamp, stream, line: rest, part: None });
            }
        }
    }
}

fn part(
    open: &mut Option<Open>,
    record: &Record,
    line: Bytes,
    is_last: bool,
    fresh_id: &impl Fn() -> String,
) -> Message {
    let line_of = open.get_or_insert_with(|| Open { id: fresh_id(), timestamp: record.timestamp, parts: 0 });
    line_of.parts += 1;
    let part = Part { id: line_of.id.clone(), ordinal: line_of.parts, is_last };
    Message { timestamp: line_of.timestamp, stream: record.stream, line, part: Some(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(records: &[(usize, bool)], expected: &[(usize, Option<(u32, bool)>)]) {
        let (mut splitter, mut messages) = (Splitter::default(), Vec::new());
        for (length, partial) in records {
            let bytes = Bytes::from(vec![b'x'; *length]);
            let record = Record { timestamp: 1, stream: Stream::Stdout, partial: *partial, bytes };
            splitter.push(&record, || "id".into(), &mut messages);
        }
        let shape = |message: &Message| {
            (message.line.len(), message.part.as_ref().map(|part| (part.ordinal, part.is_last)))
        };
        assert_eq!(messages.iter().map(shape).collect::<Vec<_>>(), expected);
        assert!(splitter.open.iter().all(Option::is_none));
    }

    #[test]
    fn long_lines_come_in_numbered_parts() {
        check(&[(5, false), (0, false)], &[(5, None), (0, None)]);
        // As in Docker: a full buffer goes out before it is known that the line ends there.
        check(&[(PART_BYTES, false)], &[(PART_BYTES, Some((1, false))), (0, Some((2, true)))]);
        check(
            &[(PART_BYTES + 3, true), (2, false)],
            &[(PART_BYTES, Some((1, false))), (3, Some((2, false))), (2, Some((3, true)))],
        );
    }
}

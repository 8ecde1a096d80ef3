//! Lines into events: `awslogs-multiline-pattern` and `awslogs-datetime-format`. Pure.

use regex::bytes::Regex;

use super::frame::{PAYLOAD_LIMIT, Record};

/// An event on its way to the log store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When its first line was read, in epoch milliseconds.
    pub(super) timestamp: i64,
    /// Its text.
    pub(super) text: Vec<u8>,
    /// Where in the spool the next event begins.
    pub(super) end: u64,
}

/// Joins lines to events. Without a pattern every line is one.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    starts: Option<Regex>,
    pending: Option<Event>,
    pending_length: usize,
}

impl Assembler {
    /// An assembler; a line that matches `starts` begins an event.
    pub(super) fn new(starts: Option<Regex>) -> Assembler {
        Assembler { starts, ..Assembler::default() }
    }

    /// Whether lines wait for more.
    pub(super) fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes a line that ends at `end`; answers what it completes. As in Docker's driver each line of a joined event
    /// keeps its end, the last one too, and an event's length is that of its text, where U+FFFD stands for each
    /// byte that is none.
    pub(super) fn push(&mut self, record: &Record, end: u64) -> Option<Event> {
        let mut line = Event { timestamp: record.timestamp, text: record.bytes.to_vec(), end };
        let Some(starts) = &self.starts else { return Some(line) };
        let length = effective_length(&line.text);
        let begins = starts.is_match(&line.text);
        if length < PAYLOAD_LIMIT {
            line.text.push(b'\n');
        }
        match &mut self.pending {
            Some(pending) if !begins && self.pending_length + length <= PAYLOAD_LIMIT => {
                self.pending_length += effective_length(&line.text);
                pending.text.extend_from_slice(&line.text);
                pending.end = end;
                None
            }
            _ => {
                self.pending_length = effective_length(&line.text);
                self.pending.replace(line)
            }
        }
    }

    /// Gives out the lines that wait.
    pub(super) fn flush(&mut self) -> Option<Event> {
        self.pending.take()
    }
}

fn effective_length(text: &[u8]) -> usize {
    let piece = |chunk: std::str::Utf8Chunk<'_>| {
        chunk.valid().len() + chunk.invalid().len() * char::REPLACEMENT_CHARACTER.len_utf8()
    };
    text.utf8_chunks().map(piece).sum()
}

/// The pattern of lines with a time in a `strftime` format, as Docker's driver reads it: what is no conversion is
/// left as it is and so a pattern itself, and a conversion that is not known stands for nothing.
pub(super) fn datetime_pattern(format: &str) -> String {
    let mut pattern = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('%', Some(conversion)) => {
                chars.next();
                pattern.push_str(conversion_pattern(conversion).unwrap_or_default());
            }
            _ => pattern.push(c),
        }
    }
    pattern
}

fn conversion_pattern(conversion: char) -> Option<&'static str> {
    Some(match conversion {
        'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
        'w' => "[0-6]",
        'd' => "(?:0[1-9]|[12][0-9]|3[01])",
        'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        'B' => "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        'm' => "(?:0[1-9]|1[0-2])",
        'Y' => r"\d{4}",
        'y' => r"\d{2}",
        'H' => "(?:[01][0-9]|2[0-3])",
        'I' => "(?:0[0-9]|1[0-2])",
        'p' => "[AP]M",
        'M' | 'S' => "[0-5][0-9]",
        'f' => r"\d{6}",
        'z' => r"[+-]\d{4}",
        'Z' => "[A-Z]{1,4}T",
        'j' => "(?:[0-2][0-9][0-9]|3[0-5][0-9]|36[0-6])",
        'L' => r"\.\d{3}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::frame::Stream;

    fn check(pattern: Option<&str>, lines: &[&str], expected: &[&str]) {
        let mut assembler = Assembler::new(pattern.map(|pattern| Regex::new(pattern).unwrap()));
        let record = |text: &str| Record {
            timestamp: 1,
            stream: Stream::Stdout,
            partial: false,
            bytes: bytes::Bytes::from(text.to_string()),
        };
        let pushed =
            lines.iter().enumerate().filter_map(|(at, line)| assembler.push(&record(line), at as u64 + 1));
        let mut events: Vec<_> = pushed.collect();
        events.extend(assembler.flush());
        let texts: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(&event.text)).collect();
        assert_eq!(texts, expected);
        assert_eq!(events.last().map(|event| event.end), Some(lines.len() as u64));
    }

    #[test]
    fn lines_join_until_one_matches() {
        check(None, &["a", " b"], &["a", " b"]);
        check(Some(r"^\S"), &["error", " at x", " at y", "next"], &["error\n at x\n at y\n", "next\n"]);
    }

    #[test]
    fn an_event_is_no_longer_than_the_store_takes() {
        let half = "x".repeat(PAYLOAD_LIMIT / 2);
        let (two, one) = (format!("{half}\n"), "begin\n");
        check(Some("^begin"), &["begin", &half, &half, &half], &[&format!("{one}{two}"), &two, &two]);
        assert_eq!(effective_length(b"a\xff\xffb"), 8);
    }

    #[test]
    fn a_datetime_format_is_a_pattern() {
        let pattern = datetime_pattern(r"\[%b %d, %Y %H:%M:%S\]");
        let first = "[May 01, 2017 19:00:01] A message was logged";
        check(
            Some(&pattern),
            &[first, "more", "[May 01, 2017 19:00:04] next"],
            &[&format!("{first}\nmore\n"), "[May 01, 2017 19:00:04] next\n"],
        );
        assert_eq!(datetime_pattern("a%Qb%%c%"), "abc%");
    }
}

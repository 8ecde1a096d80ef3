//! What waits in a spool behind its shipper, counted: for drivers that drop new messages beyond so many.
//!
//! The spool itself is bounded in bytes. This is a second look at it while the receiver is away; it remembers which
//! records came when enough were waiting, and the shipper passes those over.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::spool::Reader;

/// The messages that wait.
pub(super) struct Backlog {
    dir: PathBuf,
    limit: u64,
    ahead: Reader,
    /// How many records lie between the shipper and `ahead`, and are not to be dropped.
    waiting: u64,
    /// Where records to be dropped begin and end, in order.
    beyond: VecDeque<(u64, u64)>,
}

impl Backlog {
    /// A backlog of at most `limit` records.
    pub(super) fn new(dir: &Path, limit: u64, offset: u64) -> Backlog {
        Backlog {
            dir: dir.to_path_buf(),
            limit,
            ahead: Reader::new(dir, offset),
            waiting: 0,
            beyond: VecDeque::new(),
        }
    }

    /// Looks at what came; `shipper` is where the shipper reads on, with `held` records in its hands.
    pub(super) fn look(&mut self, shipper: u64, held: u64) -> io::Result<()> {
        if self.ahead.offset() < shipper {
            self.ahead = Reader::new(&self.dir, shipper);
            self.waiting = held;
        }
        loop {
            let begin = self.ahead.offset();
            let Some((_, end)) = self.ahead.next_record()? else { return Ok(()) };
            if self.waiting < self.limit {
                self.waiting += 1;
                continue;
            }
            match self.beyond.back_mut() {
                Some(last) if last.1 == begin => last.1 = end,
                _ => self.beyond.push_back((begin, end)),
            }
        }
    }

    /// The shipper has come to a record that ends at `end`: whether it is to be dropped.
    pub(super) fn drops(&mut self, end: u64) -> bool {
        while self.beyond.front().is_some_and(|range| range.1 < end) {
            self.beyond.pop_front();
        }
        self.beyond.front().is_some_and(|range| range.0 < end)
    }

    /// The receiver has taken so many records.
    pub(super) fn taken(&mut self, records: u64) {
        self.waiting = self.waiting.saturating_sub(records);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::logs::frame::{Record, Stream, encode};
    use crate::logs::spool::Writer;

    #[test]
    fn what_comes_beyond_the_limit_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(dir.path(), u64::MAX).unwrap();
        let mut append = |count: usize| {
            for _ in 0..count {
                let bytes = Bytes::from("x");
                let record = Record { timestamp: 1, stream: Stream::Stdout, partial: false, bytes };
                let mut encoded = Vec::new();
                encode(&record, &mut encoded);
                writer.append(&encoded).unwrap();
            }
        };
        let mut reader = Reader::new(dir.path(), 0);
        let mut backlog = Backlog::new(dir.path(), 5, 0);
        append(3);
        reader.next_record().unwrap();
        // The shipper holds one; two more wait, then three come and two beyond the limit, of which the first is let in.
        append(4);
        backlog.look(reader.offset(), 1).unwrap();
        let mut kept = Vec::new();
        while let Some((_, end)) = reader.next_record().unwrap() {
            kept.push(!backlog.drops(end));
        }
        assert_eq!(kept, [true, true, true, true, false, false]);
        backlog.taken(5);
        append(2);
        backlog.look(reader.offset(), 0).unwrap();
        let (_, end) = reader.next_record().unwrap().unwrap();
        assert!(!backlog.drops(end));
    }
}

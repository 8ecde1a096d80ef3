//! Events into batches within CloudWatch Logs' limits. Pure.

use std::collections::VecDeque;

use wire::link::LogEvent;

use super::frame::PAYLOAD_LIMIT;
use super::multiline::Event;

/// PutLogEvents takes no more bytes at once, counting [`EVENT_OVERHEAD`] an event.
const BATCH_BYTES: usize = 1 << 20;
/// PutLogEvents takes no more events at once.
const BATCH_EVENTS: usize = 10_000;
/// PutLogEvents takes no batch that spans more time.
const BATCH_SPAN_MS: u64 = 24 * 60 * 60 * 1000;
/// What AWS counts beside an event's text.
const EVENT_OVERHEAD: usize = 26;

/// Events that go together.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) events: Vec<LogEvent>,
    bytes: usize,
    /// Where the spool goes on behind them; `None` while the batch covers nothing.
    pub(super) end: Option<u64>,
}

impl Batch {
    /// Takes as many events from the front of `queue` as fit; whether it is full now.
    pub(super) fn fill(&mut self, queue: &mut VecDeque<Event>) -> bool {
        while let Some(event) = queue.front() {
            // Bytes that are no UTF-8 grow when they are replaced: so the text is what counts.
            let pieces = pieces(&event.text);
            let bytes = pieces.iter().map(|piece| piece.len() + EVENT_OVERHEAD).sum::<usize>();
            let spans = self.events.first().map_or(0, |first| event.timestamp.abs_diff(first.timestamp));
            let fits = self.bytes + bytes <= BATCH_BYTES
                && self.events.len() + pieces.len() <= BATCH_EVENTS
                && spans < BATCH_SPAN_MS;
            if !fits && !self.events.is_empty() {
                return true;
            }
            self.bytes += bytes;
            self.end = Some(event.end);
            let timestamp = event.timestamp;
            self.events.extend(pieces.into_iter().map(|message| LogEvent { timestamp, message }));
            queue.pop_front();
        }
        self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }
}

impl Batch {
    /// The events as PutLogEvents wants them, by time: a clock that was set back leaves them in another order.
    pub(super) fn into_events(mut self) -> Vec<LogEvent> {
        self.events.sort_by_key(|event| event.timestamp);
        self.events
    }
}

/// The texts to send for an event: none for an empty line, which CloudWatch Logs refuses, and several
/// when replacement characters have made it too long.
fn pieces(text: &[u8]) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut rest = String::from_utf8_lossy(text).into_owned();
    let mut found = Vec::new();
    while rest.len() > PAYLOAD_LIMIT {
        let at = (0..=PAYLOAD_LIMIT).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(PAYLOAD_LIMIT);
        let tail = rest.split_off(at);
        found.push(std::mem::replace(&mut rest, tail));
    }
    found.push(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(texts: impl IntoIterator<Item = Vec<u8>>) -> VecDeque<Event> {
        let event = |(at, text)| Event { timestamp: 1, text, end: at as u64 + 1 };
        texts.into_iter().enumerate().map(event).collect()
    }

    #[test]
    fn a_batch_keeps_the_limits() {
        let mut events = queue((0..25_000).map(|_| b"x".to_vec()));
        let mut sizes = Vec::new();
        while !events.is_empty() {
            let mut batch = Batch::default();
            batch.fill(&mut events);
            sizes.push((batch.events.len(), batch.end));
        }
        assert_eq!(sizes, [(10_000, Some(10_000)), (10_000, Some(20_000)), (5_000, Some(25_000))]);

        let mut events = queue((0..9).map(|_| vec![b'y'; 250_000]));
        let mut batch = Batch::default();
        assert!(batch.fill(&mut events));
        assert_eq!(batch.events.len(), 4);
    }

    #[test]
    fn a_batch_spans_less_than_a_day_and_is_in_order() {
        let event = |timestamp, end| Event { timestamp, text: b"x".to_vec(), end };
        let mut events = VecDeque::from([event(5, 1), event(3, 2), event(5 + 86_400_000, 3)]);
        let mut batch = Batch::default();
        assert!(batch.fill(&mut events));
        let times: Vec<_> = batch.into_events().iter().map(|event| event.timestamp).collect();
        assert_eq!((times, events.len()), (vec![3, 5], 1));
    }

    #[test]
    fn empty_lines_are_passed_over() {
        let mut batch = Batch::default();
        batch.fill(&mut queue([Vec::new(), Vec::new()]));
        assert_eq!((batch.events.len(), batch.end), (0, Some(2)));
    }

    #[test]
    fn what_is_no_text_is_replaced_within_the_limit() {
        let mut batch = Batch::default();
        batch.fill(&mut queue([vec![0xff; PAYLOAD_LIMIT]]));
        assert_eq!(batch.events.len(), 4);
        assert!(batch.events.iter().all(|event| event.message.len() <= PAYLOAD_LIMIT));
    }
}

//! How far each source has been stored: what makes shipping a batch twice store it once.
//!
//! The table lives in memory and is written into the first record of every new log file. A source
//! that has been silent for longer than events may be late is forgotten.

use std::collections::HashMap;

use crate::event::Source;
use crate::wal::SourceState;

/// A day longer than the 14 days by which an event may be late.
const FORGET_AFTER_MS: i64 = 15 * 86_400_000;

/// What to do with a batch of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is new: store it.
    New,
    /// All of it is stored already: acknowledge it.
    Duplicate,
    /// It begins before and ends after what is stored: refuse it.
    Overlap {
        /// The first offset still wanted.
        have: u64,
    },
}

impl Verdict {
    /// Decides about a batch whose source is stored up to `have`. One that leaves a gap is new:
    /// its spool has lost the lines before it.
    pub(crate) fn of(source: &Source, have: Option<u64>) -> Self {
        match have {
            Some(have) if source.next <= have => Verdict::Duplicate,
            Some(have) if source.offset < have => Verdict::Overlap { have },
            Some(_) | None => Verdict::New,
        }
    }
}

/// The known sources.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    states: HashMap<String, SourceState>,
}

impl Sources {
    /// The first offset still wanted of a source.
    pub(crate) fn next(&self, id: &str) -> Option<u64> {
        self.states.get(id).map(|state| state.next)
    }

    /// Remembers that a source is stored up to its `next`.
    pub(crate) fn advance(&mut self, source: &Source, seen_at: i64) {
        self.states.insert(source.id.clone(), SourceState { next: source.next, seen_at });
    }

    /// Takes over what a checkpoint says.
    pub(crate) fn restore(&mut self, states: Vec<(String, SourceState)>) {
        self.states.extend(states);
    }

    /// Forgets what has long been silent at `now`, and lists the rest in order.
    pub(crate) fn checkpoint(&mut self, now: i64) -> Vec<(String, SourceState)> {
        self.states.retain(|_, state| now.saturating_sub(state.seen_at) < FORGET_AFTER_MS);
        let mut states: Vec<_> = self.states.iter().map(|(id, state)| (id.clone(), *state)).collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(offset: u64, next: u64) -> Source {
        Source { id: "spool".into(), offset, next }
    }

    #[test]
    fn a_batch_is_new_once() {
        let check = |offset, next, have, expected| {
            assert_eq!(Verdict::of(&source(offset, next), have), expected, "{offset}..{next} on {have:?}");
        };
        check(0, 10, None, Verdict::New);
        check(0, 10, Some(10), Verdict::Duplicate);
        check(0, 4, Some(10), Verdict::Duplicate);
        check(5, 12, Some(10), Verdict::Overlap { have: 10 });
        check(10, 12, Some(10), Verdict::New);
        check(50, 60, Some(10), Verdict::New);
    }

    #[test]
    fn the_silent_are_forgotten() {
        let mut sources = Sources::default();
        sources.advance(&source(0, 10), 0);
        assert_eq!(sources.checkpoint(FORGET_AFTER_MS - 1).len(), 1);
        assert_eq!(sources.checkpoint(FORGET_AFTER_MS).len(), 0);
    }
}

//! Chance, from a seed.

use std::time::Duration;

use model::id::SeededIds;

/// A reproducible source of decisions.
#[derive(Clone, Debug)]
pub struct Dice(SeededIds);

impl Dice {
    /// The decisions that belong to `seed`.
    pub fn new(seed: u64) -> Self {
        Dice(SeededIds::new(seed))
    }

    /// Another source, which this one decides: what one part of the world draws does not move another's.
    pub fn fork(&mut self) -> Dice {
        Dice::new(self.0.next_u64())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // The remainder's bias is of no account for small numbers.
        self.0.next_u64() % end.max(1)
    }

    /// A number from `first` up to, and not including, `end`.
    pub fn between(&mut self, first: u64, end: u64) -> u64 {
        first + self.below(end.saturating_sub(first))
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A duration in milliseconds.
    pub fn millis(&mut self, first: u64, end: u64) -> Duration {
        Duration::from_millis(self.between(first, end))
    }

    /// One of `all`, or none when there are none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
        all.get(at)
    }
}

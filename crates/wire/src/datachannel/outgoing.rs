//! What was sent and not yet acknowledged: bounded, and sent again until it is.
//!
//! The times follow the plugin's (and TCP's): a round trip is measured with each first answer, and
//! a message is sent again when it has waited for longer than that and four times its variation.

use std::collections::VecDeque;

/// Messages that may be on their way: with more, the sender waits.
const WINDOW: usize = 512;
const FIRST_TIMEOUT_MS: u64 = 200;
const LONGEST_TIMEOUT_MS: u64 = 1_000;
const GRANULARITY_MS: u64 = 10;
/// A client that answers none of so many is gone: five minutes, as the plugin has it.
const MAX_ATTEMPTS: u32 = 300;

#[derive(Clone, Debug)]
struct Sent {
    sequence: i64,
    frame: Vec<u8>,
    at_ms: u64,
    attempts: u32,
}

/// The sending half of a stream.
#[derive(Clone, Debug)]
pub struct Outgoing {
    next: i64,
    waiting: VecDeque<Sent>,
    round_trip_ms: f64,
    variation_ms: f64,
    timeout_ms: u64,
}

impl Default for Outgoing {
    fn default() -> Self {
        Outgoing {
            next: 0,
            waiting: VecDeque::new(),
            round_trip_ms: 100.0,
            variation_ms: 0.0,
            timeout_ms: FIRST_TIMEOUT_MS,
        }
    }
}

impl Outgoing {
    /// The number of the next message.
    pub fn next_sequence(&self) -> i64 {
        self.next
    }

    /// Whether another message may be sent.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < WINDOW
    }

    /// Whether all has arrived.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Remembers a frame that carries [`Self::next_sequence`] and is sent now.
    pub fn sent(&mut self, frame: Vec<u8>, now_ms: u64) {
        self.waiting.push_back(Sent { sequence: self.next, frame, at_ms: now_ms, attempts: 0 });
        self.next += 1;
    }

    /// Takes an acknowledgement.
    pub fn acknowledged(&mut self, sequence: i64, now_ms: u64) {
        let Some(at) = self.waiting.iter().position(|sent| sent.sequence == sequence) else { return };
        let Some(sent) = self.waiting.remove(at) else { return };
        // What was sent twice does not tell which of both was answered.
        if sent.attempts == 0 {
            self.measure(now_ms.saturating_sub(sent.at_ms) as f64);
        }
    }

    fn measure(&mut self, round_trip_ms: f64) {
        self.variation_ms = 0.75 * self.variation_ms + 0.25 * (self.round_trip_ms - round_trip_ms).abs();
        self.round_trip_ms = 0.875 * self.round_trip_ms + 0.125 * round_trip_ms;
        let slack = (4.0 * self.variation_ms).max(GRANULARITY_MS as f64);
        self.timeout_ms = ((self.round_trip_ms + slack) as u64).clamp(GRANULARITY_MS, LONGEST_TIMEOUT_MS);
    }

    /// When the oldest message is to be sent again.
    pub fn due_at_ms(&self) -> Option<u64> {
        let oldest = self.waiting.front()?;
        // A client that does not answer is asked ever more slowly.
        let timeout = (self.timeout_ms << oldest.attempts.min(3)).min(LONGEST_TIMEOUT_MS);
        Some(oldest.at_ms + timeout)
    }

    /// The oldest message, if it is due again.
    pub fn due(&mut self, now_ms: u64) -> Option<&[u8]> {
        if self.due_at_ms()? > now_ms {
            return None;
        }
        let oldest = self.waiting.front_mut()?;
        oldest.at_ms = now_ms;
        oldest.attempts += 1;
        Some(&oldest.frame)
    }

    /// All that waits, to be sent to a client that has come back.
    pub fn again(&mut self, now_ms: u64) -> impl Iterator<Item = &[u8]> {
        self.waiting.iter_mut().map(move |sent| {
            (sent.at_ms, sent.attempts) = (now_ms, sent.attempts.max(1));
            sent.frame.as_slice()
        })
    }

    /// Whether the other side has not answered for so long that it is gone.
    pub fn is_given_up(&self) -> bool {
        self.waiting.front().is_some_and(|sent| sent.attempts > MAX_ATTEMPTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Outgoing {
        let mut outgoing = Outgoing::default();
        (0..3).for_each(|n| outgoing.sent(vec![n], 1_000));
        outgoing
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again() {
        let mut outgoing = three();
        assert_eq!(outgoing.due(1_100), None);
        assert_eq!(outgoing.due(1_200), Some(&[0u8][..]));
        assert_eq!(outgoing.due(1_201), None, "it has just been sent");
        outgoing.acknowledged(0, 1_210);
        assert_eq!(outgoing.due(1_210), Some(&[1u8][..]));
        outgoing.acknowledged(2, 1_220);
        outgoing.acknowledged(1, 1_220);
        assert!(outgoing.is_empty() && outgoing.due_at_ms().is_none());
        assert_eq!(outgoing.next_sequence(), 3);
    }

    #[test]
    fn a_client_that_comes_back_gets_all_of_it_in_order() {
        let mut outgoing = three();
        outgoing.acknowledged(1, 1_001);
        let again: Vec<_> = outgoing.again(9_000).map(<[u8]>::to_vec).collect();
        assert_eq!(again, [vec![0], vec![2]]);
    }

    #[test]
    fn the_window_is_bounded() {
        let mut outgoing = Outgoing::default();
        while outgoing.has_room() {
            outgoing.sent(Vec::new(), 0);
        }
        assert_eq!(outgoing.next_sequence(), WINDOW as i64);
        outgoing.acknowledged(5, 1);
        assert!(outgoing.has_room());
    }

    #[test]
    fn a_silent_client_is_given_up_in_the_end() {
        let mut outgoing = three();
        let mut now = 1_000;
        while !outgoing.is_given_up() {
            now = outgoing.due_at_ms().unwrap();
            assert!(outgoing.due(now).is_some());
        }
        assert!((290_000..310_000).contains(&now), "{now}");
    }

    #[test]
    fn the_timeout_follows_the_round_trip() {
        let mut outgoing = Outgoing::default();
        for n in 0..50 {
            outgoing.sent(Vec::new(), n * 10);
            outgoing.acknowledged(n as i64, n * 10 + 2);
        }
        assert!(outgoing.timeout_ms <= 30, "{}", outgoing.timeout_ms);
    }
}

//! What comes, in order and once: duplicates are acknowledged and dropped, early ones wait.

use std::collections::BTreeMap;

use super::message::Message;

/// Early messages that may wait; one beyond is not acknowledged and so comes again.
const MAX_WAITING: usize = 256;

/// The receiving half of a stream.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    expected: i64,
    waiting: BTreeMap<i64, Message>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether the sender may forget it.
    pub acknowledge: bool,
    /// What can be acted on now, in order.
    pub ready: Vec<Message>,
}

impl Incoming {
    /// Takes a message of the stream.
    pub fn accept(&mut self, message: Message) -> Accepted {
        let (sequence, expected) = (message.sequence, self.expected);
        let mut ready = Vec::new();
        if sequence < expected {
            return Accepted { acknowledge: true, ready };
        }
        if sequence > expected {
            let acknowledge = self.waiting.len() < MAX_WAITING || self.waiting.contains_key(&sequence);
            if acknowledge {
                self.waiting.insert(sequence, message);
            }
            return Accepted { acknowledge, ready };
        }
        ready.push(message);
        self.expected += 1;
        while let Some(next) = self.waiting.remove(&self.expected) {
            ready.push(next);
            self.expected += 1;
        }
        Accepted { acknowledge: true, ready }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Kind, MessageId, payload};
    use super::*;

    fn message(sequence: i64) -> Message {
        Message {
            kind: Kind::InputStreamData,
            created_at_ms: 0,
            sequence,
            flags: 0,
            id: MessageId::default(),
            payload_type: payload::OUTPUT,
            payload: Vec::new(),
        }
    }

    fn check(order: &[i64], expected: &[&[i64]]) {
        let mut incoming = Incoming::default();
        let ready = |n: &i64| -> Vec<i64> {
            incoming.accept(message(*n)).ready.iter().map(|message| message.sequence).collect()
        };
        assert_eq!(order.iter().map(ready).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn messages_come_out_in_order_and_once() {
        check(&[0, 1, 2], &[&[0], &[1], &[2]]);
        check(&[2, 1, 0], &[&[], &[], &[0, 1, 2]]);
        check(&[0, 0, 2, 2, 1, 1], &[&[0], &[], &[], &[], &[1, 2], &[]]);
    }

    #[test]
    fn what_finds_no_room_is_not_acknowledged() {
        let mut incoming = Incoming::default();
        assert!((1..=MAX_WAITING as i64).all(|n| incoming.accept(message(n)).acknowledge));
        assert!(!incoming.accept(message(MAX_WAITING as i64 + 1)).acknowledge);
        assert_eq!(incoming.accept(message(0)).ready.len(), MAX_WAITING + 1);
    }
}

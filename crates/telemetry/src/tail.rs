//! Following what comes in: every batch that became durable, to whoever listens.

use std::sync::Arc;

use model::logs::LogGroupId;
use tokio::sync::broadcast;

use crate::event::Entry;

/// How many batches a slow listener may be behind before it loses some.
const BACKLOG: usize = 256;

/// A batch that has just become durable.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The group.
    pub group: LogGroupId,
    /// The events, in order of arrival.
    pub entries: Arc<[Entry]>,
}

/// What a listener hears next.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A batch.
    Batch(Fresh),
    /// The listener was too slow; this many batches are lost to it.
    Missed(u64),
}

/// A listener to new events.
pub struct Tail {
    receiver: broadcast::Receiver<Fresh>,
}

impl Tail {
    /// Waits for the next batch; none when the store has closed.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.receiver.recv().await {
            Ok(fresh) => Some(Heard::Batch(fresh)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The sending side.
pub(crate) struct Crier {
    sender: broadcast::Sender<Fresh>,
}

impl Crier {
    pub(crate) fn new() -> Self {
        Crier { sender: broadcast::channel(BACKLOG).0 }
    }

    pub(crate) fn listen(&self) -> Tail {
        Tail { receiver: self.sender.subscribe() }
    }

    /// Whether anybody listens: if not, entries need not be made.
    pub(crate) fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    pub(crate) fn cry(&self, fresh: Fresh) {
        // Nobody listening any more is no failure.
        let _ = self.sender.send(fresh);
    }
}

//! A word to all connections, said once.
//!
//! Every poll of a connection asks whether it was said, so asking must not take the lock that saying takes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio_util::sync::CancellationToken;

/// What is said once and heard by all who wait, or who ask later.
#[derive(Debug, Default)]
pub struct Signal {
    said: AtomicBool,
    waiting: CancellationToken,
}

impl Signal {
    /// Says it.
    pub fn say(&self) {
        self.said.store(true, Ordering::Release);
        self.waiting.cancel();
    }

    /// Whether it was said.
    pub fn is_said(&self) -> bool {
        self.said.load(Ordering::Acquire)
    }

    /// Waits until it is said. Only for a task of its own: the waker of the first poll is the one that is woken.
    pub async fn heard(&self) {
        let mut said = pin!(self.waiting.cancelled());
        let mut asked = false;
        poll_fn(|context| {
            if asked && !self.is_said() {
                return Poll::Pending;
            }
            asked = true;
            said.as_mut().poll(context)
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_waits_and_who_comes_later_hear_it() {
        let signal = Arc::new(Signal::default());
        let waiting = tokio::spawn({
            let signal = signal.clone();
            async move { signal.heard().await }
        });
        tokio::task::yield_now().await;
        assert!(!signal.is_said() && !waiting.is_finished());
        signal.say();
        waiting.await.unwrap();
        signal.heard().await;
    }
}

//! Lines of access logs on their way to the control plane: batch by batch, each kept until it is stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use wire::link::BalancerMessage;

use super::frame;
use super::run::Writer;
use crate::access::AccessLines;

/// Lines within this time make one batch.
const GATHER: Duration = Duration::from_millis(500);

/// The way of a link's access lines; there is none until [`Shipping::begin`].
#[derive(Debug, Default)]
pub struct Shipping(Option<(mpsc::Sender<()>, JoinHandle<()>)>);

impl Shipping {
    /// Begins to ship, if it has not begun: the other side drives this balancer.
    pub fn begin(&mut self, to: &Writer, lines: &Arc<AccessLines>) {
        self.0.get_or_insert_with(|| {
            let (stored, stored_out) = mpsc::channel(1);
            (stored, tokio::spawn(ship(to.clone(), lines.clone(), stored_out)))
        });
    }

    /// The batch on its way has been stored.
    pub fn stored(&self) {
        if let Some((stored, _)) = &self.0 {
            // One is on its way at most: there is room, unless nobody waits.
            stored.try_send(()).ok();
        }
    }

    /// Ends it. The writer must be held, so that no frame is cut.
    pub fn end(&self) {
        if let Some((_, task)) = &self.0 {
            task.abort();
        }
    }

    /// Waits until it has ended.
    pub async fn ended(self) {
        if let Some((stored, task)) = self.0 {
            drop(stored);
            task.await.ok();
        }
    }
}

async fn ship(to: Writer, lines: Arc<AccessLines>, mut stored: mpsc::Receiver<()>) {
    loop {
        lines.some().await;
        sleep(GATHER).await;
        let dropped = lines.dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "lines of access logs had no room and are lost");
        }
        let batch = lines.lend();
        let message = BalancerMessage::Access(batch.lines.clone());
        let written = frame::write(&mut *to.lock().await, &message).await;
        if written.is_err() || stored.recv().await.is_none() {
            return;
        }
        batch.stored();
    }
}

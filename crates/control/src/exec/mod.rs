//! Exec sessions at work: one runner each, between a client's data channel and a node's stream.
//!
//! [`open`] lets a client in; the first one starts the session's runner. The runner outlives
//! connections, so that a client that lost its own can come back, and ends with the command.

mod log;
mod runner;

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use services::exec::{Client, Refused};
use services::{Cloud, Ids};
use tokio::sync::mpsc;
use wire::datachannel::OpenDataChannel;
use wire::link::{ExecFuture, ExecInput, ExecOutput, ExecSink, ExecSource, ExecStream};

use crate::clock::Clock;
use runner::Runner;

/// Frames that may wait for a connection, in either direction: more than a window.
const FRAMES: usize = 1024;
/// How long sessions get to say that they end.
const END: Duration = Duration::from_secs(3);
const END_POLL: Duration = Duration::from_millis(20);

/// The connection's end of a session: frames for the runner, and from it.
#[derive(Debug)]
pub struct Channel {
    /// To the session.
    pub to: mpsc::Sender<Vec<u8>>,
    /// From the session; the connection is closed when it ends.
    pub from: mpsc::Receiver<Vec<u8>>,
}

/// What sessions need.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The rooms.
    pub cloud: Arc<Cloud>,
    /// The time.
    pub clock: Clock,
    /// Ids of messages.
    pub ids: Ids,
}

/// Lets a client into a session.
///
/// # Errors
/// When its token does not open the session.
pub async fn open(
    around: &Surroundings,
    session_id: &str,
    asked: &OpenDataChannel,
) -> Result<Channel, Refused> {
    let session = around.cloud.exec.open(session_id, &asked.token_value, around.clock.now())?;
    if let Some(clients) = session.take_clients() {
        let runner = Runner::new(around.clone(), session.clone(), clients);
        tokio::spawn(runner.run());
    }
    let (to, from_client) = mpsc::channel(FRAMES);
    let (to_client, from) = mpsc::channel(FRAMES);
    let client = Client { from: from_client, to: to_client, terminal: asked.terminal };
    if session.attach(client).await { Ok(Channel { to, from }) } else { Err(Refused::Unknown) }
}

/// Ends all sessions, and waits a little for them to say so to their clients.
pub async fn end_all(cloud: &Cloud) {
    cloud.exec.end_all();
    let ended = async {
        while !cloud.exec.is_empty() {
            tokio::time::sleep(END_POLL).await;
        }
    };
    if tokio::time::timeout(END, ended).await.is_err() {
        tracing::warn!("some exec sessions did not end in time");
    }
}

/// A node's end of a session, as the link hands it over.
pub(crate) fn node_stream(cloud: &Cloud, session_id: &str) -> Option<ExecStream> {
    let end = cloud.exec.find(session_id)?.take_node_end()?;
    Some(ExecStream { source: Box::new(Source(end.input)), sink: Box::new(Sink(end.output)) })
}

struct Source(mpsc::Receiver<ExecInput>);

impl ExecSource for Source {
    fn next(&mut self) -> ExecFuture<'_, Option<ExecInput>> {
        Box::pin(self.0.recv())
    }
}

struct Sink(mpsc::Sender<ExecOutput>);

impl ExecSink for Sink {
    fn send(&mut self, output: ExecOutput) -> ExecFuture<'_, bool> {
        Box::pin(async move { self.0.send(output).await.is_ok() })
    }
}

/// Epoch milliseconds as the data channel counts them.
pub(crate) fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(0)
}

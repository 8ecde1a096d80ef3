//! The link in memory: what the node inside `longshore up` calls, and the session that answers it.

use std::sync::Arc;

use parking_lot::Mutex;
use services::{Cloud, Ids, ecs, node};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use wire::link::{
    ExecStream, ExecuteCommand, LogBatch, NodeRegistration, Protection, ProtectionRequest, Resolution,
    ServerMessage, TaskStateChange, Uplink, UplinkError, UplinkFuture,
};

use crate::clock::Clock;
use crate::exec;
use crate::session::Session;

/// Messages that may wait for the node.
const QUEUE: usize = 64;

/// The control plane's end of a link in memory.
#[derive(Debug)]
pub struct LocalLink {
    cloud: Arc<Cloud>,
    clock: Clock,
    ids: Ids,
    link: mpsc::Sender<ServerMessage>,
    session: Mutex<Option<JoinHandle<()>>>,
    registered: watch::Sender<bool>,
}

impl LocalLink {
    /// Makes a link: this end, and the messages that the node receives.
    pub fn new(cloud: Arc<Cloud>, clock: Clock, ids: Ids) -> (Arc<Self>, mpsc::Receiver<ServerMessage>) {
        let (link, messages) = mpsc::channel(QUEUE);
        let (session, registered) = (Mutex::new(None), watch::Sender::new(false));
        (Arc::new(LocalLink { cloud, clock, ids, link, session, registered }), messages)
    }

    /// Waits until the node has registered: from then on tasks can be placed on it.
    pub async fn registered(&self) {
        // The sender lives as long as we do, so this ends only with a registration.
        let _ = self.registered.subscribe().wait_for(|registered| *registered).await;
    }

    /// Ends the session and marks the node as unreachable.
    pub async fn close(&self, node_id: &str) {
        if let Some(session) = self.session.lock().take() {
            session.abort();
        }
        let Ok(id) = model::ecs::NodeId::new(node_id) else { return };
        self.cloud.exec.disconnect_node(&id);
        if let Err(error) = ecs::door::set_connected(&self.cloud.store, &id, false, self.clock.now()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "marking the node as disconnected");
        }
    }
}

/// A session, and beside it the commands that clients want executed on the node.
async fn serve(session: Session, mut commands: mpsc::Receiver<ExecuteCommand>) {
    let link = session.link.clone();
    let executing = async {
        while let Some(command) = commands.recv().await {
            if link.send(ServerMessage::ExecuteCommandMessage(command)).await.is_err() {
                return;
            }
        }
        // Another link of the same node has taken over; the session ends with its own.
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = session.run() => {}
        () = executing => {}
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        if let Some(session) = self.session.get_mut().take() {
            session.abort();
        }
    }
}

impl Uplink for LocalLink {
    fn register(&self, told: NodeRegistration) -> UplinkFuture<'_, String> {
        Box::pin(async move {
            let id = node::register(&self.cloud, told, self.clock.now(), &self.ids).await?;
            let session = Session {
                cloud: self.cloud.clone(),
                node: id.clone(),
                link: self.link.clone(),
                clock: self.clock.clone(),
                ids: self.ids.clone(),
            };
            // A node that registers again has forgotten what it was told: its session starts anew.
            let serving = serve(session, self.cloud.exec.connect_node(&id));
            let before = self.session.lock().replace(tokio::spawn(serving));
            if let Some(before) = before {
                before.abort();
            }
            self.registered.send_replace(true);
            Ok(id.to_string())
        })
    }

    fn submit_task_state_change(&self, change: TaskStateChange) -> UplinkFuture<'_, ()> {
        Box::pin(async move { node::submit(&self.cloud, change, self.clock.now()).await })
    }

    fn put_log_events(&self, batch: LogBatch) -> UplinkFuture<'_, ()> {
        Box::pin(async move { node::put_log_events(&self.cloud, batch, self.clock.now(), &self.ids).await })
    }

    fn open_log_stream(&self, batch: LogBatch) -> UplinkFuture<'_, u64> {
        Box::pin(async move { node::open_log_stream(&self.cloud, &batch, self.clock.now(), &self.ids).await })
    }

    fn registry_login(&self, task_arn: String, host: String) -> UplinkFuture<'_, Option<(String, String)>> {
        Box::pin(async move { node::registry_login(&self.cloud, &task_arn, &host, self.clock.now()) })
    }

    fn open_exec(&self, session_id: String) -> UplinkFuture<'_, ExecStream> {
        Box::pin(async move {
            exec::node_stream(&self.cloud, &session_id).ok_or_else(|| UplinkError {
                retryable: false,
                code: "InvalidParameterException".into(),
                message: format!("there is no session {session_id}"),
            })
        })
    }

    fn resolve(&self, task_arn: String, name: String) -> UplinkFuture<'_, Resolution> {
        Box::pin(async move { node::resolve(&self.cloud, &task_arn, &name, &self.ids) })
    }

    fn environment_file(&self, _task_arn: String, file_arn: String) -> UplinkFuture<'_, String> {
        Box::pin(async move { node::environment_file(&self.cloud, &file_arn).await })
    }

    fn protection(&self, task_arn: String, request: ProtectionRequest) -> UplinkFuture<'_, Protection> {
        Box::pin(async move { node::protection(&self.cloud, &task_arn, request, self.clock.now()).await })
    }

    fn heartbeat(&self, node_id: String) -> UplinkFuture<'_, ()> {
        Box::pin(async move {
            let id = model::ecs::NodeId::new(node_id).map_err(|error| UplinkError {
                retryable: false,
                code: "InvalidParameterException".into(),
                message: error.to_string(),
            })?;
            let marked = ecs::door::set_connected(&self.cloud.store, &id, true, self.clock.now()).await;
            marked.map_err(|error| UplinkError {
                retryable: true,
                code: "ServerException".into(),
                message: error.to_string(),
            })
        })
    }
}

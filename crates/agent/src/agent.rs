//! The node as a whole: starts what it consists of, in order, and runs until it is told to end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wire::link::{NodeRegistration, ServerMessage, Uplink};

use crate::announce;
use crate::cgroup::Cgroups;
use crate::config::AgentConfig;
use crate::containerd::{self, Containerd};
use crate::dns::Resolver;
use crate::network::{self, Networks};
use crate::runtime::{Runtime, capabilities};
use crate::task::ports::{ImageSource, LogSink, MetadataHost};
use crate::task::{self, Journal, Node, Tasks};

/// The agent version that is announced.
const VERSION: &str = env!("CARGO_PKG_VERSION");
const HEARTBEAT: Duration = Duration::from_secs(20);
const REGISTER_PAUSE: Duration = Duration::from_secs(1);
/// How long stopping all tasks may take: beyond Fargate's longest stop timeout of two minutes.
const STOP_TIMEOUT: Duration = Duration::from_secs(150);

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// containerd cannot be used.
    #[error("starting containerd")]
    Containerd(#[source] containerd::Error),
    /// Networks cannot be made.
    #[error("preparing task networks")]
    Network(#[source] network::Error),
    /// The journal cannot be opened.
    #[error("opening the journal of tasks")]
    Journal(#[source] task::JournalError),
}

/// The node's neighbours in this crate, made once containerd serves.
#[derive(Clone)]
pub struct Ports {
    /// Images.
    pub images: Arc<dyn ImageSource>,
    /// Output of containers.
    pub logs: Arc<dyn LogSink>,
    /// Metadata endpoints.
    pub metadata: Arc<dyn MetadataHost>,
}

/// What happens to tasks when the agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// They go on; the next agent adopts them.
    KeepTasks,
    /// They are stopped, and everything of this instance is removed from the machine.
    StopTasks,
}

/// A node that is being run.
pub struct Agent {
    node: Arc<Node>,
    containerd: Containerd,
    tasks: Tasks,
    messages: mpsc::Receiver<ServerMessage>,
    shutdown: oneshot::Receiver<Shutdown>,
}

/// Ends an agent.
pub struct AgentHandle {
    shutdown: Option<oneshot::Sender<Shutdown>>,
    running: tokio::task::JoinHandle<()>,
}

impl AgentHandle {
    /// Ends the agent and waits until it has ended.
    pub async fn shutdown(mut self, how: Shutdown) {
        if let Some(shutdown) = self.shutdown.take() {
            let _ = shutdown.send(how);
        }
        if let Err(error) = (&mut self.running).await {
            tracing::error!(%error, "the agent ended badly");
        }
    }

    /// Ends the agent at once, as a crash would; for tests.
    pub fn abort(self) {
        self.running.abort();
    }
}

impl Agent {
    /// Starts containerd and the node around it with neighbours made by `ports`, adopts what runs,
    /// and goes on in the background.
    pub async fn start_with(
        config: AgentConfig,
        uplink: Arc<dyn Uplink>,
        messages: mpsc::Receiver<ServerMessage>,
        ports: impl FnOnce(&AgentConfig, &containerd::Connection, &Arc<dyn Uplink>) -> Ports,
    ) -> Result<AgentHandle, Error> {
        let tag = config.instance_tag();
        let (containerd, networks) = tokio::join!(Containerd::start(&config), Networks::start(&config));
        let (containerd, networks) =
            (containerd.map_err(Error::Containerd)?, networks.map_err(Error::Network)?);
        let ports = ports(&config, containerd.connection(), &uplink);
        let runtime = Runtime::new(
            containerd.connection().clone(),
            containerd.runtime().clone(),
            &tag,
            config.run_dir(),
        );
        let journal = Journal::open(&config.tasks_dir()).map_err(Error::Journal)?;
        let node = Arc::new(Node {
            runtime,
            networks,
            cgroups: Cgroups::new(&tag),
            journal,
            resolver: Resolver::new(uplink.clone()),
            uplink,
            images: ports.images,
            logs: ports.logs,
            metadata: ports.metadata,
            prepared: Default::default(),
            capabilities: capabilities::available(),
            open_files: task::open_files(),
            file_systems: task::FileSystems::new(config.file_systems.clone()),
            config,
        });
        let tasks = Tasks::start(node.clone()).await;
        node.networks.prepare_ahead();
        let (sender, shutdown) = oneshot::channel();
        let agent = Agent { node, containerd, tasks, messages, shutdown };
        Ok(AgentHandle { shutdown: Some(sender), running: tokio::spawn(agent.run()) })
    }

    async fn run(mut self) {
        self.register().await;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut look = tokio::time::interval(task::LOOK_AT_STORAGE_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut storage = task::StorageWatch::default();
        let how = loop {
            tokio::select! {
                biased;
                how = &mut self.shutdown => break how.unwrap_or(Shutdown::KeepTasks),
                message = self.messages.recv() => match message {
                    Some(message) => self.tasks.handle(message).await,
                    // The control plane is gone for good: it ends us next.
                    None => break (&mut self.shutdown).await.unwrap_or(Shutdown::KeepTasks),
                },
                () = self.tasks.ended() => {}
                _ = heartbeat.tick() => self.beat(),
                at = look.tick() => {
                    if storage.is_due(&self.node.config.data_dir, at.into_std()) {
                        self.tasks.measure();
                    }
                }
            }
        };
        self.tasks.end_execs().await;
        if how == Shutdown::StopTasks {
            self.stop_tasks().await;
        }
    }

    fn beat(&self) {
        let (uplink, node_id) = (self.node.uplink.clone(), self.node.config.node_id.clone());
        tokio::spawn(async move {
            let sent = tokio::time::timeout(HEARTBEAT, uplink.heartbeat(node_id)).await;
            if let Ok(Err(error)) = sent {
                tracing::warn!(%error, "a heartbeat was refused");
            }
        });
    }

    /// Announces the node until it is accepted, or we are told to end.
    async fn register(&mut self) {
        let config = &self.node.config;
        let file_systems = self.node.file_systems.clone();
        let served = tokio::task::spawn_blocking(move || file_systems.are_served());
        let serves_file_systems = served.await.unwrap_or(false);
        let node = NodeRegistration {
            node_id: config.node_id.clone(),
            cpu_units: config.cpu_units,
            memory_mib: config.memory_mib,
            attributes: config
                .attributes
                .iter()
                .cloned()
                .chain(announce::attributes(serves_file_systems))
                .collect(),
            agent_version: VERSION.to_string(),
            known_tasks: self.tasks.arns(),
            cluster: config.cluster.clone(),
            cluster_by_default: config.cluster_by_default,
            reserved_ports: config.reserved_ports.clone(),
        };
        loop {
            match self.node.uplink.register(node.clone()).await {
                Ok(arn) => {
                    tracing::info!(container_instance = arn, "registered");
                    return;
                }
                Err(error) => tracing::warn!(%error, "the control plane refused the node; trying again"),
            }
            tokio::time::sleep(REGISTER_PAUSE).await;
            if !self.shutdown.is_empty() {
                return;
            }
        }
    }

    async fn stop_tasks(mut self) {
        self.tasks.stop_all().await;
        let all_ended = async {
            while !self.tasks.is_empty() {
                self.tasks.ended().await;
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, all_ended).await.is_err() {
            tracing::error!("some tasks did not stop in time; they are left to the next start");
            return;
        }
        if let Err(error) = self.node.networks.remove_all().await {
            tracing::warn!(error = task::error_chain(&error), "removing networks");
        }
        self.node.cgroups.remove_parent().await;
        self.containerd.stop().await;
    }
}

//! The node inside `longshore up`, and the control plane that drives it.
//!
//! Both ends of the agent link live in this process and speak in memory. Ending keeps the tasks
//! running unless it is told to stop them; then nothing of this instance stays on the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent::containerd::Connection;
use agent::images::Images;
use agent::logs::Logs;
use agent::metadata::Metadata;
use agent::{Agent, AgentConfig, AgentHandle, Ports, Shutdown};
use anyhow::Context;
use control::{Clock, LocalLink, access_logs, housekeeping, log_work, routes, scheduler, traffic};
use model::IdSource;
use model::ecs::{ClusterName, NodeId};
use services::{Cloud, Ids, ecs};
use store::Store;
use tokio::task::JoinHandle;
use wire::link::Uplink;

use crate::clock::{self, SystemIds};
use crate::config::{Config, NodeConfig};
use crate::private;

/// CPU units offered for a core: sixteen times what ECS counts for one. A task's CPU is a share of time that
/// it may not exceed, and most tasks wait most of the time; memory, which cannot be shared so, is offered once.
const UNITS_PER_CORE: usize = 16 * 1024;
/// How long a started node may take to be known.
const REGISTRATION: Duration = Duration::from_secs(10);
/// Ports that the ECS agent reserves: SSH, Docker's, its own.
const RESERVED_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];
/// Memory that is left to the machine itself and to Longshore.
const RESERVED_MIB: u64 = 256;

/// The loops that run with or without a node.
#[derive(Debug)]
pub struct Control(JoinHandle<()>);

impl Control {
    /// Starts them.
    pub fn start(cloud: Arc<Cloud>, traffic: traffic::Source) -> Control {
        let routes = routes::run(cloud.clone(), clock(), traffic.routes, traffic.reports);
        let scheduler = scheduler::run(cloud.clone(), clock(), Ids::new(SystemIds));
        let access_logs = access_logs::run(cloud.clone(), clock(), Ids::new(SystemIds), traffic.access);
        let log_work = log_work::run(cloud.clone(), clock(), Ids::new(SystemIds));
        Control(tokio::spawn(async move {
            tokio::join!(housekeeping::run(cloud, clock()), scheduler, routes, access_logs, log_work);
        }))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A running node.
pub struct Node {
    agent: AgentHandle,
    link: Arc<LocalLink>,
    id: String,
}

impl Node {
    /// Starts the node; tasks that still run are adopted.
    pub async fn start(config: &Config, choices: &NodeConfig, cloud: Arc<Cloud>) -> anyhow::Result<Node> {
        let directory = agent_dir(&config.data_dir);
        let id = node_id(&directory)?;
        let agent = agent_config(config, choices, &cloud, &id);
        let (link, messages) = LocalLink::new(cloud.clone(), clock(), Ids::new(SystemIds));
        let store = cloud.store.clone();
        let agent =
            Agent::start_with(agent, link.clone(), messages, ports).await.context("starting the node")?;
        if tokio::time::timeout(REGISTRATION, registered(&store, &id)).await.is_err() {
            tracing::warn!("the node has not registered yet: tasks cannot be placed until it has");
        }
        Ok(Node { agent, link, id })
    }

    /// Ends the node, and its tasks where that is wanted.
    pub async fn stop(self, stop_tasks: bool) {
        let how = if stop_tasks { Shutdown::StopTasks } else { Shutdown::KeepTasks };
        self.agent.shutdown(how).await;
        self.link.close(&self.id).await;
    }
}

/// The parts that tasks lean on.
fn ports(config: &AgentConfig, containerd: &Connection, uplink: &Arc<dyn Uplink>) -> Ports {
    Ports {
        images: Arc::new(Images::new(config, containerd.clone())),
        logs: Arc::new(Logs::start(config, uplink.clone())),
        metadata: Arc::new(Metadata::new(uplink.clone())),
    }
}

/// Waits until the node is known to the control plane and can be given tasks.
async fn registered(store: &Store, id: &str) {
    let Ok(id) = NodeId::new(id) else { return };
    let mut changes = store.changes();
    while !ecs::door::is_connected(&store.snapshot(), &id) && changes.next().await.is_some() {}
}

/// Whether a node has ever run on this data directory.
pub fn was_here(data_dir: &Path) -> bool {
    id_path(&agent_dir(data_dir)).exists()
}

fn clock() -> Clock {
    Clock::new(clock::now)
}

pub fn agent_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("agent")
}

fn id_path(directory: &Path) -> PathBuf {
    directory.join("node-id")
}

/// The node keeps its id over restarts: its tasks are recorded under it.
fn node_id(directory: &Path) -> anyhow::Result<String> {
    let path = id_path(directory);
    if let Ok(text) = fs::read_to_string(&path) {
        return Ok(text.trim().to_owned());
    }
    let id = SystemIds.hex32();
    private::write(&path, &format!("{id}\n"))?;
    Ok(id)
}

fn agent_config(config: &Config, choices: &NodeConfig, cloud: &Cloud, id: &str) -> AgentConfig {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = u32::try_from(cores * UNITS_PER_CORE).unwrap_or(u32::MAX);
    let memory = memory_mib(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let defaults = AgentConfig::new(agent_dir(&config.data_dir), id, &cloud.settings.registry_host);
    AgentConfig {
        containerd_address: choices.containerd.clone(),
        oci_runtime: choices.oci_runtime.clone(),
        snapshotter: choices.snapshotter.clone(),
        cni_conf_dir: choices.cni_conf_dir.clone(),
        region: config.region.to_string(),
        cpu_units: choices.cpu_units.unwrap_or(cores),
        memory_mib: choices.memory_mib.unwrap_or(memory),
        attributes: vec![
            ("ecs.cpu-architecture".to_owned(), architecture().to_owned()),
            ("ecs.os-type".to_owned(), "linux".to_owned()),
        ],
        cluster: Some(choices.instance_cluster.clone().unwrap_or_else(ClusterName::default_name).to_string()),
        image_cleanup: choices.image_cleanup,
        file_systems: choices.file_systems.clone(),
        cluster_by_default: choices.instance_cluster.is_none(),
        reserved_ports: RESERVED_PORTS.into_iter().chain([config.listen.port()]).collect(),
        ..defaults
    }
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

/// The memory of the machine, less what is not for tasks.
fn memory_mib(meminfo: &str) -> u32 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0);
    u32::try_from((kib / 1024).saturating_sub(RESERVED_MIB)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_memory_is_read_from_the_kernel() {
        assert_eq!(memory_mib("MemTotal:        4194304 kB\nMemFree: 1 kB\n"), 4096 - 256);
        assert_eq!(memory_mib(""), 0);
    }

    #[test]
    fn a_node_keeps_its_id() {
        let dir = tempfile::tempdir().unwrap();
        let id = node_id(&agent_dir(dir.path())).unwrap();
        assert_eq!(id.len(), 32);
        assert_eq!(node_id(&agent_dir(dir.path())).unwrap(), id);
        assert!(was_here(dir.path()));
    }
}

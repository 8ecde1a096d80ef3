//! Networks of tasks: one bridge a VPC, one namespace with its own interface a task.
//!
//! Built by netlink and nftables directly, or by a CNI chain that the operator names. Namespaces
//! with their interface pair are prepared ahead. Everything carries the instance tag, so that
//! [`Networks::sweep`] can remove what belongs to no task.

mod bridge;
mod cni;
mod containers;
mod docker_user;
mod elements;
mod firewall;
mod guard;
mod guard_elements;
mod guard_table;
mod names;
mod namespace;
mod netlink;
mod plan;
mod pool;
mod proxied;
mod proxy;
mod redirect;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wire::link;

pub use namespace::Namespace;
pub use plan::{Interface, PortBinding};
pub use redirect::{METADATA_ADDRESS, METADATA_PORT, RESOLVER_ADDRESS, RESOLVER_PORT};

use bridge::Bridges;
use cni::CniChain;
use firewall::Firewall;
use guard::Guard;
use names::Names;
use netlink::Netlink;
use pool::Pool;
use proxied::Proxied;
use proxy::Proxy;
use settle::Settling;

use crate::config::AgentConfig;

/// Why a task's network could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call on a namespace or a setting failed.
    #[error("{attempt} {subject}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        subject: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The kernel refused a netlink request.
    #[error("{attempt} {subject}")]
    Netlink {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        subject: String,
        /// The kernel's answer.
        #[source]
        source: rtnetlink::Error,
    },
    /// nft refused our rules, or is missing.
    #[error("setting firewall rules: {detail}")]
    Firewall {
        /// What nft said.
        detail: String,
    },
    /// The task's message does not describe a network.
    #[error("{0}")]
    Description(String),
    /// A CNI plugin failed.
    #[error("CNI plugin {plugin}: {detail}")]
    Cni {
        /// The plugin's type.
        plugin: String,
        /// What it said.
        detail: String,
    },
    /// No dynamic host port is left.
    #[error("no free host port between {0} and {1}")]
    NoPort(u16, u16),
}

impl Error {
    fn system(attempt: &'static str, subject: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::System { attempt, subject: subject.into(), source }
    }
}

/// What was made for a task; kept in its journal, so that it can be removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskNetwork {
    /// The namespace's file; `None` for the host's network.
    pub netns: Option<PathBuf>,
    /// The interface, if the task has one.
    pub interface: Option<Interface>,
    /// Ports of the node that lead to the task.
    #[serde(default)]
    pub ports: Vec<PortBinding>,
    /// The container id under which a CNI chain was called, and its last result.
    #[serde(default)]
    pub cni: Option<serde_json::Value>,
    /// The proxy that its connections are led through.
    #[serde(default)]
    pub proxy: Option<Box<Proxy>>,
    /// The networks of containers that do not share this one, by name.
    #[serde(default)]
    pub containers: BTreeMap<String, TaskNetwork>,
}

/// The networks of one Longshore.
pub struct Networks {
    names: Names,
    host: Netlink,
    bridges: Arc<Bridges>,
    firewall: Arc<Firewall>,
    guard: Arc<Guard>,
    settling: Settling,
    pool: Arc<Pool>,
    cni: Option<CniChain>,
    proxied: Proxied,
}

impl Networks {
    /// Opens netlink, sets the firewall's frame and begins to fill the pool.
    pub async fn start(config: &AgentConfig) -> Result<Networks, Error> {
        let names = Names::new(&config.instance_tag(), &config.run_dir());
        std::fs::create_dir_all(&names.namespaces_dir)
            .map_err(Error::system("making", names.namespaces_dir.display().to_string()))?;
        let host = Netlink::here().map_err(Error::system("opening", "a netlink socket"))?;
        let cni = config
            .cni_conf_dir
            .as_deref()
            .map(|dir| CniChain::load(dir, &config.cni_bin_dirs))
            .transpose()?;
        let firewall = Arc::new(Firewall::start(&names).await?);
        bridge::forward_packets()?;
        let pool =
            Pool::new(names.clone(), host.clone(), if cni.is_some() { 0 } else { config.ready_namespaces });
        let bridges = Arc::new(Bridges::new(names.clone(), host.clone(), firewall.clone()));
        let guard = Arc::new(Guard::start(names.clone(), bridges.clone()));
        let settling = Settling::new(host.clone(), bridges.clone(), firewall.clone(), guard.clone());
        let proxied = Proxied::new(config.proxied_dir());
        Ok(Networks { names, host, bridges, firewall, guard, settling, pool, cni, proxied })
    }

    /// Makes the network of a task.
    pub async fn provision(&self, task_id: &str, task: &link::Task) -> Result<TaskNetwork, Error> {
        match task.network_mode.as_str() {
            "host" => {
                let (ports, containers) = (plan::host_ports(task)?, self.cut_off(task).await?);
                Ok(TaskNetwork { ports, containers, ..TaskNetwork::default() })
            }
            "none" => self.isolated().await,
            "awsvpc" if self.cni.is_some() => {
                let (proxy, network) = (Proxy::of(task)?, self.by_cni(task_id, Vec::new()).await?);
                if let (Some(proxy), Some(netns)) = (proxy, &network.netns) {
                    proxy.apply(&Namespace::at(netns)).await?;
                }
                Ok(network)
            }
            "awsvpc" => {
                let network = self.wired(plan::of_interface(task)?, Proxy::of(task)?).await?;
                self.proxied(task_id, task, network).await
            }
            "bridge" | "" if self.cni.is_some() => self.published_by_cni(task_id, task).await,
            "bridge" | "" => self.published(task).await,
            other => Err(Error::Description(format!("unknown network mode {other:?}"))),
        }
    }

    /// Gives a task the way to its own proxy, if it has one.
    async fn proxied(
        &self,
        task_id: &str,
        task: &link::Task,
        network: TaskNetwork,
    ) -> Result<TaskNetwork, Error> {
        let Some(netns) = &network.netns else { return Ok(network) };
        match self.proxied.lead(task_id, task, netns).await {
            Ok(()) => Ok(network),
            Err(error) => {
                self.release(task_id, &network).await?;
                Err(error)
            }
        }
    }

    /// Takes the newest security groups; they hold for running tasks too.
    pub fn guard(&self, groups: link::SecurityGroups) {
        self.guard.want(groups);
    }

    /// Takes the network of an adopted task into account again. It may be half made while nothing has run in it.
    pub async fn adopt(&self, network: &TaskNetwork, has_run: bool) -> Result<(), Error> {
        for network in network.all() {
            self.adopt_one(network, has_run).await?;
        }
        Ok(())
    }

    async fn adopt_one(&self, network: &TaskNetwork, has_run: bool) -> Result<(), Error> {
        if let (Some(interface), None) = (&network.interface, &network.cni) {
            if let (false, Some(path)) = (has_run, &network.netns) {
                self.settling.finish(path, interface, network.proxy.as_deref()).await?;
            }
            self.bridges.ensure(interface).await?;
            if let (true, Some(index)) =
                (interface.is_isolated(), self.host.index_of(&interface.host_link).await?)
            {
                self.host.isolate(index, &interface.host_link).await?;
            }
            self.firewall.publish(interface.address, &network.ports).await?;
        }
        Ok(())
    }

    /// Removes the network of a task; what is already gone is no error.
    pub async fn release(&self, task_id: &str, network: &TaskNetwork) -> Result<(), Error> {
        self.proxied.forget(task_id);
        for network in network.all() {
            self.release_one(task_id, network).await?;
        }
        Ok(())
    }

    async fn release_one(&self, task_id: &str, network: &TaskNetwork) -> Result<(), Error> {
        self.settling.forget(network).await;
        if let (Some(chain), Some(result), Some(netns)) = (&self.cni, &network.cni, &network.netns) {
            chain.del(task_id, netns, result).await?;
        } else if let Some(interface) = &network.interface {
            self.firewall.unpublish(interface.address, &network.ports).await?;
            self.host.remove_link(&interface.host_link).await?;
            self.firewall.forget(&interface.host_link, interface.address).await;
            self.bridges.free_local(interface).await;
        }
        match &network.netns {
            Some(path) => Namespace::at(path).remove().await,
            None => Ok(()),
        }
    }

    /// Removes namespaces and links of ours that belong to none of `known`.
    pub async fn sweep(&self, known: &[TaskNetwork]) -> Result<(), Error> {
        let known: Vec<&TaskNetwork> = known.iter().flat_map(TaskNetwork::all).collect();
        let netns: BTreeSet<&Path> = known.iter().filter_map(|n| n.netns.as_deref()).collect();
        let links: BTreeSet<&str> =
            known.iter().filter_map(|n| n.interface.as_ref()).map(|i| i.host_link.as_str()).collect();
        let ready = self.pool.members().await;
        let senders = known.iter().filter_map(|n| n.interface.as_ref());
        let senders: Vec<_> = senders.map(|it| (it.host_link.as_str(), it.address)).collect();
        self.firewall.know_only(&senders).await?;
        for link in self.host.link_names().await? {
            if self.names.is_pair(&link) && !links.contains(link.as_str()) && !ready.contains(&link) {
                tracing::info!(link, "removing an interface of no task");
                self.host.remove_link(&link).await?;
            }
        }
        for namespace in Namespace::all(&self.names.namespaces_dir) {
            let name = namespace.name().to_string();
            if !netns.contains(namespace.path()) && !ready.contains(&name) {
                tracing::info!(name, "removing a namespace of no task");
                namespace.remove().await?;
            }
        }
        self.proxied.sweep();
        Ok(())
    }

    /// Begins to prepare namespaces ahead; to be called after the first sweep.
    pub fn prepare_ahead(&self) {
        self.pool.clone().fill_in_background();
    }

    /// Removes everything of this instance; to be called only when no task is left.
    pub async fn remove_all(&self) -> Result<(), Error> {
        self.pool.close().await;
        self.guard.close();
        self.sweep(&[]).await?;
        for link in self.host.link_names().await? {
            if self.names.is_bridge(&link) {
                self.host.remove_link(&link).await?;
            }
        }
        self.firewall.remove().await?;
        let _ = std::fs::remove_dir(&self.names.namespaces_dir);
        Ok(())
    }

    async fn isolated(&self) -> Result<TaskNetwork, Error> {
        let name = self.names.next_pair();
        let (namespace, inside) = Namespace::create(&self.names.namespaces_dir, &name).await?;
        tokio::try_join!(inside.set_up_loopback(), redirect::metadata(&namespace))?;
        Ok(TaskNetwork { netns: Some(namespace.path().to_path_buf()), ..TaskNetwork::default() })
    }

    /// Waits until what runs in a network may use it.
    pub async fn settled(&self, network: &TaskNetwork) -> Result<(), Arc<Error>> {
        self.settling.wait(network).await
    }

    /// Takes a namespace at once and wires it in the background: see [`Networks::settled`].
    async fn wired(&self, plan: plan::Wiring, proxy: Option<Proxy>) -> Result<TaskNetwork, Error> {
        let ready = self.pool.take().await?;
        let interface = plan.interface(&ready.name);
        let netns = Some(ready.namespace.path().to_path_buf());
        self.settling.begin(ready, interface.clone(), proxy.clone());
        let proxy = proxy.map(Box::new);
        Ok(TaskNetwork { netns, interface: Some(interface), proxy, ..TaskNetwork::default() })
    }

    async fn published_by_cni(&self, task_id: &str, task: &link::Task) -> Result<TaskNetwork, Error> {
        let ports = self.firewall.assign_ports(plan::ports(task)?).await?;
        self.by_cni(task_id, ports).await
    }

    async fn by_cni(&self, task_id: &str, ports: Vec<PortBinding>) -> Result<TaskNetwork, Error> {
        let chain = self.cni.as_ref().expect("asked only when a chain is configured");
        let name = self.names.next_pair();
        let (namespace, inside) = Namespace::create(&self.names.namespaces_dir, &name).await?;
        tokio::try_join!(inside.set_up_loopback(), redirect::metadata(&namespace))?;
        let result = chain.add(task_id, namespace.path(), &ports).await?;
        let interface = cni::interface_of(&result, &name);
        let netns = Some(namespace.path().to_path_buf());
        Ok(TaskNetwork { netns, interface, ports, cni: Some(result), ..TaskNetwork::default() })
    }
}

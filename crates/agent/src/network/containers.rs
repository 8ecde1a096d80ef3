//! Networks of containers that do not share their task's: in `bridge` mode each has an address of its own, as Docker
//! gives it one, and a container may have no network at all (`disableNetworking`).

use std::collections::BTreeMap;

use wire::link;

use super::plan::{self, PortBinding};
use super::{Error, Networks, TaskNetwork};

/// Docker's word, in a container's own configuration, for a network of nothing but loopback.
const NONE: &str = "none";

impl TaskNetwork {
    /// The network of a container: its own, or the task's.
    pub fn of(&self, container: &str) -> &TaskNetwork {
        self.containers.get(container).unwrap_or(self)
    }

    /// The task's network and those of its containers.
    pub fn all(&self) -> impl Iterator<Item = &TaskNetwork> {
        std::iter::once(self).chain(self.containers.values())
    }
}

impl Networks {
    /// A network for each container, its ports published.
    pub(super) async fn published(&self, task: &link::Task) -> Result<TaskNetwork, Error> {
        let mut ports = self.firewall.assign_ports(plan::ports(task)?).await?;
        let mut made = TaskNetwork::default();
        for container in &task.containers {
            let own: Vec<PortBinding> =
                ports.extract_if(.., |port| port.container == container.name).collect();
            let network =
                if is_cut_off(container) { self.isolated().await } else { self.wired_locally().await };
            let network = match network {
                Ok(network) => TaskNetwork { ports: own, ..network },
                Err(error) => return Err(self.give_back(made, error).await),
            };
            let published = match &network.interface {
                Some(interface) => self.firewall.publish(interface.address, &network.ports).await,
                None => Ok(()),
            };
            made.containers.insert(container.name.clone(), network);
            if let Err(error) = published {
                return Err(self.give_back(made, error).await);
            }
        }
        Ok(made)
    }

    /// Namespaces of their own for the containers that are not to share the node's network.
    pub(super) async fn cut_off(&self, task: &link::Task) -> Result<BTreeMap<String, TaskNetwork>, Error> {
        let mut made = TaskNetwork::default();
        for container in task.containers.iter().filter(|container| is_cut_off(container)) {
            match self.isolated().await {
                Ok(network) => made.containers.insert(container.name.clone(), network),
                Err(error) => return Err(self.give_back(made, error).await),
            };
        }
        Ok(made.containers)
    }

    async fn wired_locally(&self) -> Result<TaskNetwork, Error> {
        let wiring = self.bridges.local_address(&self.names).await?;
        self.wired(wiring, None).await
    }

    /// Removes what was made before a failure.
    async fn give_back(&self, made: TaskNetwork, error: Error) -> Error {
        for network in made.containers.values() {
            if let Err(error) = self.release_one("", network).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "giving a network back");
            }
        }
        error
    }
}

fn is_cut_off(container: &link::Container) -> bool {
    container.docker_config.host_config.network_mode == NONE
}

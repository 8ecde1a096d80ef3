//! Security groups: keeps the kernel's rules equal to the newest snapshot that the control plane sent.
//!
//! One table of its own is replaced as a whole in one transaction of nftables, so that no packet ever
//! meets half of it, or only its elements are changed, in one transaction too; connections that are under way are
//! the kernel's memory, not the table's, and go on. Until the first snapshot came, the table of the agent before
//! stays as it is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use wire::link;

use super::bridge::Bridges;
use super::elements;
use super::firewall::run;
use super::guard_elements::Table;
use super::guard_table::render;
use super::names::Names;
use super::plan::Interface;

/// How long a task waits for its rules. Without them it can reach nothing; better late than never.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A snapshot that is shared.
type Snapshot = Option<Arc<link::SecurityGroups>>;

/// The security groups of a node.
pub struct Guard {
    wanted: watch::Sender<Snapshot>,
    enforced: watch::Receiver<Snapshot>,
    worker: AbortOnDropHandle<()>,
}

impl Guard {
    /// Starts to enforce what will be wanted.
    pub fn start(names: Names, bridges: Arc<Bridges>) -> Guard {
        let (wanted, changes) = watch::channel(None);
        let (done, enforced) = watch::channel(None);
        let worker = Worker { names, bridges, wanted: changes, enforced: done, table: None };
        Guard { wanted, enforced, worker: AbortOnDropHandle::new(tokio::spawn(worker.run())) }
    }

    /// Takes the newest snapshot; it is enforced in the background.
    pub fn want(&self, groups: link::SecurityGroups) {
        self.wanted.send_replace(Some(Arc::new(groups)));
    }

    /// Enforces nothing new any more; what is enforced stays until the tables are removed.
    pub fn close(&self) {
        self.worker.abort();
    }

    /// Waits until the rules for an address hold, if this node is told of any.
    pub async fn ready(&self, address: Ipv4Addr) {
        if self.wanted.borrow().is_none() {
            return;
        }
        let holds = |snapshot: &Snapshot| {
            snapshot.as_ref().is_some_and(|groups| groups.interfaces.iter().any(|it| it.address == address))
        };
        let mut enforced = self.enforced.clone();
        if tokio::time::timeout(PATIENCE, enforced.wait_for(holds)).await.is_err() {
            tracing::warn!(%address, "a task starts before its security groups are known");
        }
    }
}

struct Worker {
    names: Names,
    bridges: Arc<Bridges>,
    wanted: watch::Receiver<Snapshot>,
    enforced: watch::Sender<Snapshot>,
    /// What the kernel has, once this agent has set it.
    table: Option<Table>,
}

impl Worker {
    async fn run(mut self) {
        while self.wanted.changed().await.is_ok() {
            loop {
                let Some(groups) = self.wanted.borrow_and_update().clone() else { break };
                match self.enforce(&groups).await {
                    Ok(()) => {
                        self.enforced.send_replace(Some(groups));
                        break;
                    }
                    Err(error) => {
                        let error = crate::task::error_chain(&error);
                        tracing::warn!(error, "security groups could not be enforced; trying again");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        }
    }

    async fn enforce(&mut self, groups: &link::SecurityGroups) -> Result<(), super::Error> {
        // Rules first: an address that answers before its groups are enforced would be open to all.
        self.set_rules(groups).await?;
        let held: Vec<Interface> = groups.interfaces.iter().filter_map(held).collect();
        self.bridges.hold(&held).await
    }

    async fn set_rules(&mut self, groups: &link::SecurityGroups) -> Result<(), super::Error> {
        if let Some(table) = &mut self.table
            && let Some(changes) = table.changes(&self.names, groups)
        {
            match elements::apply(changes).await {
                Ok(()) => {
                    table.changed(&self.names, groups);
                    return Ok(());
                }
                Err(error) => {
                    let error = crate::task::error_chain(&error);
                    tracing::warn!(error, "elements of security groups were refused; the table is made anew");
                }
            }
        }
        self.table = None;
        run(&render(&self.names, groups)).await?;
        self.table = Some(Table::of(&self.names, groups));
        Ok(())
    }
}

/// An address that the node itself is to have on a VPC's bridge.
fn held(interface: &link::GuardedInterface) -> Option<Interface> {
    let (gateway, prefix) = interface.held.as_ref()?.split_once('/')?;
    Some(Interface {
        vpc: interface.vpc_id.clone(),
        host_link: String::new(),
        address: interface.address,
        prefix: prefix.parse().ok()?,
        gateway: gateway.parse().ok()?,
        mac: String::new(),
        mtu: super::bridge::uplink_mtu(),
    })
}

//! Everything behind the rooms, made once by the binary (or by a test) and shared by all requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::ec2::Cidr;
use model::{AccountId, Region};
use registry::Registry;
use store::{Blobs, Store};
use telemetry::Logs;

use crate::exec::Sessions;
use crate::iam::Identities;
use crate::logs::delivery::Outbound;
use crate::logs::live::LiveTails;
use crate::logs::quotas::Quotas;

/// The parts that operations use.
#[derive(Debug)]
pub struct Cloud {
    /// The state store.
    pub store: Store,
    /// Layers and log segments.
    pub blobs: Blobs,
    /// Repositories and images.
    pub registry: Arc<Registry>,
    /// Log events.
    pub logs: Arc<Logs>,
    /// Who has which key.
    pub identities: Arc<Identities>,
    /// Subscriptions and exports of the logs room.
    pub log_outbound: Outbound,
    /// How fast log events may come in.
    pub log_quotas: Quotas,
    /// Live Tail sessions.
    pub live_tails: LiveTails,
    /// Exec sessions.
    pub exec: Sessions,
    /// What the operator chose.
    pub settings: Settings,
    /// Held while tasks are placed: see `ecs::ops::run_task`.
    pub placing: tokio::sync::Mutex<()>,
}

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account of the root key.
    pub account: AccountId,
    /// The region of clients that name none.
    pub region: Region,
    /// Where the API answers, as clients write it: `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// Where the registry answers, as image names write it: `127.0.0.1:4566`.
    pub registry_host: String,
    /// Address blocks for VPCs are cut from this one.
    pub network_pool: Cidr,
    /// The networks that the machine is in at the moment: no VPC may overlap them.
    pub machine_networks: MachineNetworks,
    /// A command's session in which nothing is written or read for so long ends.
    pub exec_idle_timeout: Duration,
}

/// ECS's own idle time of sessions.
pub const EXEC_IDLE_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Says which networks the machine is in.
#[derive(Clone)]
pub struct MachineNetworks(Arc<dyn Fn() -> Vec<Cidr> + Send + Sync>);

impl MachineNetworks {
    /// Asks `source` each time.
    pub fn new(source: impl Fn() -> Vec<Cidr> + Send + Sync + 'static) -> Self {
        MachineNetworks(Arc::new(source))
    }

    /// The networks of this moment.
    pub fn list(&self) -> Vec<Cidr> {
        (self.0)()
    }
}

/// A machine in no network at all, as tests want it.
impl Default for MachineNetworks {
    fn default() -> Self {
        MachineNetworks::new(Vec::new)
    }
}

impl fmt::Debug for MachineNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MachineNetworks")
    }
}

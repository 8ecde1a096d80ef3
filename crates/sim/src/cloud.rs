//! A cloud for the simulated world, and its next life after a restart.

use std::sync::Arc;

use anyhow::Result;
use auth::{AccessKey, MasterKey, Principal};
use model::id::SeededIds;
use model::{AccountId, Region, Scope};
use registry::{DEFAULT_GRACE, Registry, SealKey};
use services::ecr::IamGate;
use services::iam::Identities;
use services::{Cloud, Settings};
use store::{Blobs, Schema, Store};
use telemetry::{Logs, Options};

/// What outlives the control plane's restarts, and what no simulated request touches.
///
/// Registry and logs stand over a store of their own, so that their background work cannot be
/// seen in the store under test. Their directory is removed with this value.
#[derive(Debug)]
pub struct Ground {
    blobs: Blobs,
    registry: Arc<Registry>,
    logs: Arc<Logs>,
    _dir: tempfile::TempDir,
}

impl Ground {
    /// Makes the parts that a cloud must have.
    ///
    /// # Errors
    /// When the temporary directory cannot be made or used.
    pub async fn new() -> Result<Ground> {
        let dir = tempfile::tempdir()?;
        let store = Store::memory(services::tables(Schema::new())).await?;
        let blobs = Blobs::open(&dir.path().join("blobs")).await?;
        let config = registry::Config {
            seal: SealKey::new([1; 32]),
            ids: Box::new(SeededIds::new(8)),
            gate: Arc::new(IamGate::new(store.clone(), identities()?)),
            grace: DEFAULT_GRACE,
            vulnerabilities: None,
            mirrors: Default::default(),
            peers: Default::default(),
        };
        let registry = Arc::new(Registry::new(store.clone(), blobs.clone(), config));
        let logs = Logs::open(Options::new(dir.path().join("logs")), store, blobs.clone()).await?;
        Ok(Ground { blobs, registry, logs: Arc::new(logs), _dir: dir })
    }

    /// A cloud over `store`.
    ///
    /// # Errors
    /// Never, as long as the fixed names are well formed.
    pub fn cloud(&self, store: Store) -> Result<Arc<Cloud>> {
        let account = scope()?.account;
        Ok(Arc::new(Cloud {
            store,
            blobs: self.blobs.clone(),
            registry: self.registry.clone(),
            logs: self.logs.clone(),
            identities: identities()?,
            exec: Default::default(),
            live_tails: Default::default(),
            log_outbound: Default::default(),
            log_quotas: Default::default(),
            settings: Settings {
                account,
                region: scope()?.region,
                endpoint: "http://127.0.0.1:4566".to_owned(),
                registry_host: "127.0.0.1:4566".to_owned(),
                network_pool: "10.64.0.0/10".parse()?,
                machine_networks: services::MachineNetworks::default(),
                exec_idle_timeout: services::EXEC_IDLE_TIMEOUT,
            },
            placing: tokio::sync::Mutex::default(),
        }))
    }
}

/// The keys of the world: the root's.
fn identities() -> Result<Arc<Identities>> {
    let account = scope()?.account;
    let root = AccessKey::long_term(&account, &mut SeededIds::new(7));
    Ok(Arc::new(Identities::new(account, root, &MasterKey::new([2; 32]))))
}

/// The only scope of the world.
///
/// # Errors
/// Never, as long as the fixed names are well formed.
pub fn scope() -> Result<Scope> {
    Ok(Scope::new(AccountId::new("123456789012")?, Region::new("us-east-2")?))
}

/// The caller of every request.
///
/// # Errors
/// Never, as long as the fixed names are well formed.
pub fn caller() -> Result<Principal> {
    Ok(Principal::root(scope()?.account, "AKIASIMULATED"))
}

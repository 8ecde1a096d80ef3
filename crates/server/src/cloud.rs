//! Builds what stands behind the rooms: store, blobs, registry, logs, identities.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use registry::{DEFAULT_GRACE, Registry, SealKey};
use services::ecr::IamGate;
use services::iam::{Identities, open_account};
use services::logs::quotas::Quotas;
use services::{Cloud, Settings};
use store::engine::EmbeddedEngine;
use store::{Schema, Store};
use telemetry::Logs;

use crate::blobs;
use crate::clock::{self, SystemIds};
use crate::config::Config;
use crate::keys;

/// Opens everything under the data directory, making what is missing.
pub async fn open(config: &Config, endpoint: &str, registry_host: &str) -> Result<Cloud> {
    let data_dir: &Path = &config.data_dir;
    let keys = data_dir.join("keys");
    let root = keys::root_key(&keys, config.root_key_file.as_deref(), &config.account)?;
    let master = keys::master_key(&keys)?;

    let engine = EmbeddedEngine::open(&data_dir.join("state")).await.context("opening the state store")?;
    let store = Store::open(Arc::new(engine), services::tables(Schema::new())).await;
    let store = store.context("loading the state store")?;
    let blobs = blobs::open(data_dir, config.blobs.as_ref()).await?;
    let logs = Logs::open(telemetry::Options::new(data_dir.join("logs")), store.clone(), blobs.clone());
    let logs = logs.await.context("opening the log store")?;
    let opened = open_account(&store, &config.account, clock::now(), &mut SystemIds).await;
    opened.context("opening the account")?;
    let identities = Arc::new(Identities::new(config.account.clone(), root, &master));
    let registry = registry::Config {
        seal: SealKey::new(master.derive("registry")),
        ids: Box::new(SystemIds),
        gate: Arc::new(IamGate::new(store.clone(), identities.clone())),
        grace: DEFAULT_GRACE,
        vulnerabilities: config.vulnerability_db.clone(),
        mirrors: config.registry_mirrors.clone(),
        peers: config.registry_peers.clone(),
    };
    let registry = Registry::new(store.clone(), blobs.clone(), registry);
    Ok(Cloud {
        store,
        blobs,
        registry: Arc::new(registry),
        logs: Arc::new(logs),
        identities,
        exec: Default::default(),
        live_tails: Default::default(),
        log_outbound: Default::default(),
        log_quotas: Quotas::new(config.log_limits),
        settings: Settings {
            account: config.account.clone(),
            region: config.region.clone(),
            endpoint: endpoint.to_owned(),
            registry_host: registry_host.to_owned(),
            network_pool: config.network_pool,
            machine_networks: crate::routes::machine_networks(data_dir),
            exec_idle_timeout: config.exec_idle_timeout,
        },
        placing: tokio::sync::Mutex::default(),
    })
}

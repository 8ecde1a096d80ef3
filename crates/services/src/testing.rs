//! A cloud in memory, for the tests of operations: root calls, at a fixed time, with seeded ids.

use std::sync::Arc;

use auth::{AccessKey, MasterKey, Principal};
use model::id::SeededIds;
use model::{AccountId, Region, Scope, Timestamp};
use registry::{Config, DEFAULT_GRACE, Registry, SealKey};
use store::{Blobs, Schema, Store};
use telemetry::{Logs, Options};

use crate::cloud::{Cloud, Settings};
use crate::context::{Ids, OpCtx};
use crate::ecr::IamGate;
use crate::iam::Identities;

/// The surroundings of a request in a new, empty cloud. Must be called within a Tokio runtime.
pub(crate) async fn ctx() -> OpCtx {
    let account = AccountId::new("123456789012").unwrap();
    let region = Region::new("us-east-2").unwrap();
    let mut ids = SeededIds::new(7);
    let root = AccessKey::long_term(&account, &mut ids);
    let principal = Principal::root(account.clone(), root.id.clone());
    let scope = Scope::new(account.clone(), region.clone());
    let cloud = cloud(account, region, root).await;
    OpCtx {
        principal,
        scope,
        request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        now: Timestamp::from_millis(1_700_000_000_000),
        ids: Ids::new(ids),
        source_ip: None,
        user_agent: None,
        cloud: Arc::new(cloud),
    }
}

async fn cloud(account: AccountId, region: Region, root: AccessKey) -> Cloud {
    // Kept until the machine's next clean-up: the blobs and the log outlive this function.
    let dir = tempfile::tempdir().unwrap().keep();
    let store = Store::memory(crate::tables(Schema::new())).await.unwrap();
    let blobs = Blobs::open(&dir.join("blobs")).await.unwrap();
    let identities = Arc::new(Identities::new(account.clone(), root, &MasterKey::new([2; 32])));
    let config = Config {
        seal: SealKey::new([1; 32]),
        ids: Box::new(SeededIds::new(8)),
        gate: Arc::new(IamGate::new(store.clone(), identities.clone())),
        grace: DEFAULT_GRACE,
        vulnerabilities: None,
        mirrors: Default::default(),
        peers: Default::default(),
    };
    let registry = Registry::new(store.clone(), blobs.clone(), config);
    let logs = Logs::open(Options::new(dir.join("logs")), store.clone(), blobs.clone()).await.unwrap();
    let settings = Settings {
        account,
        region,
        endpoint: "http://127.0.0.1:4566".to_owned(),
        registry_host: "127.0.0.1:4566".to_owned(),
        network_pool: "10.64.0.0/10".parse().unwrap(),
        machine_networks: crate::cloud::MachineNetworks::default(),
        exec_idle_timeout: crate::cloud::EXEC_IDLE_TIMEOUT,
    };
    Cloud {
        store,
        blobs,
        registry: Arc::new(registry),
        logs: Arc::new(logs),
        identities,
        exec: Default::default(),
        live_tails: Default::default(),
        log_outbound: Default::default(),
        log_quotas: Default::default(),
        settings,
        placing: tokio::sync::Mutex::default(),
    }
}

//! `longshore down`: nothing of an installation stays on the machine but its data.
//!
//! A server that runs is told to end first. Then the node is started once more, without its
//! port, to adopt what still runs, stop it in order and remove networks and containerd.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use services::ecs;

use crate::config::{Config, UpOptions};
use crate::instance::{DataDir, Instance};
use crate::node::{self, Node};
use crate::{clock, cloud, preflight, trace, traffic};

/// How long a running server may take to end.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two looks at whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Stops everything that belongs to a data directory.
pub fn run(options: UpOptions) -> Result<()> {
    let config = Config::load(options)?;
    trace::start(config.log_format)?;
    if !config.data_dir.exists() {
        println!("There is nothing on {}.", config.data_dir.display());
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let ended = runtime.block_on(stop(&config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn stop(config: &Config) -> Result<()> {
    if let Ok(instance) = Instance::read(&config.data_dir) {
        end_server(config, &instance).await?;
    }
    let _data_dir = DataDir::take(&config.data_dir)?;
    traffic::end(&config.data_dir).await?;
    if !node::was_here(&config.data_dir) {
        println!("No node has run on {}.", config.data_dir.display());
        return Ok(());
    }
    let Some(choices) = &config.node else { bail!("--no-node makes no sense here: 'down' stops the node") };
    preflight::check_node()?;
    let address = config.listen.to_string();
    let cloud = Arc::new(cloud::open(config, &format!("http://{address}"), &address).await?);
    ecs::door::disconnect_all(&cloud.store, clock::now()).await.context("marking nodes as disconnected")?;
    let node = Node::start(config, choices, cloud.clone()).await?;
    node.stop(true).await;
    cloud.logs.close().await;
    cloud.store.close().await;
    println!("Everything of {} has been stopped; its data is still there.", config.data_dir.display());
    Ok(())
}

async fn end_server(config: &Config, instance: &Instance) -> Result<()> {
    let pid = i32::try_from(instance.pid).context("reading the server's process id")?;
    kill(Pid::from_raw(pid), Signal::SIGTERM).with_context(|| format!("ending process {pid}"))?;
    let ended = async {
        while Instance::read(&config.data_dir).is_ok() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(SERVER_TIMEOUT, ended)
        .await
        .with_context(|| format!("process {pid} does not end: look at its log, or kill it and try again"))
}

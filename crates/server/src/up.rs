//! `longshore up`: the life of a server, from its first check to its clean end.
//!
//! Refusals come first and cheap: choices, rights, data directory, port. Nothing is written
//! before all of them have passed. The end runs backwards: no new requests, the running ones
//! finish (bounded), then the stores close.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use services::{Cloud, ecs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, UpOptions};
use crate::front::{self, Front};
use crate::instance::{DataDir, Instance};
use crate::node::{Control, Node};
use crate::profile::{Files, Profile};
use crate::traffic::Traffic;
use crate::{banner, clock, cloud, preflight, trace};

/// How long running requests may take to finish once we are told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs until a signal ends it.
pub fn run(options: UpOptions) -> Result<()> {
    let config = Config::load(options)?;
    trace::start(config.log_format)?;
    if config.node.is_some() {
        preflight::check_node()?;
    }
    let data_dir = DataDir::take(&config.data_dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let ended = runtime.block_on(serve(config, &data_dir));
    // What still runs now has had its time; a stuck read of a disk must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn serve(config: Config, data_dir: &DataDir) -> Result<()> {
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().context("asking for our own address")?;
    let instance = instance(&config, address);
    let cloud = Arc::new(cloud::open(&config, &instance.endpoint, &instance.registry).await?);
    let (source, feed) = control::traffic::feed();
    let control = Control::start(cloud.clone(), source);
    let traffic = Traffic::start(&config.data_dir, feed);

    let stop = CancellationToken::new();
    let front = Arc::new(Front::new(cloud.clone()));
    let serving = tokio::spawn(front::listen(listener, front.clone(), stop.clone(), DRAIN));
    let node = match start_node(&config, &cloud).await {
        Ok(node) => node,
        Err(error) => {
            cloud.store.close().await;
            return Err(error);
        }
    };
    write_profile(&config, &cloud, &instance)?;
    data_dir.announce(&instance)?;
    front.ready();
    println!("{}", banner::text(&instance, &config.data_dir));

    let signal = wait_for_signal().await?;
    tracing::info!(signal, "stopping");
    stop.cancel();
    cloud.live_tails.end_all();
    serving.await.context("serving requests")?;
    control::exec::end_all(&cloud).await;
    if let Some(node) = node {
        node.stop(config.stop_tasks).await;
    }
    traffic.stop(config.stop_tasks).await;
    drop(control);
    cloud.logs.close().await;
    cloud.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn start_node(config: &Config, cloud: &Arc<Cloud>) -> Result<Option<Node>> {
    // Whatever an earlier process had connected is connected no more.
    let disconnected = ecs::door::disconnect_all(&cloud.store, clock::now()).await;
    disconnected.context("marking nodes as disconnected")?;
    match &config.node {
        Some(choices) => Node::start(config, choices, cloud.clone()).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "port {} of {} is taken by another program ('ss -ltnp sport = :{}' names it): stop it, or choose \
             another port with --listen",
            address.port(),
            address.ip(),
            address.port()
        ),
        Err(error) => Err(error).with_context(|| format!("listening on {address}")),
    }
}

fn instance(config: &Config, address: SocketAddr) -> Instance {
    Instance {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        endpoint: format!("http://{address}"),
        registry: address.to_string(),
        account: config.account.to_string(),
        region: config.region.to_string(),
        profile: config.profile.clone(),
    }
}

fn write_profile(config: &Config, cloud: &Cloud, instance: &Instance) -> Result<()> {
    let Some(name) = &config.profile else { return Ok(()) };
    let key = cloud.identities.root_key();
    let data_dir = std::path::absolute(&config.data_dir).context("finding the data directory")?;
    let (endpoint, data_dir) = (instance.endpoint.as_str(), data_dir.as_path());
    let profile = Profile { name, endpoint, region: &config.region, key, data_dir };
    let written = Files::find().and_then(|files| files.write(&profile));
    written.map_err(|error| anyhow!("writing the AWS profile {name}: {error:#}; or use --no-profile"))
}

/// Waits for Ctrl-C or SIGTERM. A second one ends the process at once.
async fn wait_for_signal() -> Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for signals")?;
    let name = tokio::select! {
        biased;
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    };
    tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::warn!("stopping at once");
        std::process::exit(130);
    });
    Ok(name)
}

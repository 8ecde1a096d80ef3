//! What the operator chose: flags, then environment, then a TOML file, then defaults.
//!
//! [`UpOptions`] is all three at once, with everything optional; [`Config`] is what comes out,
//! checked. Texts of refusals say what to do.

mod blobs;
mod options;
mod peers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::images::CleanupPolicy;
use anyhow::{Context, Result, bail};
use model::ec2::Cidr;
use model::ecs::ClusterName;
use model::{AccountId, Region};
use registry::replication::PeerConfig;
use services::EXEC_IDLE_TIMEOUT;
use services::logs::quotas::{Limits, REQUESTS_PER_SECOND};
use store::blobs::S3Options;

pub use blobs::BlobOptions;
pub use options::{LogFormat, UpOptions};

/// Where everything lives if nothing else is said.
pub const DEFAULT_DATA_DIR: &str = "/var/lib/longshore";
const DEFAULT_LISTEN: &str = "127.0.0.1:4566";
const DEFAULT_REGION: &str = "us-east-2";
const DEFAULT_ACCOUNT: &str = "123456789012";
const DEFAULT_NETWORK_POOL: &str = "10.64.0.0/10";
/// The AWS profile that is written if no other name is given.
pub const DEFAULT_PROFILE: &str = "longshore";

/// The checked choices for `longshore up`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything lives; absolute.
    pub data_dir: PathBuf,
    /// Where the one port is.
    pub listen: SocketAddr,
    /// The region of clients that name none.
    pub region: Region,
    /// The account of the root key.
    pub account: AccountId,
    /// Address blocks for VPCs are cut from this one.
    pub network_pool: Cidr,
    /// The AWS profile to write; `None` writes none.
    pub profile: Option<String>,
    /// The file with a root key of the operator's own.
    pub root_key_file: Option<PathBuf>,
    /// By host of a registry, the address that pull-through caches ask instead.
    pub registry_mirrors: BTreeMap<String, String>,
    /// The Longshores of other accounts that images may be replicated to.
    pub registry_peers: BTreeMap<AccountId, PeerConfig>,
    /// The folder of the vulnerability database; without one, images are not scanned.
    pub vulnerability_db: Option<PathBuf>,
    /// The bucket for layers and log segments; `None` keeps them in the data directory.
    pub blobs: Option<S3Options>,
    /// How fast log events may come in.
    pub log_limits: Limits,
    /// How long an exec session may be idle.
    pub exec_idle_timeout: Duration,
    /// How our own log is written.
    pub log_format: LogFormat,
    /// The node; `None` serves the API alone.
    pub node: Option<NodeConfig>,
    /// Whether tasks are stopped when the server stops.
    pub stop_tasks: bool,
}

/// The checked choices for the built-in node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The socket of a containerd that the operator runs; `None` starts a private one.
    pub containerd: Option<PathBuf>,
    /// The OCI runtime's executable.
    pub oci_runtime: Option<PathBuf>,
    /// The containerd snapshotter.
    pub snapshotter: Option<String>,
    /// A CNI configuration directory; `None` builds networks by netlink.
    pub cni_conf_dir: Option<PathBuf>,
    /// The cluster in which the machine is a container instance; `None` takes the default one.
    pub instance_cluster: Option<ClusterName>,
    /// CPU units offered to tasks; `None` offers what the machine has.
    pub cpu_units: Option<u32>,
    /// MiB of memory offered to tasks; `None` offers what the machine has.
    pub memory_mib: Option<u32>,
    /// When images that nobody uses are removed.
    pub image_cleanup: CleanupPolicy,
    /// By id of a file system, the server and the directory that tasks mount.
    pub file_systems: BTreeMap<String, String>,
}

impl Config {
    /// Joins the command line with the file that it names, and checks everything.
    pub fn load(options: UpOptions) -> Result<Config> {
        let options = match &options.config {
            Some(path) => {
                let file = read_file(path)?;
                options.or(file)
            }
            None => options,
        };
        Config::check(options)
    }

    fn check(options: UpOptions) -> Result<Config> {
        let data_dir = options.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into());
        let data_dir = std::path::absolute(&data_dir).context("finding the data directory")?;
        let listen = check_listen(&options.listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()))?;
        let region = options.region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let account = options.account_id.unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
        let pool = options.network_pool.unwrap_or_else(|| DEFAULT_NETWORK_POOL.to_owned());
        let profile = options.profile.unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
        if profile.is_empty() || profile.contains([']', '\n', '\r']) {
            bail!("--profile {profile:?}: this cannot be a profile's name");
        }
        if let Some(folder) = options.vulnerability_db.as_ref().filter(|folder| !folder.is_dir()) {
            bail!("--vulnerability-db {}: there is no such folder", folder.display());
        }
        let node = NodeConfig {
            containerd: options.containerd,
            oci_runtime: options.oci_runtime,
            snapshotter: options.snapshotter,
            cni_conf_dir: options.cni_conf_dir,
            instance_cluster: options
                .instance_cluster
                .map(ClusterName::new)
                .transpose()
                .context("--instance-cluster")?,
            cpu_units: options.node_cpu_units,
            memory_mib: options.node_memory_mib,
            image_cleanup: image_cleanup(
                options.image_cleanup_interval,
                options.image_minimum_cleanup_age,
                options.image_unused_after,
            )?,
            file_systems: file_systems(&options.file_system)?,
        };
        Ok(Config {
            data_dir,
            listen,
            region: Region::new(region).context("--region")?,
            account: AccountId::new(account).context("--account-id")?,
            network_pool: pool.parse().context("--network-pool")?,
            profile: (!options.no_profile).then_some(profile),
            root_key_file: options.root_access_key_file,
            registry_mirrors: mirrors(&options.registry_mirror)?,
            registry_peers: options.registry_peers.check()?,
            vulnerability_db: options.vulnerability_db,
            blobs: options.blobs.check()?,
            log_limits: log_limits(options.log_requests_per_second, options.log_group_mib_per_second)?,
            exec_idle_timeout: check_idle(options.exec_idle_timeout)?,
            log_format: options.log_format.unwrap_or_default(),
            node: (!options.no_node).then_some(node),
            stop_tasks: options.stop_tasks,
        })
    }
}

/// How fast log events may come in, when something is asked.
fn log_limits(requests: Option<u32>, mib: Option<u32>) -> Result<Limits> {
    if requests == Some(0) || mib == Some(0) {
        bail!("--log-requests-per-second and --log-group-mib-per-second must be at least 1");
    }
    let group_bytes_per_second = mib.map(|mib| u64::from(mib) << 20);
    Ok(Limits { requests_per_second: requests.unwrap_or(REQUESTS_PER_SECOND), group_bytes_per_second })
}

/// AWS lets sessions be idle for a minute to an hour; shorter times are good for tests.
fn check_idle(seconds: Option<u32>) -> Result<Duration> {
    match seconds {
        None => Ok(EXEC_IDLE_TIMEOUT),
        Some(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds.into())),
        Some(seconds) => bail!("--exec-idle-timeout {seconds}: it is between 1 and 3600 seconds"),
    }
}

/// Reads `HOST=URL` pairs.
fn mirrors(given: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let pair = text.split_once('=').filter(|(host, url)| !host.is_empty() && url.starts_with("http"));
        let (host, url) = pair.with_context(|| format!("--registry-mirror {text}: write HOST=URL"))?;
        Ok((host.to_owned(), url.trim_end_matches('/').to_owned()))
    };
    given.iter().map(pair).collect()
}

/// When images go, in seconds where something was said.
fn image_cleanup(
    every: Option<u64>,
    minimum_age: Option<u64>,
    unused_for: Option<u64>,
) -> Result<CleanupPolicy> {
    if every == Some(0) {
        bail!("--image-cleanup-interval must be at least 1");
    }
    let defaults = CleanupPolicy::default();
    let or = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
    Ok(CleanupPolicy {
        every: or(every, defaults.every),
        minimum_age: or(minimum_age, defaults.minimum_age),
        unused_for: or(unused_for, defaults.unused_for),
    })
}

/// The id is EFS's, `fs-` and hexadecimal digits; the rest is what mount takes.
fn file_systems(given: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let is_id = |id: &str| id.strip_prefix("fs-").is_some_and(|rest| !rest.is_empty());
        let is_source = |source: &str| {
            source.split_once(":/").is_some_and(|(host, _)| !host.is_empty()) && !source.contains([' ', ','])
        };
        let pair = text.split_once('=').filter(|(id, source)| is_id(id) && is_source(source));
        let (id, source) =
            pair.with_context(|| format!("--file-system {text}: write fs-ID=HOST:/DIRECTORY"))?;
        Ok((id.to_owned(), source.to_owned()))
    };
    given.iter().map(pair).collect()
}

fn read_file(path: &Path) -> Result<UpOptions> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Only loopback, while there is no TLS: signatures protect requests, but not what is in them.
fn check_listen(raw: &str) -> Result<SocketAddr> {
    let listen: SocketAddr = raw.parse().with_context(|| {
        format!("--listen {raw}: expected an address and a port, such as {DEFAULT_LISTEN}")
    })?;
    if !listen.ip().is_loopback() {
        bail!(
            "--listen {listen}: Longshore speaks plain HTTP and therefore only on a loopback address; listen \
             on 127.0.0.1 and put a TLS proxy or an SSH tunnel in front to reach it from elsewhere"
        );
    }
    Ok(listen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: UpOptions, expected: &str) {
        let error = format!("{:#}", Config::check(options).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn defaults_are_those_of_the_readme() {
        let config = Config::check(UpOptions::default()).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:4566");
        assert_eq!(config.region.as_str(), "us-east-2");
        assert_eq!(config.account.as_str(), "123456789012");
        assert_eq!(config.data_dir, Path::new("/var/lib/longshore"));
        assert_eq!(config.profile.as_deref(), Some("longshore"));
        assert!(config.node.is_some() && !config.stop_tasks);
    }

    #[test]
    fn wrong_choices_are_refused_by_name() {
        let with = |set: fn(&mut UpOptions)| {
            let mut options = UpOptions::default();
            set(&mut options);
            options
        };
        refused(with(|o| o.listen = Some("0.0.0.0:4566".into())), "TLS proxy or an SSH tunnel");
        refused(with(|o| o.listen = Some("4566".into())), "--listen 4566: expected an address");
        refused(with(|o| o.region = Some("US".into())), "--region: a region is");
        refused(with(|o| o.account_id = Some("1".into())), "--account-id: an account id is 12 digits");
        refused(
            with(|o| o.file_system = vec!["fs-1=/x".into()]),
            "--file-system fs-1=/x: write fs-ID=HOST:/DIR",
        );
        refused(with(|o| o.image_cleanup_interval = Some(0)), "--image-cleanup-interval must be at least 1");
        refused(with(|o| o.instance_cluster = Some("a b".into())), "--instance-cluster");
        refused(with(|o| o.network_pool = Some("10".into())), "--network-pool");
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let file: UpOptions =
            toml::from_str("region = \"eu-west-1\"\nno-node = true\nlisten = \"127.0.0.1:1\"").unwrap();
        let flags = UpOptions { region: Some("us-west-2".into()), ..UpOptions::default() };
        let config = Config::check(flags.or(file)).unwrap();
        assert_eq!(config.region.as_str(), "us-west-2");
        assert_eq!(config.listen.port(), 1);
        assert!(config.node.is_none());
        assert!(toml::from_str::<UpOptions>("regoin = \"x\"").is_err());
    }
}

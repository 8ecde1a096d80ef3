//! The steps of a task, done: each takes what the record held when it was begun and answers an
//! [`Outcome`] for the runner to note. All may be repeated.

use std::path::PathBuf;
use std::time::Duration;

use reconcile::container::{Action, Signal};
use wire::link;

use super::environment_files;
use super::errors;
use super::file_systems;
use super::files;
use super::firelens;
use super::node::{Node, Prepared};
use super::ports::LogTarget;
use super::record::{PulledImage, Record};
use super::site;
use super::timing::timed;
use super::volumes::{self, Places};
use crate::cgroup::Version;
use crate::logs::Subject;
use crate::network::TaskNetwork;
use crate::runtime::mounts;
use crate::runtime::spec::{self, SpecInput};
use crate::runtime::{ExecOutcome, ProcessState, Start, Stdio, gather_devices, process};

/// What came of a step.
#[derive(Debug)]
pub enum Outcome {
    /// The network was made, or why not.
    Provisioned(Result<TaskNetwork, String>),
    /// An image is ready, or why not.
    Pulled(String, Result<Box<PulledImage>, String>),
    /// A container was created, or why not.
    Created(String, Result<(), String>),
    /// A container runs as this process, or why not.
    Started(String, Result<u32, String>),
    /// A container ended; how often the kernel killed in it for lack of memory.
    Exited(String, ProcessState, u64),
    /// A health check ended.
    Checked(String, Result<ExecOutcome, String>),
    /// Nothing of a container is left, or it was given up.
    Deleted(String),
    /// Nothing of the site is left, or it was given up.
    Deprovisioned,
    /// How many MiB of disk the task uses, or why that is not known.
    Measured(Result<u64, String>),
    /// A report was acknowledged (or refused for good), or is to be sent again.
    Sent(bool),
}

/// A signal that containerd could not be asked for is sent again so often.
const ATTEMPTS: u32 = 20;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
const CLEANUP_ATTEMPTS: u32 = 60;
const CLEANUP_PAUSE: Duration = Duration::from_secs(1);

/// Does one step; `None` for those that need no work of their own.
pub async fn perform(node: &Node, record: &Record, action: &Action) -> Option<Outcome> {
    Some(match action {
        Action::Provision => Outcome::Provisioned(timed("provision", site::provision(node, record)).await),
        Action::PullImage(name) => {
            Outcome::Pulled(name.clone(), timed("pull", pull(node, record, name)).await.map(Box::new))
        }
        Action::CreateContainer(name) => {
            Outcome::Created(name.clone(), timed("create", create(node, record, name)).await)
        }
        Action::StartContainer(name) => {
            Outcome::Started(name.clone(), timed("start", start(node, record, name)).await)
        }
        Action::CheckHealth(name) => Outcome::Checked(name.clone(), check_health(node, record, name).await),
        Action::DeleteContainer(name) => {
            persist("deleting a container", || delete(node, record, name)).await;
            Outcome::Deleted(name.clone())
        }
        Action::Deprovision => {
            persist("taking a task's network and control group down", || site::deprovision(node, record))
                .await;
            Outcome::Deprovisioned
        }
        Action::Signal { container, signal } => {
            send_signal(node, record, container, *signal).await;
            return None;
        }
        Action::CancelPull(_) | Action::GiveUp { .. } => return None,
    })
}

/// Tries again until it works. After a minute the rest is left to the sweep of the next start:
/// a task must not stay because of what it leaves.
async fn persist<F: Future<Output = Result<(), String>>>(attempt: &str, mut work: impl FnMut() -> F) {
    for _ in 0..CLEANUP_ATTEMPTS {
        match work().await {
            Ok(()) => return,
            Err(error) => tracing::warn!(error, "{attempt} failed; trying again"),
        }
        tokio::time::sleep(CLEANUP_PAUSE).await;
    }
    tracing::error!("{attempt} was given up");
}

fn container<'a>(record: &'a Record, name: &str) -> &'a link::Container {
    record.task.containers.iter().find(|c| c.name == name).expect("actions name containers of their task")
}

fn runtime_id<'a>(record: &'a Record, name: &str) -> &'a str {
    &record.containers[name].runtime_id
}

async fn pull(node: &Node, record: &Record, name: &str) -> Result<PulledImage, String> {
    let reference = &container(record, name).image;
    let host = reference.split_once('/').map_or("", |(host, _)| host);
    let login = if host.contains(['.', ':']) || host == "localhost" {
        node.uplink.registry_login(record.task.arn.clone(), host.to_string()).await
    } else {
        Ok(None)
    };
    let login = login.map_err(|error| errors::reason("CannotPullContainerError", &error.to_string()))?;
    node.images.pull(reference, login).await
}

async fn create(node: &Node, record: &Record, name: &str) -> Result<(), String> {
    let container = environment_files::complete(node, &record.task.arn, container(record, name)).await?;
    let container = &firelens::complete(record, container);
    let state = &record.containers[name];
    let image = state.image.as_ref().ok_or("CannotCreateContainerError: the image is missing")?;
    let config = image.config.config().clone().unwrap_or_default();
    let (task, id) = (&record.task, state.runtime_id.as_str());
    let task_dir = node.journal.task_dir(record.id());
    let host = &container.docker_config.host_config;

    let region = region(node, task);
    let hostname = files::hostname(task, container, &region, id);
    let files_dir = task_dir.join("files").join(name);
    // Where the process writes is found out ahead: the log stream may have to be made first.
    let ahead = async {
        Ok(if is_interactive(container) { None } else { Some(output(node, record, container).await?) })
    };
    let (rootfs, platform_binds, router_binds, stdio) = tokio::try_join!(
        async {
            let prepared = timed("prepare_rootfs", node.runtime.prepare_rootfs(id, &image.chain_id)).await;
            prepared.map_err(|error| errors::cannot_create(&error))
        },
        platform_files(record, container, &files_dir, &hostname),
        firelens::prepare(node, record, container),
        ahead,
    )?;
    node.prepared.lock().insert(id.to_string(), Prepared { mounts: rootfs.clone(), stdio });
    let wanted = &container.docker_config.config.user;
    let wanted = if wanted.is_empty() { config.user().clone().unwrap_or_default() } else { wanted.clone() };
    let user = node.runtime.find_user(id, &image.chain_id, &wanted, &rootfs).await;
    let user = user.map_err(|e| errors::cannot_create(&e))?;

    let shared = node.config.volumes_dir();
    let file_systems = file_systems::task_dir(&node.config.run_dir(), record.id());
    let places = Places { task: &task_dir.join("volumes"), shared: &shared, file_systems: &file_systems };
    let volume_mounts = volumes::mounts(task, container, &config, &places)?;
    fill_volumes(node, id, &volume_mounts, &rootfs).await?;

    let mut binds: Vec<_> = volume_mounts.into_iter().map(|mount| mount.bind).collect();
    binds.extend(platform_binds);
    binds.extend(router_binds);
    let init = host.init == Some(true);
    if init {
        binds.push(node.init_bind()?);
    }
    let netns = record.network.as_ref().and_then(|network| network.of(name).netns.as_deref());
    let endpoint = crate::metadata::endpoint(record.id(), netns.is_some());
    let platform = process::platform_variables(task, &region, &endpoint, id);
    let shm = site::shared_shm(node, record);
    let input = SpecInput {
        task,
        container,
        image: &config,
        hostname: &hostname,
        user: &user,
        platform: &platform,
        netns,
        holder: node.cgroups.holder(record.id()),
        shm: shm.as_deref(),
        cgroups_path: &node.cgroups.container_path(record.id(), id),
        cgroup_v2: node.cgroups.version() == Version::V2,
        binds: &binds,
        devices: &gather_devices(host).map_err(|e| errors::cannot_create(&e))?,
        init,
        capabilities: node.capabilities,
        open_files: node.open_files,
    };
    let mut spec = spec::build(&input).map_err(|e| errors::cannot_create(&e.into()))?;
    mounts::keep_flags(&mut spec, mounts::flags_of);
    let made = timed("record", node.runtime.create(id, record.id(), &container.image, &spec)).await;
    made.map_err(|e| errors::cannot_create(&e))
}

async fn fill_volumes(
    node: &Node,
    id: &str,
    volumes: &[volumes::VolumeMount],
    mounts: &[containerd_client::types::Mount],
) -> Result<(), String> {
    let failed =
        |error: &dyn std::error::Error| errors::reason("CannotCreateVolumeError", &errors::chain(error));
    let all = volumes.to_vec();
    let prepared = tokio::task::spawn_blocking(move || volumes::prepare(&all)).await;
    prepared.map_err(std::io::Error::other).flatten().map_err(|e| failed(&e))?;
    let filled: Vec<_> = volumes.iter().filter(|v| v.filled_by_image).map(|v| v.bind.clone()).collect();
    if filled.is_empty() {
        return Ok(());
    }
    let copy = move |rootfs: &crate::runtime::rootfs::Rootfs| {
        filled.iter().try_for_each(|bind| rootfs.copy_out(&bind.destination, &bind.source))
    };
    node.runtime.look_into(id, mounts, copy).await.map_err(|e| failed(&e))
}

async fn platform_files(
    record: &Record,
    container: &link::Container,
    dir: &std::path::Path,
    hostname: &str,
) -> Result<Vec<crate::runtime::mounts::Bind>, String> {
    let (dir, hostname, task) = (dir.to_path_buf(), hostname.to_string(), record.task.clone());
    let (container, network) = (container.clone(), record.network.clone());
    let written = tokio::task::spawn_blocking(move || {
        // On the node's own network the node's names hold.
        let is_host = task.network_mode == "host";
        let node_hosts =
            is_host.then(|| std::fs::read_to_string("/etc/hosts")).transpose()?.unwrap_or_default();
        let node_resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let proxy_names = task.longshore.as_ref().map(|it| it.proxy_names.as_slice()).unwrap_or_default();
        let hosts = files::hosts(&container, network.as_ref(), &hostname, &node_hosts, proxy_names);
        files::write(&dir, &hostname, &hosts, &files::resolv_conf(&task, &container, &node_resolver))
    });
    let written = written.await.map_err(std::io::Error::other).flatten();
    written.map_err(|error| errors::resource_initialization(&error))
}

/// The region that a task is told.
fn region(node: &Node, task: &link::Task) -> String {
    let of_task = task.longshore.as_ref().map(|extras| extras.region.clone());
    of_task.filter(|region| !region.is_empty()).unwrap_or_else(|| node.config.region.clone())
}

async fn start(node: &Node, record: &Record, name: &str) -> Result<u32, String> {
    let (container, id) = (container(record, name), runtime_id(record, name));
    let prepared = node.prepared.lock().remove(id).unwrap_or_default();
    let stdio = match prepared.stdio {
        Some(stdio) => stdio,
        None => output(node, record, container).await?,
    };
    node.logs.connect(&log_target(node, record, container)).await?;
    if record.containers[name].exit.is_some() {
        node.runtime.delete_process(id).await.map_err(|e| errors::cannot_start(&e))?;
    }
    let terminal = container.docker_config.config.tty;
    let start = Start { stdio, terminal, mounts: prepared.mounts };
    let network = record.network.as_ref().map(|network| network.of(name));
    let ready = async {
        match network {
            Some(network) => {
                node.networks.settled(network).await.map_err(|e| errors::resource_initialization(&e))
            }
            None => Ok(()),
        }
    };
    node.runtime.start(id, &start, ready).await.map_err(|error| {
        if error.is_temporary() {
            let text = "Could not transition to started; the container runtime does not answer";
            return errors::reason("DockerTimeoutError", text);
        }
        errors::cannot_start(&error)
    })
}

/// Makes ready for what a container writes.
async fn output(node: &Node, record: &Record, container: &link::Container) -> Result<Stdio, String> {
    timed("start_log", node.logs.prepare(&log_target(node, record, container))).await
}

fn log_target(node: &Node, record: &Record, container: &link::Container) -> LogTarget {
    let seen = &record.containers[&container.name];
    let image = seen.image.as_ref();
    let config = image.and_then(|image| image.config.config().clone()).unwrap_or_default();
    LogTarget {
        task_arn: record.task.arn.clone(),
        launch_type: record.task.launch_type.clone(),
        container_name: container.name.clone(),
        runtime_id: seen.runtime_id.clone(),
        config: firelens::log_config(&node.config.run_dir(), &record.task.arn, container),
        interactive: is_interactive(container),
        subject: Subject {
            id: seen.runtime_id.clone(),
            name: crate::metadata::docker_name(record, container, seen),
            image_id: image.map(|image| image.manifest_digest.clone()).unwrap_or_default(),
            image_name: container.image.clone(),
            command: process::arguments(container, &config).join(" "),
            created_at: seen.created_at.unwrap_or(record.received_at),
            labels: container.docker_config.config.labels.clone(),
            environment: container.environment.clone(),
        },
    }
}

/// Whether its standard input stays open although nobody writes into it. A terminal stays open by itself.
fn is_interactive(container: &link::Container) -> bool {
    let config = &container.docker_config.config;
    config.open_stdin && !config.tty
}

async fn send_signal(node: &Node, record: &Record, name: &str, signal: Signal) {
    let id = runtime_id(record, name);
    let number = match signal {
        Signal::Term => stop_signal(record, name),
        Signal::Kill => nix::libc::SIGKILL as u32,
    };
    for _ in 0..ATTEMPTS {
        match node.runtime.kill(id, number).await {
            Err(error) if error.is_temporary() => tokio::time::sleep(ATTEMPT_PAUSE).await,
            Err(error) => {
                tracing::warn!(
                    id,
                    number,
                    error = errors::chain(&error),
                    "a container could not be signalled"
                );
                return;
            }
            Ok(()) => return,
        }
    }
}

/// The image's stop signal, or SIGTERM.
fn stop_signal(record: &Record, name: &str) -> u32 {
    let image = record.containers[name].image.as_ref();
    let wanted = image.and_then(|image| image.config.config().as_ref()?.stop_signal().clone());
    wanted.and_then(|text| parse_signal(&text)).unwrap_or(nix::libc::SIGTERM as u32)
}

fn parse_signal(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse::<u32>() {
        return Some(number).filter(|number| (1..=64).contains(number));
    }
    let name = if text.starts_with("SIG") { text.to_string() } else { format!("SIG{text}") };
    if let Some(offset) = name.strip_prefix("SIGRTMIN+") {
        return offset.parse::<u32>().ok().map(|offset| 34 + offset).filter(|number| *number <= 64);
    }
    name.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as u32)
}

async fn check_health(node: &Node, record: &Record, name: &str) -> Result<ExecOutcome, String> {
    let check = container(record, name).docker_config.config.healthcheck.clone();
    let check = check.ok_or("the container has no health check")?;
    let command = match check.test.split_first() {
        Some((kind, words)) if kind == "CMD-SHELL" => {
            let words = ["/bin/sh".to_string(), "-c".to_string()].into_iter().chain(words.iter().cloned());
            words.collect()
        }
        Some((kind, words)) if kind == "CMD" => words.to_vec(),
        _ => check.test.clone(),
    };
    let timeout = Duration::from_nanos(u64::try_from(check.timeout).unwrap_or(0)).max(Duration::from_secs(1));
    let exec_id = format!("health-{}", fresh_number());
    let dir: PathBuf = node.journal.task_dir(record.id());
    let run = node.runtime.exec(runtime_id(record, name), &exec_id, &command, &dir, timeout);
    run.await.map_err(|error| errors::chain(&error))
}

/// A number that no other check of this container has.
fn fresh_number() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = jiff::Timestamp::now().as_nanosecond();
    format!("{now:x}-{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn delete(node: &Node, record: &Record, name: &str) -> Result<(), String> {
    let id = runtime_id(record, name);
    node.prepared.lock().remove(id);
    node.runtime.delete(id).await.map_err(|error| errors::chain(&error))?;
    node.logs.finish(id).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!(parse_signal("SIGQUIT"), Some(3));
        assert_eq!(parse_signal("INT"), Some(2));
        assert_eq!(parse_signal("SIGRTMIN+3"), Some(37));
        assert_eq!((parse_signal("15"), parse_signal("99")), (Some(15), None));
    }
}

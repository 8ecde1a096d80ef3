//! Containers through containerd: create, start, signal, wait, delete, exec.
//!
//! Every call may be repeated: what is there already, or gone already, is no error. So a runner
//! that lost its memory can do again what it is not sure of.

mod attached;
pub mod capabilities;
mod devices;
mod exec;
pub mod holder;
pub mod mounts;
pub mod process;
pub mod rootfs;
mod seccomp;
pub mod spec;
mod start;
mod state;
pub mod user;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use containerd_client::services::v1::container::Runtime as RuntimeChoice;
use containerd_client::services::v1::snapshots::{
    CleanupRequest, MountsRequest, PrepareSnapshotRequest, RemoveSnapshotRequest, UsageRequest,
};
use containerd_client::services::v1::{
    Container, CreateContainerRequest, DeleteContainerRequest, DeleteTaskRequest, KillRequest,
    ListContainersRequest,
};
use containerd_client::types::Mount;
use parking_lot::Mutex;
use serde_json::Value;
use tonic::{Code, Status};

pub use attached::ExecStdio;
pub use devices::gather as gather_devices;
pub use exec::ExecOutcome;
pub use start::Start;
pub use state::ProcessState;

use crate::containerd::{Connection, OciRuntime, was_away};
use user::User;

const SPEC_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
const SHIM: &str = "io.containerd.runc.v2";
/// Tells our containers and snapshots from another instance's on a shared containerd.
const INSTANCE_LABEL: &str = "longshore.instance";
/// The task that a container belongs to.
const TASK_LABEL: &str = "longshore.task";
/// No request to a working daemon takes longer; starting a container on a loaded machine is the slowest.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// A daemon that is away is asked again for so long, as the ECS agent does by default.
const AWAY_PATIENCE: Duration = Duration::from_secs(4 * 60);
const AWAY_PAUSE: Duration = Duration::from_millis(250);

/// Why containerd did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request was refused.
    #[error("{attempt} {id}: {}", source.message())]
    Request {
        /// What was attempted.
        attempt: &'static str,
        /// On which container.
        id: String,
        /// The answer.
        source: Box<Status>,
    },
    /// A request was not answered.
    #[error("{attempt} {id}: containerd did not answer in time")]
    Silent {
        /// What was attempted.
        attempt: &'static str,
        /// On which container.
        id: String,
    },
    /// The root file system could not be looked into.
    #[error("reading the root file system of {id}")]
    Rootfs {
        /// The container.
        id: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the process was to start in could not be made; the reason is as ECS words it.
    #[error("{0}")]
    Unready(String),
    /// The image has no such user.
    #[error(transparent)]
    User(#[from] user::Error),
    /// The specification could not be made.
    #[error(transparent)]
    Spec(#[from] spec::Error),
    /// A device is missing.
    #[error("error gathering device information while adding custom device {path:?}: {source}")]
    Device {
        /// The device.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether trying again may help: the daemon or a shim was away or busy, not unwilling.
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Request { source, .. } => was_away(source),
            Error::Silent { .. } => true,
            Error::Rootfs { .. }
            | Error::Unready(_)
            | Error::User(_)
            | Error::Spec(_)
            | Error::Device { .. } => false,
        }
    }

    /// Whether the daemon itself was away. One that answers says the same of a shim that it cannot reach, which will not
    /// come back.
    pub fn is_away(&self) -> bool {
        match self {
            Error::Request { source, .. } => std::error::Error::source(&**source).is_some(),
            Error::Silent { .. }
            | Error::Rootfs { .. }
            | Error::Unready(_)
            | Error::User(_)
            | Error::Spec(_)
            | Error::Device { .. } => false,
        }
    }
}

/// Where a process's output goes: URIs as containerd takes them; empty for nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stdio {
    /// Where standard input comes from: a named pipe whose writing end the shim holds open.
    pub stdin_path: String,
    /// Standard output.
    pub stdout_uri: String,
    /// Standard error.
    pub stderr_uri: String,
}

/// The containers of one instance.
#[derive(Clone)]
pub struct Runtime {
    connection: Connection,
    oci: OciRuntime,
    instance: String,
    run_dir: PathBuf,
    users: std::sync::Arc<Mutex<BTreeMap<(String, String), User>>>,
}

/// A container of ours as containerd lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// The id of its task.
    pub task_id: String,
}

impl Runtime {
    /// The runtime of the instance `tag`.
    pub fn new(connection: Connection, oci: OciRuntime, tag: &str, run_dir: PathBuf) -> Runtime {
        let instance = tag.to_string();
        Runtime { connection, oci, instance, run_dir, users: std::sync::Arc::default() }
    }

    /// The connection that is used.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Makes the writable root file system of a container; answers how to mount it.
    pub async fn prepare_rootfs(&self, id: &str, parent: &str) -> Result<Vec<Mount>, Error> {
        // The label keeps it until it is removed; a sweep finds those whose task was forgotten.
        let labels = HashMap::from([
            ("containerd.io/gc.root".to_string(), "longshore".to_string()),
            (INSTANCE_LABEL.to_string(), self.instance.clone()),
        ]);
        let request = PrepareSnapshotRequest {
            snapshotter: self.connection.snapshotter().to_string(),
            key: id.to_string(),
            parent: parent.to_string(),
            labels,
        };
        let prepared = patiently(|| {
            let (mut snapshots, request) = (self.connection.client().snapshots(), request.clone());
            async move {
                let prepare = snapshots.prepare(self.connection.request(request));
                match self.ask("preparing the snapshot of", id, prepare).await {
                    Err(error) if is_in_the_way(&error) => {
                        self.clean_snapshots(id).await?;
                        Err(Error::Silent { attempt: "preparing the snapshot of", id: id.to_string() })
                    }
                    other => other,
                }
            }
        });
        match prepared.await {
            Ok(answer) => Ok(answer.mounts),
            Err(Error::Request { source, .. }) if source.code() == Code::AlreadyExists => {
                self.rootfs_mounts(id).await
            }
            Err(error) => Err(error),
        }
    }

    /// Has the snapshotter remove the directories that belong to no snapshot.
    async fn clean_snapshots(&self, id: &str) -> Result<(), Error> {
        let request = CleanupRequest { snapshotter: self.connection.snapshotter().to_string() };
        let mut snapshots = self.connection.client().snapshots();
        let cleaned = snapshots.cleanup(self.connection.request(request));
        self.ask("cleaning up before the snapshot of", id, cleaned).await.map(drop)
    }

    async fn rootfs_mounts(&self, id: &str) -> Result<Vec<Mount>, Error> {
        patiently(|| self.ask_for_mounts(id)).await
    }

    async fn ask_for_mounts(&self, id: &str) -> Result<Vec<Mount>, Error> {
        let request =
            MountsRequest { snapshotter: self.connection.snapshotter().to_string(), key: id.to_string() };
        let mut snapshots = self.connection.client().snapshots();
        let answer =
            self.ask("finding the mounts of", id, snapshots.mounts(self.connection.request(request))).await?;
        Ok(answer.mounts)
    }

    /// Finds `wanted` among the users of an image. Images do not change, so answers are kept.
    pub async fn find_user(
        &self,
        id: &str,
        image: &str,
        wanted: &str,
        mounts: &[Mount],
    ) -> Result<User, Error> {
        let key = (image.to_string(), wanted.to_string());
        if let Some(user) = self.users.lock().get(&key) {
            return Ok(user.clone());
        }
        let (passwd, group) = self
            .look_into(id, mounts, |rootfs| Ok((rootfs.read("/etc/passwd")?, rootfs.read("/etc/group")?)))
            .await?;
        let user = user::resolve(wanted, &passwd, &group)?;
        let mut users = self.users.lock();
        if users.len() >= 1000 {
            users.clear();
        }
        users.insert(key, user.clone());
        Ok(user)
    }

    /// Mounts a root file system for the time of `work`.
    pub async fn look_into<T: Send + 'static>(
        &self,
        id: &str,
        mounts: &[Mount],
        work: impl FnOnce(&rootfs::Rootfs) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (mounts, dir) = (mounts.to_vec(), self.run_dir.join("rootfs").join(id));
        let looked = tokio::task::spawn_blocking(move || work(&rootfs::Rootfs::mount(&mounts, &dir)?));
        looked
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|source| Error::Rootfs { id: id.to_string(), source })
    }

    /// Records a container; a record of the same id is replaced.
    pub async fn create(&self, id: &str, task_id: &str, image: &str, spec: &Value) -> Result<(), Error> {
        patiently(|| self.create_once(id, task_id, image, spec)).await
    }

    async fn create_once(&self, id: &str, task_id: &str, image: &str, spec: &Value) -> Result<(), Error> {
        let runtime = RuntimeChoice { name: SHIM.into(), options: Some(self.runtime_options()) };
        let container = Container {
            id: id.to_string(),
            labels: HashMap::from([
                (INSTANCE_LABEL.to_string(), self.instance.clone()),
                (TASK_LABEL.to_string(), task_id.to_string()),
            ]),
            image: image.to_string(),
            runtime: Some(runtime),
            spec: Some(prost_types::Any { type_url: SPEC_TYPE.into(), value: spec.to_string().into_bytes() }),
            snapshotter: self.connection.snapshotter().to_string(),
            snapshot_key: id.to_string(),
            ..Container::default()
        };
        let mut containers = self.connection.client().containers();
        for _ in 0..2 {
            let request = CreateContainerRequest { container: Some(container.clone()) };
            let made = self.ask("creating", id, containers.create(self.connection.request(request))).await;
            match made {
                Err(Error::Request { source, .. }) if source.code() == Code::AlreadyExists => {
                    // What has a process is what an earlier attempt made; the start finds out how far it is.
                    match self.state(id).await? {
                        ProcessState::Missing => {
                            self.end_leftover(id).await;
                            self.delete_record(id).await?;
                        }
                        ProcessState::Created
                        | ProcessState::Running { .. }
                        | ProcessState::Stopped { .. } => return Ok(()),
                    }
                }
                other => return other.map(|_| ()),
            }
        }
        Ok(())
    }

    /// Sends a signal to a container's first process.
    pub async fn kill(&self, id: &str, signal: u32) -> Result<(), Error> {
        let request =
            KillRequest { container_id: id.to_string(), exec_id: String::new(), signal, all: false };
        let mut tasks = self.connection.client().tasks();
        or_gone(self.ask("signalling", id, tasks.kill(self.connection.request(request))).await.map(|_| ()))
    }

    /// Ends and forgets a container's process and shim, if there are any.
    pub async fn delete_process(&self, id: &str) -> Result<(), Error> {
        let mut tasks = self.connection.client().tasks();
        if matches!(self.state(id).await?, ProcessState::Missing) {
            return Ok(());
        }
        self.kill_hard(id).await?;
        let request = DeleteTaskRequest { container_id: id.to_string() };
        or_gone(
            self.ask("deleting the process of", id, tasks.delete(self.connection.request(request)))
                .await
                .map(|_| ()),
        )
    }

    async fn kill_hard(&self, id: &str) -> Result<(), Error> {
        if !matches!(self.state(id).await?, ProcessState::Running { .. }) {
            return Ok(());
        }
        self.kill(id, nix::libc::SIGKILL as u32).await?;
        let _ = tokio::time::timeout(Duration::from_secs(10), self.wait(id)).await;
        Ok(())
    }

    async fn delete_record(&self, id: &str) -> Result<(), Error> {
        let mut containers = self.connection.client().containers();
        let request = self.connection.request(DeleteContainerRequest { id: id.to_string() });
        or_gone(self.ask("deleting", id, containers.delete(request)).await.map(|_| ()))
    }

    /// Removes a container with its process, record and root file system.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        match self.delete_process(id).await {
            Err(error) if error.is_away() => return Err(error),
            Err(error) => {
                tracing::warn!(id, %error, "a shim does not answer; ending it");
                self.abandon(id).await;
            }
            Ok(()) => {}
        }
        self.delete_record(id).await?;
        self.remove_snapshot(id).await
    }

    /// The bytes that a container has written into its root file system.
    pub async fn disk_usage(&self, id: &str) -> Result<u64, Error> {
        let mut snapshots = self.connection.client().snapshots();
        let snapshotter = self.connection.snapshotter().to_string();
        let request = self.connection.request(UsageRequest { snapshotter, key: id.to_string() });
        let used = self.ask("measuring the snapshot of", id, snapshots.usage(request)).await;
        match used {
            Ok(answer) => Ok(u64::try_from(answer.size).unwrap_or(0)),
            Err(Error::Request { source, .. }) if source.code() == Code::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Removes a container's root file system.
    pub async fn remove_snapshot(&self, id: &str) -> Result<(), Error> {
        let mut snapshots = self.connection.client().snapshots();
        let snapshotter = self.connection.snapshotter().to_string();
        let request = RemoveSnapshotRequest { snapshotter, key: id.to_string() };
        let removed = self
            .ask("removing the snapshot of", id, snapshots.remove(self.connection.request(request)))
            .await;
        or_gone(removed.map(|_| ()))
    }

    /// The containers of this instance.
    pub async fn list(&self) -> Result<Vec<Known>, Error> {
        let filters = vec![format!("labels.{INSTANCE_LABEL:?}=={}", self.instance)];
        let mut containers = self.connection.client().containers();
        let request = self.connection.request(ListContainersRequest { filters });
        let answer = self.ask("listing", "containers", containers.list(request)).await?;
        let known = |mut container: Container| Known {
            task_id: container.labels.remove(TASK_LABEL).unwrap_or_default(),
            id: container.id,
        };
        Ok(answer.containers.into_iter().map(known).collect())
    }

    /// Where the OCI runtime keeps what it knows; the shim adds the namespace.
    fn oci_root(&self) -> PathBuf {
        self.run_dir.join("oci")
    }

    fn runtime_options(&self) -> prost_types::Any {
        /// `containerd.runc.v1.Options`; only what we set.
        #[derive(Clone, PartialEq, prost::Message)]
        struct Options {
            #[prost(string, tag = "6")]
            binary_name: String,
            #[prost(string, tag = "7")]
            root: String,
        }
        let options = Options {
            binary_name: self.oci.path().display().to_string(),
            root: self.oci_root().display().to_string(),
        };
        prost_types::Any {
            type_url: "containerd.runc.v1.Options".into(),
            value: prost::Message::encode_to_vec(&options),
        }
    }

    async fn ask<T>(
        &self,
        attempt: &'static str,
        id: &str,
        request: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(Error::Request { attempt, id: id.to_string(), source: Box::new(status) }),
            Err(_elapsed) => Err(Error::Silent { attempt, id: id.to_string() }),
        }
    }
}

/// Whether a killed daemon had made a directory, and not come to note it: the next one takes the same name.
fn is_in_the_way(error: &Error) -> bool {
    matches!(error, Error::Request { source, .. } if source.message().contains("failed to rename"))
}

/// Asks again while the daemon is away: a killed one is back within a second.
async fn patiently<T, F: Future<Output = Result<T, Error>>>(mut work: impl FnMut() -> F) -> Result<T, Error> {
    let deadline = Instant::now() + AWAY_PATIENCE;
    loop {
        match work().await {
            Err(error) if error.is_temporary() && Instant::now() < deadline => {
                tokio::time::sleep(AWAY_PAUSE).await;
            }
            other => return other,
        }
    }
}

/// Takes "there is no such thing" for success.
fn or_gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Request { source, .. }) if source.code() == Code::NotFound => Ok(()),
        other => other,
    }
}

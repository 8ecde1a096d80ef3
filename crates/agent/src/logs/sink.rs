//! The door to logs: spools are made for containers, followed, finished and removed here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;
use wire::link::{LogConfig, Uplink, UplinkError};

use super::delivery::Delivery;
use super::drivers::{self, DockerDriver};
use super::interactive;
use super::options::{self, Buffer, Driver, Names};
use super::progress::Shipped;
use super::shipper::{Destination, Shipper};
use super::spool::{self, Note, WhenFull};
use super::subject::Origin;
use crate::config::AgentConfig;
use crate::runtime::Stdio;
use crate::task::ports::{LogSink, LogTarget};

/// Attempts to open a stream before a start fails for it.
const OPEN_ATTEMPTS: u32 = 5;
const OPEN_PAUSE: Duration = Duration::from_millis(300);
/// How long the end of a container waits for its last lines to be taken, looking so often.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
const DRAIN_PAUSE: Duration = Duration::from_millis(10);
/// Output that stays on the node is kept as long as ECS remembers a stopped task.
const LOCAL_RETENTION: Duration = Duration::from_secs(3600);

/// What is done with the records of a spool.
enum Course {
    Ship(Box<Destination>),
    Deliver(Box<DockerDriver>, Box<Origin>),
    Discard,
}

/// The output of a node's containers; clones share everything.
#[derive(Clone)]
pub struct Logs {
    shared: Arc<Shared>,
}

struct Shared {
    uplink: Arc<dyn Uplink>,
    spool_dir: PathBuf,
    /// Where `json-file` keeps its files.
    files_dir: PathBuf,
    executable: PathBuf,
    region: String,
    hostname: String,
    /// Who follows which spool, by runtime id. The lock is held while a spool is made or removed.
    followed: Mutex<BTreeMap<String, Arc<Notify>>>,
}

impl Logs {
    /// Takes up the spools that an earlier agent left, and waits for new ones. Needs a tokio runtime.
    pub fn start(config: &AgentConfig, uplink: Arc<dyn Uplink>) -> Logs {
        let shared = Arc::new(Shared {
            uplink,
            spool_dir: config.spool_dir(),
            files_dir: config.container_logs_dir(),
            executable: config.executable.clone(),
            region: config.region.clone(),
            hostname: hostname(),
            followed: Mutex::default(),
        });
        shared.resume();
        Logs { shared }
    }

    /// Where the output of a container is kept.
    pub fn dir(&self, runtime_id: &str) -> PathBuf {
        self.shared.spool_dir.join(runtime_id)
    }
}

#[async_trait]
impl LogSink for Logs {
    async fn prepare(&self, target: &LogTarget) -> Result<Stdio, String> {
        let driver = parse(&target.config, &target.task_arn, &target.container_name, &target.runtime_id);
        let driver = driver.map_err(|text| match target.config.driver.as_str() {
            "awslogs" => format!("ResourceInitializationError: failed to validate logger args: {text}"),
            _ => format!("CannotCreateContainerError: Error response from daemon: {text}"),
        })?;
        if matches!(driver, Driver::Discard) && !target.interactive {
            return Ok(Stdio::default());
        }
        // A container that is started again goes on in its spool.
        let note = Note::read(&self.dir(&target.runtime_id));
        let source = note.map_or_else(|_| fresh_source(&target.runtime_id), |note| note.source);
        if let Driver::Awslogs(awslogs) = &driver {
            let destination = self.shared.destination(&target.task_arn, source.clone(), awslogs.clone());
            self.shared.open(&destination, &target.launch_type).await?;
        }
        let origin = Origin::choose(&target.subject, &target.config.config, &self.shared.hostname);
        let origin = origin.map_err(|text| cannot_initialize(&text))?;
        let made = self.shared.make_spool(target, source, &driver, origin);
        made.map_err(|error| format!("ResourceInitializationError: failed to create the log spool: {error}"))
    }

    async fn connect(&self, target: &LogTarget) -> Result<(), String> {
        match parse(&target.config, &target.task_arn, &target.container_name, &target.runtime_id) {
            Ok(Driver::Docker(driver, _)) => driver.check().await.map_err(|text| cannot_initialize(&text)),
            // Their stream was opened when they were prepared, or the options refused.
            Ok(Driver::Awslogs(_) | Driver::Discard) | Err(_) => Ok(()),
        }
    }

    async fn drained(&self, runtime_id: &str) {
        let dir = self.dir(runtime_id);
        let drained = async {
            // The logger ends with the container's pipes.
            while spool::is_held(&dir) || Shipped::read(&dir) < spool::end(&dir) {
                if let Some(wake) = self.shared.followed.lock().get(runtime_id) {
                    wake.notify_one();
                }
                tokio::time::sleep(DRAIN_PAUSE).await;
            }
        };
        if tokio::time::timeout(DRAIN_PATIENCE, drained).await.is_err() {
            tracing::warn!(runtime_id, "nobody has taken a container's last lines");
        }
    }

    async fn finish(&self, runtime_id: &str) {
        let dir = self.dir(runtime_id);
        if !dir.exists() {
            return;
        }
        if let Err(error) = spool::set_finished(&dir, true) {
            tracing::warn!(%error, runtime_id, "a spool cannot be marked");
        }
        if let Some(wake) = self.shared.followed.lock().get(runtime_id) {
            wake.notify_one();
        }
    }
}

impl Shared {
    /// Makes sure of the group and the stream. A store that does not answer stops no container whose output may be
    /// dropped: its shipper goes on asking.
    ///
    /// Deviation: a group that is missing fails the start in either mode, as on Fargate; Docker's own driver starts a
    /// non-blocking container and drops its lines.
    async fn open(&self, destination: &Destination, launch_type: &str) -> Result<(), String> {
        let may_go_on = destination.awslogs.buffer.when_full == WhenFull::DropNew;
        let mut attempts = 1;
        loop {
            match self.uplink.open_log_stream(destination.batch()).await {
                Ok(_) => return Ok(()),
                Err(error) if error.retryable && may_go_on => {
                    tracing::warn!(%error, group = destination.awslogs.group, "a container starts without its log stream");
                    return Ok(());
                }
                Err(error) if error.retryable && attempts < OPEN_ATTEMPTS => {
                    tokio::time::sleep(OPEN_PAUSE * attempts).await;
                    attempts += 1;
                }
                Err(error) => return Err(cannot_open(&error, attempts, launch_type)),
            }
        }
    }

    fn make_spool(
        self: &Arc<Self>,
        target: &LogTarget,
        source: String,
        driver: &Driver,
        origin: Origin,
    ) -> std::io::Result<Stdio> {
        let dir = self.spool_dir.join(&target.runtime_id);
        let Buffer { limit_bytes, when_full } = match driver {
            Driver::Awslogs(awslogs) => awslogs.buffer,
            Driver::Docker(_, buffer) => *buffer,
            Driver::Discard => Buffer { limit_bytes: 0, when_full: WhenFull::DropNew },
        };
        let mut followed = self.followed.lock();
        let note = Note {
            source,
            task_arn: target.task_arn.clone(),
            container_name: target.container_name.clone(),
            driver: target.config.driver.clone(),
            options: target.config.config.clone(),
            limit_bytes,
            when_full,
            origin,
        };
        note.write(&dir)?;
        spool::set_finished(&dir, false)?;
        match followed.get(&target.runtime_id) {
            Some(wake) => wake.notify_one(),
            None => self.follow(&target.runtime_id, &note, driver.clone(), &mut followed),
        }
        if target.interactive {
            return interactive::start(&self.executable, &dir);
        }
        let uri = logger_uri(&self.executable, &dir);
        Ok(Stdio { stdin_path: String::new(), stdout_uri: uri.clone(), stderr_uri: uri })
    }

    /// Follows the spools that are there. One that no logger holds will not grow any more.
    fn resume(self: &Arc<Self>) {
        self.remove_lone_files();
        let Ok(entries) = std::fs::read_dir(&self.spool_dir) else { return };
        let mut followed = self.followed.lock();
        for dir in entries.flatten().map(|entry| entry.path()) {
            let runtime_id = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_string();
            let Ok(note) = Note::read(&dir) else {
                tracing::warn!(runtime_id, "a spool without a note is removed");
                let _ = std::fs::remove_dir_all(&dir);
                continue;
            };
            if !spool::is_held(&dir) {
                let _ = spool::set_finished(&dir, true);
            }
            let config = LogConfig { driver: note.driver.clone(), config: note.options.clone() };
            match parse(&config, &note.task_arn, &note.container_name, &runtime_id) {
                Ok(driver) => self.follow(&runtime_id, &note, driver, &mut followed),
                Err(error) => tracing::warn!(error, runtime_id, "a spool cannot be shipped"),
            }
        }
    }

    /// Files go with their spool, but for an agent that was killed between the two.
    fn remove_lone_files(&self) {
        let Ok(entries) = std::fs::read_dir(&self.files_dir) else { return };
        for runtime_id in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            if !self.spool_dir.join(&runtime_id).exists() {
                drivers::remove_file(&self.file(&runtime_id));
            }
        }
    }

    fn follow(
        self: &Arc<Self>,
        runtime_id: &str,
        note: &Note,
        driver: Driver,
        followed: &mut BTreeMap<String, Arc<Notify>>,
    ) {
        let wake = Arc::new(Notify::new());
        followed.insert(runtime_id.to_string(), wake.clone());
        let (shared, runtime_id) = (self.clone(), runtime_id.to_string());
        let course = match driver {
            Driver::Awslogs(awslogs) => {
                Course::Ship(Box::new(self.destination(&note.task_arn, note.source.clone(), awslogs)))
            }
            Driver::Docker(driver, _) => Course::Deliver(Box::new(driver), Box::new(note.origin.clone())),
            Driver::Discard => Course::Discard,
        };
        tokio::spawn(async move {
            let dir = shared.spool_dir.join(&runtime_id);
            loop {
                shared.run(&course, &runtime_id, &dir, &wake).await;
                if shared.remove_finished(&runtime_id, &dir) {
                    return;
                }
            }
        });
    }

    /// Follows a spool to its end.
    async fn run(&self, course: &Course, runtime_id: &str, dir: &Path, wake: &Arc<Notify>) {
        match course {
            Course::Ship(destination) => {
                let uplink = self.uplink.clone();
                Shipper::new(uplink, destination.as_ref().clone(), dir.to_path_buf(), wake.clone())
                    .run()
                    .await;
            }
            Course::Deliver(driver, origin) => {
                let file = self.file(runtime_id);
                let (receiver, limit) = (driver.open(origin, &file), driver.waiting_limit());
                Delivery::new(receiver, limit, dir.to_path_buf(), wake.clone()).run().await;
                if matches!(**driver, DockerDriver::JsonFile(_)) {
                    self.keep(dir, wake).await;
                }
            }
            Course::Discard => {
                while !spool::is_finished(dir) {
                    wake.notified().await;
                }
            }
        }
    }

    /// Keeps what stays on the node for as long as its task is remembered, unless it is started again.
    async fn keep(&self, dir: &Path, wake: &Notify) {
        let until = tokio::time::Instant::now() + LOCAL_RETENTION;
        while spool::is_finished(dir) && tokio::time::timeout_at(until, wake.notified()).await.is_ok() {}
    }

    /// The file of a container whose output stays on the node.
    fn file(&self, runtime_id: &str) -> PathBuf {
        self.files_dir.join(runtime_id).join(format!("{runtime_id}-json.log"))
    }

    /// Removes a spool, unless its container was started again meanwhile.
    fn remove_finished(&self, runtime_id: &str, dir: &Path) -> bool {
        let mut followed = self.followed.lock();
        if dir.exists() && !spool::is_finished(dir) {
            return false;
        }
        if let Err(error) = std::fs::remove_dir_all(dir) {
            tracing::warn!(%error, runtime_id, "a spool cannot be removed");
        }
        drivers::remove_file(&self.file(runtime_id));
        followed.remove(runtime_id);
        true
    }

    fn destination(&self, task_arn: &str, source: String, awslogs: options::Awslogs) -> Destination {
        // arn:aws:ecs:REGION:ACCOUNT:task/…
        let part = |index: usize| task_arn.split(':').nth(index).filter(|part| !part.is_empty());
        let region = awslogs.region.as_deref().or(part(3)).unwrap_or(&self.region).to_string();
        let task_arn = task_arn.to_string();
        Destination { task_arn, account: part(4).unwrap_or_default().to_string(), region, source, awslogs }
    }
}

fn parse(config: &LogConfig, task_arn: &str, container: &str, runtime_id: &str) -> Result<Driver, String> {
    let task_id = task_arn.rsplit('/').next().unwrap_or_default();
    options::parse(config, &Names { task_id, container, runtime_id })
}

/// What Docker says of a log driver that cannot be made.
fn cannot_initialize(text: &str) -> String {
    format!(
        "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: {text}"
    )
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().to_string()
}

/// A name that no spool had before, not even one of a container of the same id.
fn fresh_source(runtime_id: &str) -> String {
    format!("{runtime_id}-{:x}", jiff::Timestamp::now().as_nanosecond())
}

/// What is said when the log stream cannot be made: by Fargate, and elsewhere by Docker.
fn cannot_open(error: &UplinkError, attempts: u32, launch_type: &str) -> String {
    let cause = format!("failed to create Cloudwatch log stream: {}: {}", error.code, error.message);
    if launch_type != "FARGATE" {
        return cannot_initialize(&cause);
    }
    format!(
        "ResourceInitializationError: failed to validate logger args: create stream has been retried {attempts} times: \
         {cause} : exit status 1"
    )
}

/// The URI by which containerd's shim finds the logger. One parameter only: the shim passes them in no order.
fn logger_uri(executable: &Path, dir: &Path) -> String {
    let escape = |path: &Path, keep: &[u8]| -> String {
        let byte = |byte: &u8| match byte {
            b if b.is_ascii_alphanumeric() || keep.contains(b) => char::from(*b).to_string(),
            b => format!("%{b:02X}"),
        };
        path.as_os_str().as_encoded_bytes().iter().map(byte).collect()
    };
    format!("binary://{}?logger={}", escape(executable, b"/-._~"), escape(dir, b"/-._~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_escaped() {
        assert_eq!(
            logger_uri(Path::new("/opt/long shore/longshore"), Path::new("/var/lib/x/spool/a&b")),
            "binary:///opt/long%20shore/longshore?logger=/var/lib/x/spool/a%26b"
        );
    }

    #[test]
    fn a_missing_group_reads_as_on_fargate() {
        let error = UplinkError {
            retryable: false,
            code: "ResourceNotFoundException".into(),
            message: "The specified log group does not exist.".into(),
        };
        assert_eq!(
            cannot_open(&error, 1, "FARGATE"),
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: \
             failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not \
             exist. : exit status 1"
        );
        assert_eq!(
            cannot_open(&error, 1, "EC2"),
            "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to \
             create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
        );
    }
}

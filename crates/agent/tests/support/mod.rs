//! A node under test: its own containerd, a control plane that writes down what it is told, an image
//! made of busybox, and a look at the machine for leaks.
// A helper that cannot go on fails its test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agent::runtime::Stdio;
use agent::task::ports::{ImageSource, LogSink, LogTarget, MetadataGuard, MetadataHost};
use agent::task::record::{PulledImage, Record};
use agent::{Agent, AgentConfig, AgentHandle, Ports, Shutdown};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};
use wire::link;

const PATIENCE: Duration = Duration::from_secs(40);

/// What the control plane has been told.
#[derive(Default)]
pub struct Told {
    changes: Mutex<Vec<link::TaskStateChange>>,
    known: Mutex<Vec<String>>,
}

impl Told {
    /// All reports on a task.
    pub fn of(&self, id: &str) -> Vec<link::TaskStateChange> {
        self.changes.lock().iter().filter(|change| change.task.ends_with(id)).cloned().collect()
    }

    /// The tasks that the node announced at its last registration.
    pub fn announced(&self) -> Vec<String> {
        self.known.lock().clone()
    }

    fn summary(&self, id: &str) -> String {
        let line = |change: &link::TaskStateChange| {
            let containers = change
                .containers
                .iter()
                .map(|c| format!("{} {} {:?} {:?}", c.container_name, c.status, c.exit_code, c.reason));
            format!("\n{} {:?} {:?}", change.status, change.reason, containers.collect::<Vec<_>>())
        };
        self.of(id).iter().map(line).collect()
    }

    /// Waits until a report on a task satisfies `wanted`.
    pub async fn until(
        &self,
        id: &str,
        wanted: impl Fn(&link::TaskStateChange) -> bool,
    ) -> link::TaskStateChange {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(change) = self.of(id).into_iter().find(&wanted) {
                return change;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "not reported in time; told: {}",
                self.summary(id)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a task is reported in `status`.
    pub async fn status(&self, id: &str, status: &str) -> link::TaskStateChange {
        self.until(id, |change| change.status == status).await
    }
}

impl link::Uplink for Told {
    fn register(&self, node: link::NodeRegistration) -> link::UplinkFuture<'_, String> {
        *self.known.lock() = node.known_tasks;
        Box::pin(async { Ok("arn:aws:ecs:us-east-1:1:container-instance/c/n".to_string()) })
    }
    fn submit_task_state_change(&self, change: link::TaskStateChange) -> link::UplinkFuture<'_, ()> {
        self.changes.lock().push(change);
        Box::pin(async { Ok(()) })
    }
    fn put_log_events(&self, _batch: link::LogBatch) -> link::UplinkFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn open_log_stream(&self, _batch: link::LogBatch) -> link::UplinkFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }
    fn registry_login(
        &self,
        _task: String,
        _host: String,
    ) -> link::UplinkFuture<'_, Option<(String, String)>> {
        Box::pin(async { Ok(None) })
    }
    fn heartbeat(&self, _node_id: String) -> link::UplinkFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

struct Neighbours {
    address: PathBuf,
    dir: PathBuf,
    image: tokio::sync::OnceCell<PulledImage>,
}

#[async_trait]
impl ImageSource for Neighbours {
    async fn pull(&self, reference: &str, _login: Option<(String, String)>) -> Result<PulledImage, String> {
        if reference != "busybox" {
            return Err(format!("CannotPullContainerError: {reference}: not found"));
        }
        let image = self.image.get_or_init(|| async { import(&self.dir, &self.address) }).await;
        Ok(image.clone())
    }
}

#[async_trait]
impl LogSink for Neighbours {
    async fn prepare(&self, target: &LogTarget) -> Result<Stdio, String> {
        let uri = format!("file://{}/{}.log", self.dir.display(), target.container_name);
        Ok(Stdio { stdin_path: String::new(), stdout_uri: uri.clone(), stderr_uri: uri })
    }
    async fn finish(&self, _runtime_id: &str) {}
}

#[async_trait]
impl MetadataHost for Neighbours {
    async fn serve(
        &self,
        _: Option<PathBuf>,
        _: watch::Receiver<Arc<Record>>,
    ) -> Result<MetadataGuard, String> {
        Ok(Box::new(()))
    }
}

/// A node and its world.
pub struct Bench {
    /// Everything it writes is below.
    pub dir: tempfile::TempDir,
    /// What its control plane heard.
    pub told: Arc<Told>,
    sender: mpsc::Sender<link::ServerMessage>,
    handle: Option<AgentHandle>,
}

impl Bench {
    /// Starts a node on a fresh directory.
    pub async fn start() -> Bench {
        for tool in ["containerd", "containerd-shim-runc-v2", "ctr", "nft", "busybox"] {
            let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).status().unwrap();
            assert!(found.success(), "this test needs {tool}: run scripts/deps test");
        }
        assert!(nix::unistd::geteuid().is_root(), "this test makes containers: run it as root");
        let dir = tempfile::Builder::new().prefix("node-").tempdir_in("/tmp").unwrap();
        let (sender, _) = mpsc::channel(1);
        let mut bench = Bench { dir, told: Arc::default(), sender, handle: None };
        bench.restart().await;
        bench
    }

    /// Starts another agent on the same directory.
    pub async fn restart(&mut self) {
        let mut config = AgentConfig::new(self.dir.path().join("data"), "0".repeat(32), "127.0.0.1:1");
        config.ready_namespaces = 2;
        let (sender, messages) = mpsc::channel(16);
        let dir = self.dir.path().to_path_buf();
        let handle = Agent::start_with(config, self.told.clone(), messages, |_, connection, _| {
            let address = connection.address().to_path_buf();
            let neighbours = Arc::new(Neighbours { address, dir, image: tokio::sync::OnceCell::new() });
            Ports { images: neighbours.clone(), logs: neighbours.clone(), metadata: neighbours }
        });
        self.sender = sender;
        let handle = handle.await.map_err(|error| agent::task::error_chain(&error));
        self.handle = Some(handle.unwrap());
    }

    /// Kills the node's containerd.
    pub fn kill_containerd(&self) {
        let config = AgentConfig::new(self.dir.path().join("data"), "", "");
        let pid = std::fs::read_to_string(config.run_dir().join("containerd.pid")).unwrap();
        let pid = pid.split(' ').next().unwrap().parse().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    /// Ends the agent as a crash would.
    pub fn crash(&mut self) {
        self.handle.take().unwrap().abort();
    }

    /// Stops all tasks, removes the instance and looks for what it left.
    pub async fn finish(mut self) {
        self.handle.take().unwrap().shutdown(Shutdown::StopTasks).await;
        let tag = AgentConfig::new(self.dir.path().join("data"), "", "").instance_tag();
        let left = leftovers(&tag, self.dir.path());
        assert!(left.is_empty(), "left behind: {left:#?}");
        let tasks = std::fs::read_dir(self.dir.path().join("data/tasks")).unwrap().count();
        assert_eq!(tasks, 0, "directories of tasks are left");
    }

    /// Sends a task as it is wanted.
    pub async fn want(&self, task: &Value) {
        let payload = json!({"type": "PayloadMessage", "message": {"messageId": "m", "clusterArn": "c",
            "containerInstanceArn": "i", "generatedAt": 0, "seqNum": 1, "tasks": [task]}});
        self.send(payload).await;
    }

    /// Sends a message.
    pub async fn send(&self, message: Value) {
        self.sender.send(serde_json::from_value(message).unwrap()).await.unwrap();
    }

    /// What a container has written.
    pub fn log(&self, container: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{container}.log"))).unwrap_or_default()
    }
}

impl Drop for Bench {
    /// A failed test stops its tasks all the same; its containerd must go with the directory.
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            // The agent lives on the test's runtime, which cannot be waited for from within.
            let stop = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let stopped = handle.shutdown(Shutdown::StopTasks);
                runtime.block_on(async { tokio::time::timeout(PATIENCE, stopped).await.is_ok() })
            };
            let stopped = std::thread::spawn(stop).join();
            eprintln!("the node of the failed test was stopped: {stopped:?}");
        }
        let config = AgentConfig::new(self.dir.path().join("data"), "", "");
        let pid = std::fs::read_to_string(config.run_dir().join("containerd.pid")).unwrap_or_default();
        if let Some(pid) = pid.split(' ').next().and_then(|pid| pid.parse().ok()) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// The first three octets of the subnet of tasks whose id begins as `id` does: tests run side by side,
/// and a machine has one routing table.
fn network(id: &str) -> String {
    format!("10.96.{}", (id.as_bytes()[0] - b'a') * 16)
}

/// A task with an address in a subnet of its test.
pub fn task(id: &str, last_octet: u8, containers: Value) -> Value {
    let network = network(id);
    let mut containers = containers;
    for container in containers.as_array_mut().unwrap() {
        let default = |container: &mut Value, key: &str, value: Value| {
            if container.get(key).is_none() {
                container[key] = value;
            }
        };
        default(container, "containerArn", json!("arn"));
        default(container, "image", json!("busybox"));
        default(container, "essential", json!(true));
        let config = container.get("config").cloned().unwrap_or(json!({})).to_string();
        let host = container.get("host").cloned().unwrap_or(json!({})).to_string();
        container["dockerConfig"] = json!({"version": "1.19", "config": config, "hostConfig": host});
    }
    json!({"arn": format!("arn:aws:ecs:us-east-1:1:task/c/{id}"), "family": "f", "version": "1",
        "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": "awsvpc",
        "cpu": 0.5, "memory": 128, "containers": containers,
        "elasticNetworkInterfaces": [{"ec2Id": "eni-1", "attachmentArn": "attachment", "index": 0,
            "macAddress": format!("02:00:0a:60:00:{last_octet:02x}"),
            "ipv4Addresses": [{"primary": true, "privateAddress": format!("{network}.{last_octet}")}],
            "subnetGatewayIpv4Address": format!("{network}.1/20")}],
        "longshore": {"clusterArn": "arn:aws:ecs:us-east-1:1:cluster/c", "region": "us-east-1",
            "availabilityZone": "us-east-1a", "vpcId": "vpc-test", "tags": {}}})
}

/// The same task, to be stopped.
pub fn stopped(task: &Value) -> Value {
    let mut task = task.clone();
    task["desiredStatus"] = json!("STOPPED");
    task
}

/// What an instance has left on the machine: everything of it carries its tag or its directory.
fn leftovers(tag: &str, dir: &Path) -> BTreeSet<String> {
    let run = format!("/run/longshore-{tag}");
    let dir = dir.display();
    let commands = [
        format!("ls /sys/class/net | grep '^ls{tag}'"),
        format!("awk '{{print $5}}' /proc/self/mountinfo | grep -E '{run}|{dir}'"),
        format!("find /sys/fs/cgroup -type d -path '*longshore-{tag}*'"),
        format!("nft list tables | grep longshore-{tag}"),
        format!("ls -d {run}/netns/* {run}/rootfs/*"),
        format!("pgrep -af '{run}|{dir}' | grep -v -E 'pgrep|grep'"),
    ];
    let lines = |command: &String| -> Vec<String> {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().map(ToString::to_string).collect()
    };
    commands.iter().flat_map(lines).collect()
}

/// Makes an image of one layer and imports it.
fn import(dir: &Path, address: &Path) -> PulledImage {
    let layer = layer();
    let diff_id = digest(&layer);
    let config = json!({"architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }, "os": "linux",
        "config": {"Cmd": ["/bin/sleep", "600"], "Env": ["FROM_IMAGE=1"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]}});
    let config_bytes = config.to_string().into_bytes();
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config_bytes),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)]});
    let manifest = manifest.to_string().into_bytes();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    entry["annotations"] = json!({"io.containerd.image.name": "docker.io/library/busybox:latest"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes();
    let file = dir.join("image.tar");
    let mut archive = tar::Builder::new(std::fs::File::create(&file).unwrap());
    append(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644);
    append(&mut archive, "index.json", &index, 0o644);
    for blob in [&layer, &config_bytes, &manifest] {
        append(&mut archive, &format!("blobs/{}", digest(blob).replace(':', "/")), blob, 0o644);
    }
    archive.finish().unwrap();
    let mut ctr = Command::new("ctr");
    ctr.arg("-a").arg(address).args(["-n", "longshore", "images", "import"]).arg(&file);
    let output = ctr.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PulledImage {
        manifest_digest: digest(&manifest),
        chain_id: diff_id,
        config: serde_json::from_value(config).unwrap(),
    }
}

fn layer() -> Vec<u8> {
    let busybox = std::fs::read("/bin/busybox").or_else(|_| std::fs::read("/usr/bin/busybox")).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "bin/busybox", &busybox, 0o755);
    for applet in
        ["sh", "sleep", "echo", "cat", "id", "ls", "hostname", "ip", "nc", "true", "false", "wget", "kill"]
    {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    append(&mut archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n", 0o644);
    append(&mut archive, "etc/group", b"root:x:0:\napp:x:1000:\n", 0o644);
    append(&mut archive, "data/seed", b"from the image", 0o644);
    archive.into_inner().unwrap()
}

fn append<W: std::io::Write>(archive: &mut tar::Builder<W>, path: &str, content: &[u8], mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, path, content).unwrap();
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

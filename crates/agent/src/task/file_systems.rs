//! Network file systems of a task (`efsVolumeConfiguration`): the kernel's NFS client mounts them once for all of the
//! task's containers, with the options that EFS recommends.
//!
//! They are mounted below the run directory and not among the task's files: nothing that removes files ever walks
//! there. A mount outlives the agent; it is found again by its place, and one of no task is swept away.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use wire::link;

use super::errors::{chain, reason};

const PORT: u16 = 2049;
/// A server that does not take a connection is given up: mount(2) itself would wait for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What EFS recommends, and ECS sets: docs.aws.amazon.com/efs, "NFS mount settings".
const OPTIONS: &str = "vers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport";

/// The file systems that the operator has named: by id, the server and its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSystems(BTreeMap<String, String>);

/// One mount of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystemMount {
    /// The file system's id.
    id: String,
    /// `HOST:/DIRECTORY`; `None` when nobody has named the file system.
    source: Option<String>,
    /// Where it is mounted.
    dir: PathBuf,
}

impl FileSystems {
    /// Takes pairs of an id and `HOST:/DIRECTORY`.
    pub fn new(named: BTreeMap<String, String>) -> FileSystems {
        FileSystems(named)
    }

    /// Whether tasks can be given any: some are named, and the kernel can mount them.
    pub fn are_served(&self) -> bool {
        !self.0.is_empty() && kernel_has_nfs()
    }

    /// What is to be mounted for a task. Pure.
    pub fn of_task(&self, task: &link::Task, dir: &Path) -> Vec<FileSystemMount> {
        let mount = |volume: &link::Volume| {
            let efs = volume.efs_volume_configuration.as_ref()?;
            let source = self.0.get(&efs.file_system_id).map(|source| join(source, &efs.root_directory));
            Some(FileSystemMount {
                id: efs.file_system_id.clone(),
                source,
                dir: dir.join(file_name(&volume.name)),
            })
        };
        task.volumes.iter().filter_map(mount).collect()
    }
}

/// Where a task's file systems are mounted.
pub fn task_dir(run_dir: &Path, task_id: &str) -> PathBuf {
    run_dir.join("efs").join(task_id)
}

/// Where the file system of a volume is mounted, below [`task_dir`].
pub fn volume_dir(task_dir: &Path, volume: &str) -> PathBuf {
    task_dir.join(file_name(volume))
}

/// Mounts what is not mounted yet, or leaves nothing; an error is a reason as ECS words it. Calls block.
pub fn mount_all(mounts: &[FileSystemMount]) -> Result<(), String> {
    let mounted = mount_missing(mounts);
    if let (Err(_), Some(dir)) = (&mounted, mounts.first().and_then(|first| first.dir.parent())) {
        let _ = unmount_all(dir);
    }
    mounted
}

fn mount_missing(mounts: &[FileSystemMount]) -> Result<(), String> {
    let told = mounted_points().map_err(|error| failed(&chain(&error)))?;
    for wanted in mounts.iter().filter(|wanted| !told.contains(&wanted.dir)) {
        let id = &wanted.id;
        let Some(source) = &wanted.source else {
            return Err(failed(&format!(
                "stderr: Failed to resolve \"{id}\" - check that your file system ID is correct, and ensure that it \
                 is among the file systems of the node"
            )));
        };
        mount_one(source, &wanted.dir).map_err(|error| {
            failed(&format!("stderr: mount.nfs4: mounting {source} for {id} failed: {}", chain(&error)))
        })?;
    }
    Ok(())
}

/// Unmounts all of a task's file systems; their content is not touched. Calls block.
pub fn unmount_all(dir: &Path) -> io::Result<()> {
    // Not asked whether it exists, nor what is in it: a server that is away would keep us waiting.
    for point in mounted_points()?.iter().rev().filter(|point| point.starts_with(dir)) {
        umount2(point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?;
    }
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries.flatten() {
        fs::remove_dir(entry.path())?;
    }
    fs::remove_dir(dir)
}

/// Unmounts what tasks that nobody knows have left.
pub fn sweep(run_dir: &Path, knows: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(run_dir.join("efs")) else { return };
    for entry in entries.flatten().filter(|entry| !knows(&entry.file_name().to_string_lossy())) {
        if let Err(error) = unmount_all(&entry.path()) {
            tracing::warn!(path = %entry.path().display(), %error, "a file system of no task stays mounted");
        }
    }
}

fn mount_one(source: &str, dir: &Path) -> io::Result<()> {
    let host = source.split_once(":/").map_or(source, |(host, _)| host);
    let server = reach(host)?;
    // The kernel wants to know by which address the server may call back.
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(server)?;
    let options = format!("{OPTIONS},addr={},clientaddr={}", server.ip(), socket.local_addr()?.ip());
    fs::create_dir_all(dir)?;
    let mounted = mount(Some(source), dir, Some("nfs4"), MsFlags::MS_NODEV, Some(options.as_str()));
    Ok(mounted?)
}

/// The first of a server's addresses that takes a connection.
fn reach(host: &str) -> io::Result<SocketAddr> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, PORT).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn mounted_points() -> io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    // Our own directories have no character that the kernel would write otherwise, but for the data directory's.
    let point = |line: &str| line.split(' ').nth(4).map(|point| PathBuf::from(point.replace("\\040", " ")));
    Ok(mounts.lines().filter_map(point).collect())
}

fn kernel_has_nfs() -> bool {
    let known = || fs::read_to_string("/proc/filesystems").unwrap_or_default().contains("\tnfs4\n");
    // A module that is there is loaded by its first use; whether it is there, only loading it tells.
    known() || (std::process::Command::new("modprobe").args(["-q", "fs-nfs4"]).status().is_ok() && known())
}

/// A server's directory, and a directory below it.
fn join(source: &str, root_directory: &str) -> String {
    let below = root_directory.trim_matches('/');
    match (source.trim_end_matches('/'), below) {
        (source, "") if source.ends_with(':') => format!("{source}/"),
        (source, "") => source.to_string(),
        (source, below) => format!("{source}/{below}"),
    }
}

/// A volume's name has letters, digits, hyphens and underscores only; what else came is made harmless.
fn file_name(volume: &str) -> String {
    volume.replace(['/', '.'], "_")
}

fn failed(detail: &str) -> String {
    reason(
        "ResourceInitializationError",
        &format!("failed to invoke EFS utils commands to set up EFS volumes: {detail}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_directory_is_below_the_servers() {
        for (source, root, expected) in [
            ("10.0.0.1:/", "/", "10.0.0.1:/"),
            ("10.0.0.1:/", "/a/b", "10.0.0.1:/a/b"),
            ("nfs:/export", "/", "nfs:/export"),
            ("nfs:/export/", "/a/", "nfs:/export/a"),
        ] {
            assert_eq!(join(source, root), expected);
        }
    }

    #[test]
    fn a_file_system_that_nobody_named_is_a_reason() {
        let task: link::Task = serde_json::from_value(serde_json::json!({"arn": "a", "family": "f", "version": "1",
            "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": "none",
            "containers": [], "volumes": [{"name": "v", "type": "efs",
                "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}]}))
        .unwrap();
        let mounts = FileSystems::default().of_task(&task, Path::new("/nowhere"));
        let reason = mount_all(&mounts).unwrap_err();
        assert!(reason.starts_with("ResourceInitializationError: failed to invoke EFS utils"), "{reason}");
        assert!(reason.contains("Failed to resolve \"fs-1\""), "{reason}");
        assert!(!FileSystems::default().are_served());
    }

    #[test]
    fn nothing_mounted_is_nothing_to_unmount() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("efs/t/v")).unwrap();
        sweep(dir.path(), |_| true);
        assert!(dir.path().join("efs/t/v").exists());
        sweep(dir.path(), |_| false);
        assert!(!dir.path().join("efs/t").exists());
    }
}

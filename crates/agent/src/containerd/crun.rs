//! crun where both versions of control groups are mounted.
//!
//! crun works with version 1 and with version 2. It refuses a machine that has version 1's controllers mounted and
//! version 2 beside them with a controller left over (often `hugetlb`), although it would not use that one. So there it
//! runs behind a veil: this binary, by another name, hides the second tree from crun alone and becomes crun.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use serde_json::json;

use super::probe::in_path;

/// The name under which this binary is the veil.
const VEIL: &str = "longshore-crun";
const UNIFIED: &str = "/sys/fs/cgroup/unified";
/// Run by the probe: every machine with coreutils or busybox has it.
const PROBED: &str = "/usr/bin/true";
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether this process was started as the veil.
pub fn is_veil(name: &OsString) -> bool {
    Path::new(name).file_name().is_some_and(|name| name == VEIL)
}

/// The whole of the veil: becomes crun with the same arguments, in a mount namespace without version 2.
pub fn veil_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let error = match hide() {
        Ok(()) => Command::new(in_path("crun").unwrap_or_else(|| "crun".into())).args(arguments).exec(),
        Err(error) => error,
    };
    eprintln!("{VEIL}: {error}");
    ExitCode::FAILURE
}

fn hide() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
    Ok(umount2(UNIFIED, MntFlags::MNT_DETACH)?)
}

/// The executable by which crun runs containers here, if it does: tried with a container that ends at once.
pub(super) async fn find(run_dir: &Path, executable: &Path) -> Option<PathBuf> {
    let crun = in_path("crun")?;
    let path = if needs_veil() { link(run_dir, executable).ok()? } else { crun };
    match probe(&path, &run_dir.join("probe")).await {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::info!(%error, "crun does not work here");
            None
        }
    }
}

fn needs_veil() -> bool {
    let controllers = fs::read_to_string(Path::new(UNIFIED).join("cgroup.controllers"));
    controllers.is_ok_and(|names| !names.trim().is_empty())
}

/// Makes the veil's name, or leads it to the newest binary.
fn link(run_dir: &Path, executable: &Path) -> io::Result<PathBuf> {
    let (path, fresh) = (run_dir.join(VEIL), run_dir.join(format!("{VEIL}.new")));
    fs::create_dir_all(run_dir)?;
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(executable, &fresh)?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}

/// Runs a container of the machine's own /usr, with limits of its own.
async fn probe(runtime: &Path, dir: &Path) -> io::Result<()> {
    let _ = fs::remove_dir_all(dir);
    let rootfs = dir.join("rootfs");
    for made in ["usr", "proc", "dev"] {
        fs::create_dir_all(rootfs.join(made))?;
    }
    for name in ["lib", "lib64"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            std::os::unix::fs::symlink(target, rootfs.join(name))?;
        }
    }
    let tag = run_tag(dir);
    fs::write(dir.join("config.json"), bundle(&tag).to_string())?;
    let mut command = tokio::process::Command::new(runtime);
    command.arg("--root").arg(dir.join("state")).args(["run", "--bundle"]).arg(dir).arg(&tag);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(PROBE_TIMEOUT, command.output()).await.map_err(io::Error::other)??;
    let _ = fs::remove_dir_all(dir);
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A name that two instances do not share.
fn run_tag(dir: &Path) -> String {
    let parent = dir.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}-probe", parent.to_string_lossy())
}

fn bundle(tag: &str) -> serde_json::Value {
    json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs" },
        "process": { "args": [PROBED], "cwd": "/", "user": { "uid": 0, "gid": 0 }, "noNewPrivileges": true },
        "mounts": [
            { "destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"] },
            { "destination": "/proc", "type": "proc", "source": "proc" },
        ],
        "linux": {
            "cgroupsPath": format!("/{tag}"),
            "resources": {
                "cpu": { "shares": 128 },
                "memory": { "limit": 64 << 20 },
                "pids": { "limit": 16 },
                "devices": [{ "allow": false, "access": "rwm" }],
            },
            "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "network" }, { "type": "ipc" }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_veil_is_known_by_its_name() {
        assert!(is_veil(&"/run/longshore-0a1b2/longshore-crun".into()));
        assert!(!is_veil(&"/usr/bin/longshore".into()));
    }

    #[test]
    fn the_link_leads_to_the_newest_binary() {
        let dir = tempfile::tempdir().unwrap();
        link(dir.path(), Path::new("/old")).unwrap();
        let path = link(dir.path(), Path::new("/new")).unwrap();
        assert_eq!(fs::read_link(path).unwrap(), Path::new("/new"));
    }
}

//! Shims that a killed containerd had just started, and that its successor does not know: they would stay for ever.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use containerd_client::Client;
use containerd_client::services::v1::ListTasksRequest;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

use super::Error;
use super::child::start_time;
use crate::config::CONTAINERD_NAMESPACE;

/// Ends the shims that are older than the daemon at `address`, which started at `daemon_start`, and unknown to it. It has
/// taken up all that it could before it answers its first request.
pub(super) async fn end(client: &Client, address: &Path, daemon_start: u64) -> Result<(), Error> {
    let mut request = Request::new(ListTasksRequest::default());
    let namespace = AsciiMetadataValue::from_static(CONTAINERD_NAMESPACE);
    request.metadata_mut().insert("containerd-namespace", namespace);
    let listed = client.tasks().list(request).await.map_err(Error::request("list its tasks"))?;
    let known: BTreeSet<String> = listed.into_inner().tasks.into_iter().map(|task| task.id).collect();
    for (pid, id) in shims(address) {
        if !known.contains(&id) && start_time(pid).is_some_and(|start| start < daemon_start) {
            tracing::warn!(pid, id, "ending a shim that no containerd knows");
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    Ok(())
}

/// Ends the shim of a container, if there is one.
pub fn end_shim(address: &Path, container: &str) {
    for (pid, _) in shims(address).into_iter().filter(|(_, id)| id == container) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// The shims of the daemon at `address`: their processes and their containers.
fn shims(address: &Path) -> Vec<(i32, String)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let shim = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&str> =
            words.split(|byte| *byte == 0).filter_map(|w| str::from_utf8(w).ok()).collect();
        Some((pid, container_of(&words, address.to_str()?)?.to_string()))
    };
    entries.flatten().filter_map(shim).collect()
}

/// The container of a shim by its command line; `None` for what is no shim of this daemon.
fn container_of<'a>(words: &[&'a str], address: &str) -> Option<&'a str> {
    let flag =
        |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
    let is_shim = words.first().is_some_and(|program| program.contains("containerd-shim"));
    // The call that starts a shim and the one that cleans up after it end by themselves.
    let is_call = words.iter().any(|word| ["start", "delete"].contains(word));
    let is_ours = flag("-address") == Some(address) && flag("-namespace") == Some(CONTAINERD_NAMESPACE);
    flag("-id").filter(|_| is_shim && is_ours && !is_call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&str>) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(container_of(&words, "/run/a/containerd.sock"), expected, "{line}");
    }

    #[test]
    fn a_shim_is_known_by_its_daemon() {
        let shim =
            "/usr/bin/containerd-shim-runc-v2 -namespace longshore -id x-1 -address /run/a/containerd.sock";
        check(shim, Some("x-1"));
        check(&format!("{shim} start"), None);
        check(&shim.replace("/run/a", "/run/b"), None);
        check(&shim.replace("longshore", "moby"), None);
        check("containerd --address /run/a/containerd.sock", None);
    }
}

//! What a container on this machine uses now, found by its control group: for an operator who looks from outside.

use std::fs;
use std::path::{Path, PathBuf};

use super::sample;

/// Where groups are mounted: version 2, or a controller of version 1 that every container is in.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu"];
/// What the groups of all instances begin with.
const GROUP: &str = "longshore-";

/// A reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// When, in epoch milliseconds.
    pub read_at_ms: i64,
    /// Processor time since it started.
    pub cpu_nanos: u64,
    /// Memory in use, without what the kernel keeps of files that nobody reads.
    pub memory_bytes: u64,
    /// How much it may have.
    pub memory_limit_bytes: u64,
    /// Its processes.
    pub processes: u64,
    /// Bytes that came in by its interfaces.
    pub received_bytes: u64,
    /// Bytes that went out.
    pub sent_bytes: u64,
}

/// What the container `runtime_id` of a task uses; `None` when it does not run on this machine. Calls block for a moment.
pub fn usage(task_id: &str, runtime_id: &str) -> Option<Usage> {
    let group = ROOTS.iter().find_map(|root| group_of(Path::new(root), task_id, runtime_id))?;
    let processes = fs::read_to_string(group.join("cgroup.procs")).ok()?;
    let sample = sample::take(processes.lines().next()?.parse().ok()?)?;
    let network = |column: usize| sample.networks.iter().map(|(_, values)| values[column]).sum();
    let of = |names: [&str; 2]| {
        let found = |name: &str| sample.memory_details.iter().find(|(detail, _)| detail == name);
        names.into_iter().find_map(found).map_or(0, |(_, value)| *value)
    };
    Some(Usage {
        read_at_ms: sample.read_at,
        cpu_nanos: sample.cpu_total,
        // As `docker stats` counts it.
        memory_bytes: sample.memory_usage.saturating_sub(of(["total_inactive_file", "inactive_file"])),
        memory_limit_bytes: sample.memory_limit,
        processes: sample.processes,
        received_bytes: network(0),
        sent_bytes: network(4),
    })
}

fn group_of(root: &Path, task_id: &str, runtime_id: &str) -> Option<PathBuf> {
    let instances = fs::read_dir(root).ok()?.flatten();
    let ours = instances.filter(|entry| entry.file_name().to_string_lossy().starts_with(GROUP));
    ours.map(|entry| entry.path().join(task_id).join(runtime_id)).find(|group| group.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_among_instances() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("longshore-aaaaa/other/x")).unwrap();
        let group = root.path().join("longshore-bbbbb/task/task-1");
        fs::create_dir_all(&group).unwrap();
        assert_eq!(group_of(root.path(), "task", "task-1"), Some(group));
        assert_eq!(group_of(root.path(), "task", "task-2"), None);
    }
}

//! What a container uses, read from its control groups and its network namespace.

use std::fs;
use std::path::{Path, PathBuf};

/// One reading. Times are nanoseconds, sizes bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// When, in epoch milliseconds.
    pub(super) read_at: i64,
    pub(super) cpu_total: u64,
    pub(super) cpu_user: u64,
    pub(super) cpu_kernel: u64,
    pub(super) cpu_each: Vec<u64>,
    pub(super) online_cpus: u32,
    /// Processor time of the whole machine.
    pub(super) system_cpu: u64,
    pub(super) periods: u64,
    pub(super) throttled_periods: u64,
    pub(super) throttled_time: u64,
    pub(super) memory_usage: u64,
    pub(super) memory_max_usage: u64,
    pub(super) memory_limit: u64,
    pub(super) memory_failures: u64,
    pub(super) memory_details: Vec<(String, u64)>,
    pub(super) processes: u64,
    /// Interface, then received bytes, packets, errors, dropped, and the same of sent ones.
    pub(super) networks: Vec<(String, [u64; 8])>,
}

const ROOT: &str = "/sys/fs/cgroup";
/// Of /proc/stat: a hundredth of a second.
const TICK_NANOS: u64 = 10_000_000;

/// Reads what the container of process `pid` uses; `None` when it is gone. Calls block for a moment.
pub(super) fn take(pid: u32) -> Option<Sample> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let mut sample = Sample {
        read_at: jiff::Timestamp::now().as_millisecond(),
        online_cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        system_cpu: system_cpu(&fs::read_to_string("/proc/stat").unwrap_or_default()),
        networks: networks(&fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default()),
        ..Sample::default()
    };
    let unified = group_path(&groups, "").map(|path| join(&[ROOT], &path));
    match unified.filter(|dir| dir.join("memory.current").exists()) {
        Some(dir) => read_v2(&dir, &mut sample),
        None => read_v1(&groups, &mut sample),
    }
    Some(sample)
}

/// The path of a controller's group in the text of /proc/PID/cgroup; `""` for version 2.
fn group_path(groups: &str, controller: &str) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then(|| path.to_string())
    })
}

fn join(roots: &[&str], path: &str) -> PathBuf {
    let root: PathBuf = roots.iter().collect();
    root.join(path.trim_start_matches('/'))
}

fn number(path: &Path) -> u64 {
    // "max" is no number: no limit.
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// `name value` lines.
fn table(path: &Path) -> Vec<(String, u64)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_string(), value.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn lookup(table: &[(String, u64)], name: &str) -> u64 {
    table.iter().find(|(found, _)| found == name).map_or(0, |(_, value)| *value)
}

fn read_v2(dir: &Path, sample: &mut Sample) {
    let cpu = table(&dir.join("cpu.stat"));
    sample.cpu_total = lookup(&cpu, "usage_usec") * 1000;
    sample.cpu_user = lookup(&cpu, "user_usec") * 1000;
    sample.cpu_kernel = lookup(&cpu, "system_usec") * 1000;
    sample.periods = lookup(&cpu, "nr_periods");
    sample.throttled_periods = lookup(&cpu, "nr_throttled");
    sample.throttled_time = lookup(&cpu, "throttled_usec") * 1000;
    sample.memory_usage = number(&dir.join("memory.current"));
    sample.memory_max_usage = number(&dir.join("memory.peak"));
    sample.memory_limit = limit_v2(dir, Path::new(ROOT));
    sample.memory_failures = lookup(&table(&dir.join("memory.events")), "max");
    sample.memory_details = table(&dir.join("memory.stat"));
    sample.processes = number(&dir.join("pids.current"));
}

/// The least limit of a group and of those above it, as version 1 tells itself; without any, the machine's memory.
fn limit_v2(dir: &Path, root: &Path) -> u64 {
    let groups = dir.ancestors().take_while(|group| *group != root);
    let least = groups.map(|group| number(&group.join("memory.max"))).filter(|limit| *limit > 0).min();
    least.unwrap_or_else(|| total_memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()))
}

/// The memory of the machine, from the text of /proc/meminfo.
fn total_memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn read_v1(groups: &str, sample: &mut Sample) {
    let dir = |controller: &str, mounts: &[&str]| {
        let path = group_path(groups, controller)?;
        mounts.iter().map(|mount| join(&[ROOT, mount], &path)).find(|dir| dir.exists())
    };
    if let Some(dir) = dir("cpuacct", &["cpuacct", "cpu,cpuacct"]) {
        sample.cpu_total = number(&dir.join("cpuacct.usage"));
        sample.cpu_user = number(&dir.join("cpuacct.usage_user"));
        sample.cpu_kernel = number(&dir.join("cpuacct.usage_sys"));
        let each = fs::read_to_string(dir.join("cpuacct.usage_percpu")).unwrap_or_default();
        sample.cpu_each = each.split_whitespace().filter_map(|nanos| nanos.parse().ok()).collect();
    }
    if let Some(dir) = dir("cpu", &["cpu", "cpu,cpuacct"]) {
        let cpu = table(&dir.join("cpu.stat"));
        sample.periods = lookup(&cpu, "nr_periods");
        sample.throttled_periods = lookup(&cpu, "nr_throttled");
        sample.throttled_time = lookup(&cpu, "throttled_time");
    }
    if let Some(dir) = dir("memory", &["memory"]) {
        sample.memory_usage = number(&dir.join("memory.usage_in_bytes"));
        sample.memory_max_usage = number(&dir.join("memory.max_usage_in_bytes"));
        sample.memory_limit = number(&dir.join("memory.limit_in_bytes"));
        sample.memory_failures = number(&dir.join("memory.failcnt"));
        sample.memory_details = table(&dir.join("memory.stat"));
        // The task's limit holds for the container as well.
        let above = lookup(&sample.memory_details, "hierarchical_memory_limit");
        sample.memory_limit = if above > 0 { sample.memory_limit.min(above) } else { sample.memory_limit };
    }
    if let Some(dir) = dir("pids", &["pids"]) {
        sample.processes = number(&dir.join("pids.current"));
    }
}

/// The first line of /proc/stat without its guest columns, which the others contain already.
fn system_cpu(text: &str) -> u64 {
    let line = text.lines().next().and_then(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: u64 = line.split_whitespace().take(8).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * TICK_NANOS
}

/// /proc/PID/net/dev without the loopback.
fn networks(text: &str) -> Vec<(String, [u64; 8])> {
    let line = |line: &str| {
        let (name, values) = line.split_once(':')?;
        let values: Vec<u64> = values.split_whitespace().filter_map(|value| value.parse().ok()).collect();
        let columns =
            [0, 1, 2, 3, 8, 9, 10, 11].map(|column: usize| values.get(column).copied().unwrap_or(0));
        Some((name.trim().to_string(), columns)).filter(|(name, _)| name != "lo")
    };
    text.lines().skip(2).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        let groups = "5:cpu,cpuacct:/a/b\n4:memory:/m\n0::/u\n";
        assert_eq!(group_path(groups, "cpuacct").as_deref(), Some("/a/b"));
        assert_eq!(group_path(groups, "memory").as_deref(), Some("/m"));
        assert_eq!(group_path(groups, "").as_deref(), Some("/u"));
        assert_eq!(system_cpu("cpu  1 2 3 4 5 6 7 8 9 9\n"), 36 * TICK_NANOS);
        let dev = "Inter-|\n face |\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 20 5 6 7 0 0 0 0\n";
        assert_eq!(networks(dev), [("eth0".to_string(), [10, 2, 3, 4, 20, 5, 6, 7])]);
    }

    #[test]
    fn a_process_has_a_sample() {
        let sample = take(std::process::id()).unwrap();
        assert!(sample.system_cpu > 0 && sample.memory_usage > 0, "{sample:?}");
        assert_eq!(take(u32::MAX), None);
    }

    #[test]
    fn the_least_limit_above_holds_in_version_2() {
        let root = tempfile::tempdir().unwrap();
        let (task, container) = (root.path().join("task"), root.path().join("task/container"));
        fs::create_dir_all(&container).unwrap();
        fs::write(container.join("memory.max"), "max\n").unwrap();
        fs::write(task.join("memory.max"), "536870912\n").unwrap();
        assert_eq!(limit_v2(&container, root.path()), 512 << 20);
        fs::write(container.join("memory.max"), "1048576\n").unwrap();
        assert_eq!(limit_v2(&container, root.path()), 1 << 20);
        assert_eq!(total_memory("MemTotal:        4194304 kB\nMemFree: 1 kB\n"), 4 << 30);
    }
}

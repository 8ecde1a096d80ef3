//! What is written into a group's files. Pure.

/// The period over which a CPU quota is given, in microseconds; the kernel's default.
const PERIOD_US: u64 = 100_000;
/// The kernel refuses quotas below a millisecond.
const LEAST_QUOTA_US: u64 = 1_000;

/// The limits of a task, as its definition gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskLimits {
    /// vCPUs; `None` for no limit.
    pub cpus: Option<f64>,
    /// MiB; `None` for no limit.
    pub memory_mib: Option<i64>,
}

impl TaskLimits {
    fn quota_us(&self) -> Option<u64> {
        self.cpus
            .filter(|cpus| *cpus > 0.0)
            .map(|cpus| ((cpus * PERIOD_US as f64) as u64).max(LEAST_QUOTA_US))
    }

    fn memory_bytes(&self) -> Option<i64> {
        self.memory_mib.filter(|mib| *mib > 0).map(|mib| mib << 20)
    }

    /// CPU weight on v1's scale, where 1024 is a core.
    fn shares(&self) -> Option<u64> {
        self.cpus.filter(|cpus| *cpus > 0.0).map(|cpus| ((cpus * 1024.0) as u64).clamp(2, 262_144))
    }

    /// Files and values for cgroup v2.
    pub fn v2(&self) -> Vec<(&'static str, String)> {
        let mut values = Vec::new();
        if let (Some(quota), Some(shares)) = (self.quota_us(), self.shares()) {
            values.push(("cpu.max", format!("{quota} {PERIOD_US}")));
            values.push(("cpu.weight", weight(shares).to_string()));
        }
        if let Some(bytes) = self.memory_bytes() {
            values.push(("memory.max", bytes.to_string()));
        }
        values
    }

    /// Files and values for one controller of cgroup v1.
    pub fn v1(&self, controller: &str) -> Vec<(&'static str, String)> {
        match controller {
            "cpu" => match (self.quota_us(), self.shares()) {
                (Some(quota), Some(shares)) => vec![
                    ("cpu.cfs_period_us", PERIOD_US.to_string()),
                    ("cpu.cfs_quota_us", quota.to_string()),
                    ("cpu.shares", shares.to_string()),
                ],
                _ => Vec::new(),
            },
            "memory" => self
                .memory_bytes()
                .map(|bytes| ("memory.limit_in_bytes", bytes.to_string()))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// v1's shares (2 to 262144) on v2's scale (1 to 10000), as the OCI runtimes convert them.
fn weight(shares: u64) -> u64 {
    1 + (shares.saturating_sub(2) * 9_999) / 262_142
}

/// The `oom_kill` count in `memory.events` or `memory.oom_control`.
pub fn oom_kills(text: &str) -> u64 {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == "oom_kill")
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_core_and_half_a_gibibyte() {
        let limits = TaskLimits { cpus: Some(0.25), memory_mib: Some(512) };
        assert_eq!(limits.v2()[0], ("cpu.max", "25000 100000".into()));
        assert_eq!(limits.v2()[2], ("memory.max", "536870912".into()));
        assert_eq!(limits.v1("cpu")[1], ("cpu.cfs_quota_us", "25000".into()));
        assert_eq!(limits.v1("memory"), vec![("memory.limit_in_bytes", "536870912".into())]);
        assert!(limits.v1("pids").is_empty());
    }

    #[test]
    fn no_limits_write_nothing() {
        assert!(TaskLimits::default().v2().is_empty());
        assert!(TaskLimits::default().v1("cpu").is_empty());
    }

    #[test]
    fn oom_kills_are_counted_in_both_formats() {
        assert_eq!(oom_kills("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n"), 2);
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1);
        assert_eq!(oom_kills(""), 0);
    }
}

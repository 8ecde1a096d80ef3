//! Linux capabilities: the set that Docker grants, and what a task definition adds or drops. Pure.

use std::collections::BTreeSet;

/// What a container has unless it says otherwise.
const DEFAULT: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// All that the kernel knows, in the kernel's order.
const ALL: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The capabilities of a container. `available` is a bit for each that the node can give.
pub fn granted(privileged: bool, add: &[String], drop: &[String], available: u64) -> Vec<&'static str> {
    let known: Vec<&'static str> = ALL
        .into_iter()
        .enumerate()
        .filter(|(number, _)| available >> number & 1 == 1)
        .map(|(_, name)| name)
        .collect();
    let resolve = |names: &[String]| -> BTreeSet<&'static str> {
        if names.iter().any(|name| name.eq_ignore_ascii_case("ALL")) {
            return known.iter().copied().collect();
        }
        let matches = |capability: &&&'static str, name: &String| {
            name.eq_ignore_ascii_case(capability) || name.eq_ignore_ascii_case(&capability[4..])
        };
        names.iter().filter_map(|name| known.iter().find(|c| matches(c, name)).copied()).collect()
    };
    let base: BTreeSet<&'static str> =
        if privileged { known.iter().copied().collect() } else { DEFAULT.into_iter().collect() };
    let (add_all, drop_all) = (has_all(add), has_all(drop));
    let (add, drop) = (resolve(add), resolve(drop));
    let kept: BTreeSet<&'static str> = match (privileged, add_all, drop_all) {
        (true, _, _) => base,
        // ALL on one side: the other side names the exceptions.
        (_, true, _) => add.difference(if drop_all { &base } else { &drop }).copied().collect(),
        (_, _, true) => add,
        _ => base.union(&add).copied().filter(|capability| !drop.contains(capability)).collect(),
    };
    known.iter().copied().filter(|capability| kept.contains(capability)).collect()
}

fn has_all(names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case("ALL"))
}

/// What the node can give: its own bounding set, which may be less than what the kernel knows.
pub fn available() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(add: &[&str], drop: &[&str], holds: &[&str], lacks: &[&str]) {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let granted = granted(false, &own(add), &own(drop), u64::MAX);
        assert!(holds.iter().all(|name| granted.contains(name)), "{granted:?}");
        assert!(!lacks.iter().any(|name| granted.contains(name)), "{granted:?}");
    }

    #[test]
    fn additions_and_drops_apply_to_the_default() {
        check(&[], &[], &["CAP_CHOWN"], &["CAP_SYS_ADMIN"]);
        check(&["SYS_PTRACE"], &["MKNOD"], &["CAP_SYS_PTRACE", "CAP_CHOWN"], &["CAP_MKNOD"]);
        check(&["NET_ADMIN"], &["ALL"], &["CAP_NET_ADMIN"], &["CAP_CHOWN"]);
        check(&["ALL"], &["SYS_ADMIN"], &["CAP_SYS_BOOT"], &["CAP_SYS_ADMIN"]);
    }

    #[test]
    fn privileged_has_all_that_the_node_can_give() {
        assert_eq!(granted(true, &[], &[], u64::MAX).len(), 41);
        assert_eq!(granted(true, &[], &[], 0b101), ["CAP_CHOWN", "CAP_DAC_READ_SEARCH"]);
    }
}

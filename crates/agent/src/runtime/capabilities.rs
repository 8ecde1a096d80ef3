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

/// The capabilities of a container. `last` is the highest number that the running kernel knows.
pub fn granted(privileged: bool, add: &[String], drop: &[String], last: usize) -> Vec<&'static str> {
    let known = &ALL[..ALL.len().min(last + 1)];
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

/// The highest capability of the running kernel.
pub fn last_known() -> usize {
    std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(ALL.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(add: &[&str], drop: &[&str], holds: &[&str], lacks: &[&str]) {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let granted = granted(false, &own(add), &own(drop), 40);
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
    fn privileged_has_all_that_the_kernel_knows() {
        assert_eq!(granted(true, &[], &[], 40).len(), 41);
        assert_eq!(granted(true, &[], &[], 37).len(), 38);
    }
}

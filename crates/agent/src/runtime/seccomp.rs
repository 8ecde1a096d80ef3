//! The system-call filter: allows what Docker's default profile allows, refuses the rest with EPERM. Pure.

use serde_json::{Value, json};

const ENOSYS: u32 = 38;
/// The clone flags that make namespaces.
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;
/// `AF_VSOCK` reaches the hypervisor.
const AF_VSOCK: u64 = 40;
const PERSONALITIES: [u64; 5] = [0x0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// What every container may call, by topic.
const ALWAYS: [&str; 9] = [
    // files and directories
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 \
     fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 \
     fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents \
     getdents64 lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat newfstatat open \
     openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename \
     renameat renameat2 rmdir stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs \
     truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes write writev name_to_handle_at \
     cachestat",
    // extended attributes, notification
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr \
     removexattr setxattr getxattrat listxattrat removexattrat setxattrat inotify_add_watch inotify_init \
     inotify_init1 inotify_rm_watch fanotify_mark",
    // memory
    "brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 \
     mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect \
     remap_file_pages process_mrelease",
    // processes, users and limits
    "capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups \
     getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit \
     getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set pidfd_open pidfd_send_signal prctl prlimit64 \
     setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority setregid \
     setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 \
     sysinfo times ugetrlimit uname vfork wait4 waitid waitpid process_vm_readv process_vm_writev ptrace",
    // signals
    "alarm kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend \
     rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signalfd signalfd4 sigprocmask sigreturn \
     tgkill tkill restart_syscall",
    // threads and scheduling
    "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu rseq \
     sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler \
     sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam \
     sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address",
    // time
    "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 \
     clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete \
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
     timerfd_gettime64 timerfd_settime timerfd_settime64",
    // waiting, pipes and asynchronous input and output
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd \
     eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl \
     _newselect pipe pipe2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select splice tee vmsplice",
    // sockets, System V and POSIX messages, sandboxing
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 \
     recvmsg send sendfile sendfile64 sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair ipc \
     mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink \
     msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget getrandom \
     landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
];

/// What a capability unlocks.
const BY_CAPABILITY: [(&str, &str); 13] = [
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr \
         lsm_list_modules lsm_set_self_attr listmount mount mount_setattr move_mount open_tree perf_event_open quotactl \
         quotactl_fd setdomainname sethostname setns statmount syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_PACCT", "acct"),
    ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
    ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYSLOG", "syslog"),
    ("CAP_PERFMON", "perf_event_open"),
];

/// The filter for a container that holds `capabilities`.
pub fn profile(capabilities: &[&str]) -> Value {
    let mut rules: Vec<Value> = ALWAYS.iter().map(|names| allow(names)).collect();
    rules.push(allow_if("socket", 0, AF_VSOCK, None, "SCMP_CMP_NE"));
    rules.extend(PERSONALITIES.map(|value| allow_if("personality", 0, value, None, "SCMP_CMP_EQ")));
    rules.push(allow(by_architecture()));
    rules.extend(
        BY_CAPABILITY.iter().filter(|(name, _)| capabilities.contains(name)).map(|(_, calls)| allow(calls)),
    );
    if capabilities.contains(&"CAP_BPF") {
        rules.push(allow("bpf"));
    }
    if !capabilities.contains(&"CAP_SYS_ADMIN") {
        rules.push(allow_if("clone", 0, NAMESPACE_FLAGS, Some(0), "SCMP_CMP_MASKED_EQ"));
        // The flags of clone3 are behind a pointer: libraries fall back to clone when it seems absent.
        rules.push(json!({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS}));
    }
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": architectures(),
        "syscalls": rules,
    })
}

fn allow(names: &str) -> Value {
    json!({"names": names.split_whitespace().collect::<Vec<_>>(), "action": "SCMP_ACT_ALLOW"})
}

fn allow_if(name: &str, index: u32, value: u64, value_two: Option<u64>, op: &str) -> Value {
    let argument = json!({"index": index, "value": value, "valueTwo": value_two.unwrap_or(0), "op": op});
    json!({"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]})
}

fn by_architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "arch_prctl modify_ldt"
    } else if cfg!(target_arch = "aarch64") {
        "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"
    } else {
        "arch_prctl"
    }
}

fn architectures() -> &'static [&'static str] {
    if cfg!(target_arch = "x86_64") {
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    } else if cfg!(target_arch = "aarch64") {
        &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(capabilities: &[&str], call: &str) -> bool {
        let profile = profile(capabilities);
        profile["syscalls"].as_array().unwrap().iter().any(|rule| {
            let named = rule["names"].as_array().unwrap().iter().any(|name| name == call);
            named && rule["action"] == "SCMP_ACT_ALLOW" && rule.get("args").is_none()
        })
    }

    #[test]
    fn mounting_needs_its_capability() {
        assert!(allows(&[], "openat") && !allows(&[], "mount") && !allows(&[], "clone"));
        assert!(allows(&["CAP_SYS_ADMIN"], "mount") && allows(&["CAP_SYS_ADMIN"], "clone"));
        assert!(!allows(&[], "io_uring_setup") && !allows(&[], "keyctl"));
    }
}

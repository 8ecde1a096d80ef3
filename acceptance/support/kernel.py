"""What tasks leave in the kernel and in containerd, to compare before and after."""

import subprocess
from pathlib import Path

from .process import run


def footprint(longshore):
    """Everything on this machine that carries this Longshore's mark. Namespaces count by number: some are kept ready."""
    run_dirs = [str(longshore.dir)]
    tag = instance_tag(longshore)
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    links = run(["ip", "-o", "link"]).splitlines()
    return {
        "namespaces": len(_names(Path(f"/run/longshore-{tag}/netns"))),
        "mounts": {m for m in mounts if (tag in m or any(m.startswith(d) for d in run_dirs)) and "/rootfs" in m},
        "cgroups": _groups(tag),
        "links": sum(f"ls{tag}ve" in line for line in links),
        "processes": {f"{kind} {pid}" for kind in ("shim", "logger") for pid in processes(longshore, kind)},
        "snapshots": _snapshots(longshore, tag),
        "containers": _ctr(longshore, tag, "containers", "list", "-q"),
    }


def processes(longshore, kind):
    """The pids of this Longshore's containerd, shims, loggers or balancer."""
    tag, found = instance_tag(longshore), set()
    marks = {"containerd": ("/containerd ", str(longshore.dir)), "shim": ("containerd-shim", tag),
             "logger": (" logger ", str(longshore.dir)), "balancer": (" balancer ", str(longshore.dir))}[kind]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if all(mark in command for mark in marks):
                found.add(int(entry.name))
    return found


def instance_tag(longshore):
    import hashlib
    return hashlib.sha256(str(agent_dir(longshore)).encode()).hexdigest()[:5]


def agent_dir(longshore):
    return longshore.data / "agent"


def containerd_socket(longshore):
    sockets = [p for p in (Path(f"/run/longshore-{instance_tag(longshore)}")).glob("**/*.sock")
               if "containerd" in str(p) and "ttrpc" not in p.name and "shim" not in str(p) and "debug" not in p.name]
    assert sockets, "the private containerd has no socket"
    return sockets[0]


def _ctr(longshore, tag, *argv):
    done = subprocess.run(["ctr", "--address", str(containerd_socket(longshore)), "--namespace", "longshore", *argv],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def running_containers(longshore):
    """The ids and pids of the containers that run now, from containerd itself."""
    done = subprocess.run(["ctr", "--address", str(containerd_socket(longshore)), "--namespace", "longshore",
                           "tasks", "list"], capture_output=True, text=True, timeout=30)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    return {row[0]: int(row[1]) for row in rows if row[2] == "RUNNING"}


def _snapshots(longshore, tag):
    done = subprocess.run(["ctr", "--address", str(containerd_socket(longshore)), "--namespace", "longshore",
                           "snapshots", "list"], capture_output=True, text=True, timeout=30)
    return {line.split()[0] for line in done.stdout.splitlines()[1:] if line.split()[-1] == "Active"}


def _groups(tag):
    """The control groups of tasks, in all hierarchies; a group may vanish while it is looked at."""
    found = set()
    for root in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        try:
            found |= {str(p) for p in (root / f"longshore-{tag}").iterdir() if p.is_dir()}
        except OSError:
            continue
    return found


def _names(directory):
    return {p.name for p in directory.iterdir()} if directory.is_dir() else set()


def task_cgroup_value(longshore, task_arn, v1, v2):
    """What a task's control group has in a file: `v1` names controller and file, `v2` the file of the unified tree."""
    group = f"longshore-{instance_tag(longshore)}/{task_arn.rsplit('/', 1)[1]}"
    root = Path("/sys/fs/cgroup")
    path = root / group / v2 if (root / "cgroup.controllers").exists() else root / v1[0] / group / v1[1]
    return path.read_text().strip()

"""How fast tasks start and what each costs in memory, beside docker, podman, Swarm, bare runtimes and containerd alone.

`make bench` runs it; RUNS says how often a single start is measured (50). All peers run in the same minutes, in turns.
"""

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "acceptance"))
os.environ.setdefault("LONGSHORE_BINARY", str(ROOT / "target" / "release" / "longshore"))

from support.docker import Docker  # noqa: E402
from support.ecs import Cluster  # noqa: E402
from support.images import busybox_layout, push  # noqa: E402
from support.kernel import containerd_socket, processes, running_containers  # noqa: E402
from support.longshore import POOLS, Longshore  # noqa: E402
from support.process import run, wait_until  # noqa: E402

RUNS = int(os.environ.get("RUNS", "50"))
MANY = int(os.environ.get("MANY", "50"))
FLOOR = Path(os.environ.get("FLOOR_BINARY", ROOT / "target" / "release" / "examples" / "floor"))
SLEEP = ("sleep", "3600")


def main():
    longshore = Longshore(network_pool=POOLS[0], variables={"LONGSHORE_LOG": "info,agent::task::timing=debug"},
                          options=["--node-memory-mib", "200000", "--node-cpu-units", "200000", "--log-format", "json"])
    docker = Docker(bridge=True)
    try:
        longshore.start()
        docker.start()
        places = Places(longshore, docker)
        single(places)
        steps(longshore)
        many(places)
    finally:
        docker.remove()
        longshore.remove()


class Places:
    """One image, ready in each of the places where it is started."""

    def __init__(self, longshore, docker):
        self.longshore, self.docker = longshore, docker
        self.cluster = Cluster(longshore, "bench")
        self.cluster.ecr.create_repository(repositoryName="box")
        layout = busybox_layout(longshore.dir / "layout", command=SLEEP)
        self.definition = self.cluster.register("bench", [
            {"name": "main", "image": push(longshore, layout, "box"), "stopTimeout": 2}])
        self.archive = f"docker-archive:{longshore.dir}/box.tar:box:latest"
        run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", self.archive])
        docker.run("load", "-i", str(longshore.dir / "box.tar"))
        self.podman("load", "-i", f"{longshore.dir}/box.tar")
        self.bundle = longshore.dir / "bundle"
        self.make_bundle(docker)
        self.number = 0
        self.connection = None

    def podman(self, *argv):
        root = self.longshore.dir / "podman"
        return run(["podman", "--root", root / "root", "--runroot", root / "run", "--tmpdir", root / "tmp", *argv])

    def make_bundle(self, docker):
        rootfs = self.bundle / "rootfs"
        rootfs.mkdir(parents=True)
        name = docker.run("create", "box:latest").strip()
        docker.run("export", "-o", str(self.bundle / "rootfs.tar"), name)
        docker.run("rm", name)
        run(["tar", "-xf", self.bundle / "rootfs.tar", "-C", rootfs])
        run(["runc", "spec", "--bundle", self.bundle])
        spec = json.loads((self.bundle / "config.json").read_text())
        spec["process"] |= {"args": ["/bin/sleep", "3600"], "terminal": False}
        spec["linux"]["cgroupsPath"] = "/longshore-bench/one"
        (self.bundle / "config.json").write_text(json.dumps(spec))
        # containerd mounts the root file system elsewhere and gives each container a group of its own.
        spec["root"] = {"path": "rootfs"}
        (self.bundle / "floor.json").write_text(json.dumps(spec))

    # Each answers how many milliseconds a start took, and leaves nothing.

    def task(self):
        begin = time.perf_counter()
        [arn] = self.cluster.run(self.definition)
        ask = self.question(arn)
        while ask() != "RUNNING":
            time.sleep(0.002)
        took = since(begin)
        self.cluster.stop([arn])
        return took

    def question(self, arn):
        """DescribeTasks, signed once and asked as often as wanted: a client that signs and parses each time takes one of two
        processors from what it measures."""
        longshore = self.longshore
        body = json.dumps({"cluster": self.cluster.name, "tasks": [arn]})
        request = AWSRequest("POST", f"{longshore.endpoint}/", data=body, headers={
            "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.DescribeTasks", "Content-Type": "application/x-amz-json-1.1"})
        SigV4Auth(Credentials(*longshore.credentials()), "ecs", longshore.region).add_auth(request)
        headers = dict(request.headers)
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", longshore.port)

        def ask():
            self.connection.request("POST", "/", body, headers)
            return json.loads(self.connection.getresponse().read())["tasks"][0]["lastStatus"]
        return ask

    def docker_run(self):
        begin = time.perf_counter()
        name = self.docker.run("run", "-d", "box:latest").strip()
        took = since(begin)
        self.docker.run("rm", "-f", name)
        return took

    def podman_run(self):
        begin = time.perf_counter()
        # Its own limits may be more than the machine allows; and Debian's crun refuses mixed control groups.
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]
        name = self.podman("--runtime", "runc", "run", "-d", *limits, "box:latest").strip()
        took = since(begin)
        self.podman("rm", "-f", "-t", "0", name)
        return took

    def bare(self, executable):
        self.number += 1
        name = f"bench-{os.getpid()}-{self.number}"
        begin = time.perf_counter()
        started = subprocess.run([executable, "run", "-d", "--bundle", self.bundle, name],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = since(begin)
        assert started.returncode == 0, f"{executable} run ended with {started.returncode}"
        run([executable, "delete", "-f", name])
        return took

    def floor(self):
        snapshots = run(["ctr", "--address", containerd_socket(self.longshore), "--namespace", "longshore", "snapshots", "list"])
        [parent] = {line.split()[0] for line in snapshots.splitlines()[1:] if line.split()[-1] == "Committed"}
        told = run([FLOOR, containerd_socket(self.longshore), runtime(self.longshore), self.bundle / "floor.json", parent, 1])
        return float(told)


def since(begin):
    return (time.perf_counter() - begin) * 1000


def runtime(longshore):
    """The OCI runtime that Longshore has chosen, as its log tells."""
    return json.loads(next(line for line in longshore.log().splitlines() if "containerd serves" in line))["runtime"]


def crun(longshore):
    """An executable by which crun works here."""
    chosen = runtime(longshore)
    return chosen if "crun" in chosen else "crun"


def single(places):
    starts = {"longshore: RunTask to RUNNING": places.task, "docker run -d": places.docker_run, "podman run -d (runc)": places.podman_run,
              "containerd alone, by gRPC": places.floor, "runc run -d": lambda: places.bare("runc"),
              "crun run -d": lambda: places.bare(crun(places.longshore))}
    took = defaultdict(list)
    for turn in range(-2, RUNS):
        for name, start in starts.items():
            try:
                value = start()
            except AssertionError as error:
                if turn < 0:
                    print(f"{name} is left out: {str(error)[:200]}", file=sys.stderr)
                    starts = {kept: starts[kept] for kept in starts if kept != name}
                    continue
                raise
            if turn >= 0:
                took[name].append(value)
        print(f"\r{turn + 1}/{RUNS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in took.items()}
    mine = medians["longshore: RunTask to RUNNING"]
    print(f"\n{'one start, median of ' + str(RUNS):<36} {'ms':>8} {'slowest':>8} {'longshore is':>13}")
    for name, median in medians.items():
        print(f"{name:<36} {median:>8.1f} {max(took[name]):>8.1f} {mine / median:>12.2f}x")
    bound = 2 * medians.get("crun run -d", float("nan")) + medians["containerd alone, by gRPC"]
    print(f"aims: a third of docker: {mine / medians['docker run -d']:.2f} of 0.33; twice crun and containerd alone: "
          f"{mine / bound:.2f} of 1")


def steps(longshore):
    """Where the time goes: the median of each step that the log tells of."""
    found = defaultdict(list)
    for line in longshore.log().splitlines():
        if "a step took" in line:
            event = json.loads(line)
            found[event["step"]].append(float(event["micros"]) / 1000)
    print(f"\n{'step of a task':<36} {'ms':>8}")
    for name, values in sorted(found.items(), key=lambda item: -statistics.median(item[1])):
        print(f"{name:<36} {statistics.median(values):>8.1f}")


def many(places):
    """MANY tasks by calls of ten to all RUNNING, beside a Swarm service of as many replicas; and what each costs."""
    longshore, docker, cluster = places.longshore, places.docker, places.cluster
    before = memory(longshore)
    begin = time.perf_counter()
    arns = [arn for _ in range(MANY // 10) for arn in cluster.run(places.definition, count=10)]
    wait_until("all run", lambda: all(t["lastStatus"] == "RUNNING" for t in cluster.describe(arns)), 300, 0.02)
    mine = since(begin) / 1000
    after = memory(longshore)
    containers = running_containers(longshore)
    shims = processes(longshore, "shim")
    shim = sum(map(proportional_kib, shims)) / max(1, len(containers))
    own = sum(map(proportional_kib, containers.values())) / max(1, len(containers))
    each = {kind: (after[kind] - before[kind]) / len(arns) for kind in after}
    cluster.stop(arns, 300)
    docker.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:0")
    begin = time.perf_counter()
    docker.run("service", "create", "-q", "--detach", "--name", "many", "--replicas", str(MANY), "--no-resolve-image",
               "box:latest")
    wait_until("all run", lambda: len(docker.run("ps", "-q", "--filter", "status=running").split()) >= MANY, 600, 0.1)
    peer = since(begin) / 1000
    docker.run("service", "rm", "many")
    wait_until("all are gone", lambda: not docker.run("ps", "-q").split(), 300, 0.5)
    print(f"\n{MANY} tasks to all RUNNING: {mine:.1f} s, {MANY / mine:.1f} a second; docker service create --replicas {MANY}: "
          f"{peer:.1f} s, {MANY / peer:.1f} a second; {peer / mine:.1f} times as fast (aim: 5)")
    print(f"\n{'memory of a running task, KiB':<36} {'each':>8}")
    for kind, kib in each.items():
        print(f"{kind:<36} {kib:>8.0f}")
    print(f"{'the container itself':<36} {own:>8.0f}")
    beyond = sum(each.values()) - shim
    print(f"beyond container and shim: {beyond:.0f} KiB, {beyond / shim:.2f} of the shim's {shim:.0f} KiB (aim: 1)")


def memory(longshore):
    """KiB of Longshore and of what it started, by kind; containers' own processes are left out."""
    found = {kind: sum(map(proportional_kib, processes(longshore, kind))) for kind in ("containerd", "shim", "logger")}
    return {"longshore": proportional_kib(longshore.process.pid)} | found


def proportional_kib(pid):
    """A process's memory, of which pages that n processes share count an nth."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])


if __name__ == "__main__":
    main()

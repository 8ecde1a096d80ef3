"""`make bench`: Longshore's figures beside a peer's in the same run, printed as ratios.

Runs the release binary and a dockerd of its own, both with data under /var/tmp, and removes them again.
"""

import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "acceptance"))
os.environ.setdefault("LONGSHORE_BINARY", str(ROOT / "target" / "release" / "longshore"))

from support.docker import Docker  # noqa: E402
from support.ecs import Cluster  # noqa: E402
from support.images import busybox_layout, push  # noqa: E402
from support.longshore import Longshore  # noqa: E402
from support.process import run, wait_until  # noqa: E402

RUNS = int(os.environ.get("RUNS", "20"))


def main():
    longshore, docker = Longshore(network_pool="10.80.0.0/12"), Docker(bridge=True)
    try:
        longshore.start()
        docker.start()
        rows = [run_task(longshore, docker), concurrent_tasks(longshore, docker)]
        rows += [start_up(longshore), idle_memory(longshore)]
        show(rows)
    finally:
        docker.remove()
        longshore.remove()


def prepare(longshore):
    cluster = Cluster(longshore, "bench")
    cluster.ecr.create_repository(repositoryName="box")
    layout = longshore.dir / "layout"
    image = push(longshore, busybox_layout(layout, command=("sleep", "600")), "box")
    definition = cluster.register("bench", [{"name": "main", "image": image, "stopTimeout": 2,
                                             "command": ["sleep", "600"]}])
    return cluster, definition, layout


def run_task(longshore, docker):
    """RunTask called until RUNNING is described, against `docker run -d` called until it returns."""
    cluster, definition, layout = prepare(longshore)
    longshore.bench = (cluster, definition)
    run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", f"docker-archive:{longshore.dir}/box.tar:box:latest"])
    docker.run("load", "-i", str(longshore.dir / "box.tar"))

    def ours():
        begin = time.perf_counter()
        [arn] = cluster.run(definition)
        while cluster.describe([arn])[0]["lastStatus"] != "RUNNING":
            time.sleep(0.002)
        took = time.perf_counter() - begin
        cluster.stop([arn])
        return took

    def theirs():
        begin = time.perf_counter()
        name = docker.run("run", "-d", "box:latest").strip()
        took = time.perf_counter() - begin
        docker.run("rm", "-f", name)
        return took

    for warm_up in (ours, theirs):
        warm_up()
    pairs = [(progress(i, ours()), theirs()) for i in range(RUNS)]
    mine, peer = (statistics.median(column) * 1000 for column in zip(*pairs))
    return "RunTask to RUNNING, median ms", mine, "docker run -d", peer, 0.4


def concurrent_tasks(longshore, docker):
    """Ten tasks at once to all RUNNING, against ten `docker run -d` at once."""
    import subprocess
    cluster, definition = longshore.bench
    begin = time.perf_counter()
    arns = cluster.run(definition, count=int(min(10, capacity(longshore))))
    wait_until("all run", lambda: all(t["lastStatus"] == "RUNNING" for t in cluster.describe(arns)), 60, 0.005)
    mine = (time.perf_counter() - begin) * 1000
    cluster.stop(arns)
    begin = time.perf_counter()
    children = [subprocess.Popen(["docker", "run", "-d", "box:latest"], env=docker.environment(), stdout=subprocess.PIPE)
                for _ in arns]
    names = [child.communicate()[0].decode().strip() for child in children]
    peer = (time.perf_counter() - begin) * 1000
    docker.run("rm", "-f", *names)
    return f"{len(arns)} tasks at once to RUNNING, ms", mine, f"{len(arns)} docker run -d at once", peer, 0.4


def capacity(longshore):
    # Each task of the bench takes a quarter of a core.
    return os.cpu_count() * 4


def start_up(longshore):
    """From exec to the first answer of the API, with state on disk."""
    import requests
    took = []
    for _ in range(5):
        longshore.process.stop()
        begin = time.perf_counter()
        longshore.start()
        took.append((time.perf_counter() - begin) * 1000)
        requests.get(f"{longshore.endpoint}/_longshore/health", timeout=2)
    return "start-up to first answer, median ms", statistics.median(took), "aim", 300, 1


def idle_memory(longshore):
    """Resident memory of the one process, without containerd."""
    status = Path(f"/proc/{longshore.process.pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return "idle resident memory, MiB", kib / 1024, "aim", 60, 1


def progress(i, value):
    print(f"\r{i + 1}/{RUNS}", end="", file=sys.stderr, flush=True)
    return value


def show(rows):
    print(file=sys.stderr)
    print(f"{'figure':<40} {'longshore':>10} {'beside':<28} {'figure':>10} {'ratio':>7} {'aim':>6}")
    for figure, mine, beside, peer, aim in rows:
        print(f"{figure:<40} {mine:>10.1f} {beside:<28} {peer:>10.1f} {mine / peer:>7.2f} {aim:>6}")


if __name__ == "__main__":
    main()

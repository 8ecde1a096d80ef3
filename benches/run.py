"""`make bench`, first part: how soon the release binary answers, and what it holds idle. The other parts are beside it."""

import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "acceptance"))
os.environ.setdefault("LONGSHORE_BINARY", str(ROOT / "target" / "release" / "longshore"))

from support.ecs import Cluster  # noqa: E402
from support.images import busybox_layout, push  # noqa: E402
from support.longshore import POOLS, Longshore  # noqa: E402


def main():
    longshore = Longshore(network_pool=POOLS[0])
    try:
        prepare(longshore.start())
        show([start_up(longshore), idle_memory(longshore)])
    finally:
        longshore.remove()


def prepare(longshore):
    cluster = Cluster(longshore, "bench")
    cluster.ecr.create_repository(repositoryName="box")
    layout = longshore.dir / "layout"
    image = push(longshore, busybox_layout(layout, command=("sleep", "600")), "box")
    cluster.register("bench", [{"name": "main", "image": image, "stopTimeout": 2}])


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


def show(rows):
    print(f"{'figure':<40} {'longshore':>10} {'beside':<28} {'figure':>10} {'ratio':>7} {'aim':>6}")
    for figure, mine, beside, peer, aim in rows:
        print(f"{figure:<40} {mine:>10.1f} {beside:<28} {peer:>10.1f} {mine / peer:>7.2f} {aim:>6}")


if __name__ == "__main__":
    main()

"""From `kill -9` of a service's container to its replacement RUNNING, beside Docker Swarm in the same run.

`make bench` runs it after benches/run.py; RUNS says how often each is killed (20).
"""

import os
import signal
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
from support.kernel import running_containers  # noqa: E402
from support.longshore import POOLS, Longshore  # noqa: E402
from support.process import run, wait_until  # noqa: E402

RUNS = int(os.environ.get("RUNS", "20"))
AIM = 1 / 3


def main():
    longshore, docker = Longshore(network_pool=POOLS[1]).start(), Docker(bridge=True).start()
    try:
        layout = busybox_layout(longshore.dir / "layout", command=("sleep", "3600"))
        mine, peer = ours(longshore, layout), swarm(longshore, docker, layout)
    finally:
        docker.remove()
        longshore.remove()
    print(f"{'figure':<40} {'longshore':>10} {'swarm':>10} {'ratio':>7} {'aim':>6}")
    for name, pick in (("kill -9 to replacement, median ms", statistics.median), ("the slowest, ms", max)):
        print(f"{name:<40} {pick(mine):>10.1f} {pick(peer):>10.1f} {pick(mine) / pick(peer):>7.2f} {AIM:>6.2f}")


def ours(longshore, layout):
    cluster = Cluster(longshore, "heal")
    cluster.ecr.create_repository(repositoryName="box")
    definition = cluster.register("heal", [{"name": "main", "image": push(longshore, layout, "box"), "stopTimeout": 2}])
    cluster.ecs.create_service(cluster="heal", serviceName="heal", taskDefinition=definition, desiredCount=1,
                               launchType="FARGATE", networkConfiguration=cluster.network)

    def running():
        arns = cluster.ecs.list_tasks(cluster="heal", serviceName="heal")["taskArns"]
        return {t["taskArn"] for t in cluster.describe(arns) if t["lastStatus"] == "RUNNING"} if arns else set()

    def replaced():
        [before] = wait_until("one task runs", running, 60)
        [pid] = running_containers(longshore).values()
        os.kill(pid, signal.SIGKILL)
        begin = time.perf_counter()
        wait_until("another task runs", lambda: running() - {before}, 120, 0.002)
        return (time.perf_counter() - begin) * 1000

    replaced()
    took = [replaced() for _ in range(RUNS)]
    cluster.ecs.delete_service(cluster="heal", service="heal", force=True)
    return took


def swarm(longshore, docker, layout):
    archive = f"docker-archive:{longshore.dir}/box.tar:box:latest"
    run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", archive])
    docker.run("load", "-i", str(longshore.dir / "box.tar"))
    docker.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:0")
    docker.run("service", "create", "-q", "--detach", "--name", "heal", "--restart-delay", "0s",
               "--restart-condition", "any", "--no-resolve-image", "box:latest")

    def running():
        return set(docker.run("ps", "-q", "--no-trunc", "--filter", "status=running").split())

    def replaced():
        [before] = wait_until("one container runs", running, 60)
        pid = int(docker.run("inspect", "-f", "{{.State.Pid}}", before))
        os.kill(pid, signal.SIGKILL)
        begin = time.perf_counter()
        wait_until("another container runs", lambda: running() - {before}, 120, 0.002)
        return (time.perf_counter() - begin) * 1000

    replaced()
    return [replaced() for _ in range(RUNS)]


if __name__ == "__main__":
    main()

"""Many task lives, one after the other: nothing stays behind, and nothing grows.

LIVES says how many (60); `make lives` plays a thousand.
"""

import os
import re
import time
from pathlib import Path

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import footprint, processes
from support.process import wait_until

LIVES = int(os.environ.get("LIVES", "60"))
AT_ONCE = 10
# What may stay in memory of a life: the records of stopped tasks are kept for an hour, as on AWS.
KIB_A_LIFE = 60


def test_lives_leave_nothing(own_longshore, tmp_path):
    cluster = Cluster(own_longshore, "default")
    cluster.ecr.create_repository(repositoryName="box")
    image = push(own_longshore, busybox_layout(tmp_path / "layout"), "box")
    container = {"name": "main", "image": image, "command": ["true"], "memory": 16, "cpu": 1,
                 "portMappings": [{"containerPort": 80}]}
    for mode in ("bridge", "awsvpc", "none"):
        ported = {} if mode != "none" else {"portMappings": []}
        cluster.ecs.register_task_definition(family=f"lives-{mode}", networkMode=mode,
                                             containerDefinitions=[container | ported])

    def live(mode):
        network = {"networkConfiguration": cluster.network} if mode == "awsvpc" else {}
        answer = cluster.ecs.run_task(cluster="default", taskDefinition=f"lives-{mode}", launchType="EC2", count=AT_ONCE, **network)
        assert not answer["failures"], answer["failures"]
        arns = [task["taskArn"] for task in answer["tasks"]]
        for task in cluster.wait(arns, "STOPPED", 180):
            assert task["containers"][0].get("exitCode") == 0, (task.get("stoppedReason"), task["containers"])

    for mode in ("bridge", "awsvpc", "none"):
        live(mode)
    clean = footprint(own_longshore)
    wait_until("the first lives are over", lambda: journals(own_longshore) == 0, 60)
    before, addresses, begin = usage(own_longshore), free_addresses(own_longshore), time.monotonic()
    for turn in range(LIVES // AT_ONCE):
        live(("bridge", "awsvpc", "none")[turn % 3])
    took = time.monotonic() - begin
    wait_until("nothing is left", lambda: footprint(own_longshore) == clean and journals(own_longshore) == 0, 60)
    assert free_addresses(own_longshore) == addresses
    # Connections of clients that just ended may take a moment.
    wait_until("no descriptor is left", lambda: all(
        usage(own_longshore)[name]["files"] <= before[name]["files"] + 10 for name in before), 60)
    after = usage(own_longshore)
    print(f"\n{LIVES} lives in {took:.0f} s: {before} -> {after}")
    grown = after["longshore"]["kib"] - before["longshore"]["kib"]
    assert grown < 30_000 + LIVES * KIB_A_LIFE, f"longshore has grown by {grown} KiB"
    # Threads for work that blocks end ten seconds after their last.
    wait_until("idle threads have ended", lambda: usage(own_longshore)["longshore"]["threads"]
               <= before["longshore"]["threads"] + 8, 60, 1)


def usage(longshore):
    [containerd] = processes(longshore, "containerd")
    return {name: of_process(pid) for name, pid in (("longshore", longshore.process.pid), ("containerd", containerd))}


def of_process(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    of = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
    return {"kib": of("VmRSS"), "threads": of("Threads"), "files": len(os.listdir(f"/proc/{pid}/fd"))}


def journals(longshore):
    """The bytes and directories that tasks have in the node's journal."""
    tasks = longshore.data / "agent" / "tasks"
    return sum(1 for _ in tasks.iterdir())


def free_addresses(longshore):
    return {s["SubnetId"]: s["AvailableIpAddressCount"] for s in longshore.client("ec2").describe_subnets()["Subnets"]}

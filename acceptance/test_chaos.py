"""Random kills under load, from a printed seed: then everything converges, nothing leaks, no line is lost or doubled.

A short form is played with the other tests; `make chaos SEED=7` plays the full one: 200 tasks, three minutes.
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import footprint, processes, running_containers
from support.longshore import POOLS, Longshore
from support.process import wait_until

FULL = os.environ.get("CHAOS") == "full"
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 10_000)
TASKS, SECONDS = (200, 180) if FULL else (40, 30)
PAUSE = 1.0 if FULL else 0.5
# Each line is said, and only then noted outside of Longshore: what was noted must be in the log.
COUNT = f"i=0; while :; do i=$((i+1)); echo line $i; echo $i > /counts/${{ECS_CONTAINER_METADATA_URI_V4##*/}}; sleep {PAUSE}; done"
WEIGHTS = {"longshore": 2, "containerd": 2, "shim": 2, "logger": 6, "container": 2, "stop": 2, "launch": 6}


@pytest.fixture
def cluster(tmp_path):
    longshore = Longshore(network_pool=POOLS[1], options=[
        "--node-memory-mib", "200000", "--node-cpu-units", "200000"]).start()
    cluster = Cluster(longshore, "default")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.image = push(longshore, busybox_layout(tmp_path / "layout"), "box")
    yield cluster
    longshore.remove()


def register(cluster, counts):
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", COUNT], "memory": 64, "stopTimeout": 2,
                 "mountPoints": [{"sourceVolume": "counts", "containerPath": "/counts"}],
                 "logConfiguration": {"logDriver": "awslogs", "options": {
                     "awslogs-group": "/test/chaos", "awslogs-region": cluster.longshore.region,
                     "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}}}
    volumes = [{"name": "counts", "host": {"sourcePath": str(counts)}}]
    for mode in ("bridge", "awsvpc"):
        cluster.ecs.register_task_definition(family=f"chaos-{mode}", networkMode=mode, volumes=volumes,
                                             containerDefinitions=[container])


def launch(cluster, mode, count):
    network = {"networkConfiguration": cluster.network} if mode == "awsvpc" else {}
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=f"chaos-{mode}", launchType="EC2", count=count, **network)
    assert not answer["failures"], answer["failures"]
    return [task["taskArn"] for task in answer["tasks"]]


class Storm:
    """Kills at random. It keeps what it did, so that a failure can be read."""

    def __init__(self, cluster, seed):
        self.cluster, self.longshore = cluster, cluster.longshore
        self.random = random.Random(seed)
        self.done = []
        self.asked = set()

    def step(self, arns):
        action = self.random.choices(list(WEIGHTS), WEIGHTS.values())[0]
        at = len(self.done)
        self.done.append(action)
        try:
            getattr(self, f"do_{action}")(arns)
        except (AssertionError, ProcessLookupError, OSError) as error:
            self.done[at] = f"{action}: {error}"[:80]

    def do_longshore(self, _):
        self.longshore.kill()
        time.sleep(self.random.random())
        self.longshore.start(120)

    def do_containerd(self, _):
        self.kill_one(processes(self.longshore, "containerd"))

    def do_shim(self, _):
        self.kill_one(processes(self.longshore, "shim"))

    def do_logger(self, _):
        self.kill_one(processes(self.longshore, "logger"))

    def do_container(self, _):
        self.kill_one(running_containers(self.longshore).values())

    def do_stop(self, arns):
        arn = self.random.choice(arns)
        try:
            self.cluster.ecs.stop_task(cluster=self.cluster.name, task=arn)
            self.asked.add(arn)
        except (BotoCoreError, ClientError) as error:
            raise AssertionError(str(error)) from error

    def do_launch(self, arns):
        try:
            arns += launch(self.cluster, self.random.choice(["bridge", "awsvpc"]), self.random.randint(1, 3))
        except (BotoCoreError, ClientError) as error:
            raise AssertionError(str(error)) from error

    def kill_one(self, pids):
        pids = sorted(pids)
        assert pids, "nothing to kill"
        os.kill(self.random.choice(pids), signal.SIGKILL)


def test_chaos_then_calm(cluster, tmp_path):
    print(f"\nchaos: SEED={SEED}")
    counts = tmp_path / "counts"
    counts.mkdir()
    register(cluster, counts)
    clean = footprint(cluster.longshore)
    arns = []
    while len(arns) < TASKS:
        arns += launch(cluster, ("bridge", "awsvpc")[len(arns) // 10 % 2], 10)
    cluster.wait(arns, "RUNNING", 300)

    storm = Storm(cluster, SEED)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        storm.step(arns)
        time.sleep(storm.random.random() * 0.8)
    print(f"chaos: {len(storm.done)} steps: {storm.done}")

    if not cluster.longshore.process.alive():
        cluster.longshore.start(120)
    wait_until("containerd runs", lambda: processes(cluster.longshore, "containerd"), 30)
    tasks = converged(cluster, arns)
    stopped = [t for t in tasks if t["lastStatus"] == "STOPPED"]
    print(f"chaos: {len(stopped)} of {len(tasks)} tasks have ended")
    odd = [reasons(t) for t in stopped if not natural(t, t["taskArn"] in storm.asked)]
    assert not odd, "\n".join(map(str, odd)) + cluster.longshore.process.tail(6000)
    cluster.stop([t["taskArn"] for t in tasks if t["lastStatus"] != "STOPPED"], 300)
    check_lines(cluster, arns, counts)
    wait_until("nothing is left", lambda: footprint(cluster.longshore) == clean or leftovers(cluster, clean), 120)


def reasons(task):
    return (task["taskArn"][-8:], task.get("stopCode"), task.get("stoppedReason"),
            [(c.get("exitCode"), c.get("reason")) for c in task["containers"]])


def natural(task, asked):
    """Whether a task ended as what was done to it says: asked to stop, or killed."""
    if asked and task["stopCode"] == "UserInitiated":
        return True
    [container] = task["containers"]
    if task["stopCode"] == "TaskFailedToStart":
        # Its shim died while the container was being made.
        return "ttrpc: closed" in container.get("reason", "")
    return (task["stopCode"], container.get("exitCode")) == ("EssentialContainerExited", 137)


def leftovers(cluster, clean):
    now = footprint(cluster.longshore)
    raise AssertionError({kind: (now[kind], clean[kind]) for kind in clean if now[kind] != clean[kind]})


def converged(cluster, arns):
    """Every task either runs, and its container does, or has ended."""
    def settled():
        tasks = cluster.describe(arns)
        assert {t["lastStatus"] for t in tasks} <= {"RUNNING", "STOPPED"}, sorted({t["lastStatus"] for t in tasks})
        runs = {t["containers"][0]["runtimeId"] for t in tasks if t["lastStatus"] == "RUNNING"}
        found = set(running_containers(cluster.longshore))
        assert runs == found, f"said to run and does not: {runs - found}; runs unknown: {found - runs}"
        return tasks
    try:
        return wait_until("all tasks have settled", settled, 120, 0.5)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{cluster.longshore.process.tail(12000)}")


def said(cluster, task):
    """What the container said. A runtime whose start was cut short may have complained before, in the same stream."""
    try:
        messages = cluster.messages("chaos", task["taskArn"], "main")
    except cluster.logs.exceptions.ResourceNotFoundException:
        return []
    return [message for message in messages if message.startswith("line ")]


def check_lines(cluster, arns, counts):
    """The log of each task is 1, 2, 3 … at least as far as the task noted: nothing is lost, and nothing runs twice."""
    noted = {path.name: int(path.read_text() or 0) for path in Path(counts).iterdir()}
    wrong = []
    for at in range(0, len(arns), 100):
        for task in cluster.describe(arns[at:at + 100]):
            at_least = noted.get(task["containers"][0].get("runtimeId"), 0)
            def complete():
                found = said(cluster, task)
                return (found,) if len(found) >= at_least else None
            try:
                [found] = wait_until("the log is complete", complete, 20, 0.2)
            except AssertionError:
                wrong.append(f"{task['taskArn'][-8:]}: {len(said(cluster, task))} lines, {at_least} were noted")
                continue
            expected = 1
            for position, line in enumerate(found):
                if line != f"line {expected}":
                    wrong.append(f"{task['taskArn'][-8:]}: at {position}: {found[max(0, position - 2):position + 3]}")
                    break
                expected += 1
    assert not wrong, "\n".join(wrong)

"""What takes a machine with pure cgroup v2 and the kernel's NFS: `scripts/guest test_guest.py` brings one up.

Skipped elsewhere. The machine exports the directory that LONGSHORE_GUEST names."""

import os
from pathlib import Path

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import Longshore, binary
from support.process import run, wait_until

EXPORTED = Path(os.environ.get("LONGSHORE_GUEST", "/nonexistent"))
pytestmark = pytest.mark.skipif(not EXPORTED.is_dir(), reason="needs the machine of scripts/guest")
FILE_SYSTEM = "fs-0123456789abcdef0"
PATIENCE = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    longshore = Longshore(options=["--file-system", f"{FILE_SYSTEM}=127.0.0.1:/"]).start(PATIENCE)
    longshore.cluster = Cluster(longshore, "guest")
    longshore.cluster.ecr.create_repository(repositoryName="box")
    longshore.cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("guest") / "layout"), "box")
    yield longshore
    longshore.remove()


def volume(root="/", identity=FILE_SYSTEM):
    return [{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": identity, "rootDirectory": root}}]


def container(place, name, script, **more):
    return {"name": name, "image": place.cluster.image, "command": ["sh", "-c", script], "stopTimeout": 2,
            "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]} | more


def efs_mounts():
    return [line for line in Path("/proc/mounts").read_text().splitlines() if "/efs/" in line.split()[1]]


def ended(cluster, arn):
    return cluster.wait([arn], "STOPPED", PATIENCE)[0]


def test_the_machine_has_version_2_alone():
    kinds = {line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()}
    assert "cgroup2" in kinds and "cgroup" not in kinds


def test_a_file_system_is_mounted_for_the_task_with_the_options_of_efs(place):
    cluster = place.cluster
    for name in ("here", "there"):
        (EXPORTED / "data" / name).unlink(missing_ok=True)
    writer = container(place, "writer", "grep ' /shared ' /proc/mounts; echo told > /shared/here", essential=False)
    reader = container(place, "reader", "cat /shared/here; cp /shared/here /shared/there",
                       dependsOn=[{"containerName": "writer", "condition": "SUCCESS"}])
    definition = cluster.register("efs", [writer, reader], volumes=volume("/data"))
    [arn] = cluster.run(definition)
    task = ended(cluster, arn)
    assert [c["exitCode"] for c in task["containers"]] == [0, 0], task
    assert (EXPORTED / "data" / "there").read_text() == "told\n"
    wait_until("the line is there", lambda: cluster.messages("efs", arn, "writer"), PATIENCE)
    [mounted] = cluster.messages("efs", arn, "writer")
    assert mounted.startswith("127.0.0.1:/data /shared nfs4 "), mounted
    for option in ("vers=4.1", "rsize=", "wsize=", "hard", "noresvport", "timeo=600", "retrans=2"):
        assert option in mounted, mounted
    wait_until("it is unmounted", lambda: not efs_mounts(), PATIENCE)
    assert (EXPORTED / "data" / "there").exists()


def test_a_read_only_mount_point_cannot_be_written(place):
    cluster = place.cluster
    main = container(place, "main", "touch /shared/no && exit 3 || exit 4")
    main["mountPoints"][0]["readOnly"] = True
    [arn] = cluster.run(cluster.register("efs-ro", [main], volumes=volume("/data")))
    assert ended(cluster, arn)["containers"][0]["exitCode"] == 4


@pytest.mark.parametrize("root, identity, said", [
    ("/nowhere", FILE_SYSTEM, "No such file or directory"), ("/", "fs-0f0f0f0f", 'Failed to resolve "fs-0f0f0f0f"')])
def test_what_cannot_be_mounted_stops_the_task_with_a_reason(place, root, identity, said):
    cluster = place.cluster
    [arn] = cluster.run(cluster.register("efs-bad", [container(place, "main", "true")], volumes=volume(root, identity)))
    task = ended(cluster, arn)
    assert task["stoppedReason"].startswith("ResourceInitializationError: failed to invoke EFS utils"), task
    assert said in task["stoppedReason"], task
    assert not efs_mounts()


def test_a_killed_longshore_finds_the_file_system_mounted_and_takes_it_down_at_the_end(place):
    cluster = place.cluster
    (EXPORTED / "data" / "beats").unlink(missing_ok=True)
    script = "while :; do echo beat >> /shared/beats; sleep 1; done"
    [arn] = cluster.run(cluster.register("efs-kill", [container(place, "main", script)], volumes=volume("/data")))
    cluster.wait([arn], "RUNNING", PATIENCE)
    beats = EXPORTED / "data" / "beats"
    wait_until("it writes", lambda: beats.exists() and beats.read_text(), PATIENCE)
    place.kill()
    before = len(beats.read_text())
    place.start(PATIENCE)
    wait_until("it goes on", lambda: len(beats.read_text()) > before, PATIENCE)
    assert len(efs_mounts()) == 1 and cluster.describe([arn])[0]["lastStatus"] == "RUNNING"
    cluster.stop([arn], PATIENCE)
    wait_until("it is unmounted", lambda: not efs_mounts(), PATIENCE)
    assert beats.exists()


def test_limits_of_memory_processes_and_processor_hold(place):
    cluster = place.cluster
    hungry = cluster.register("v2-memory", [{"name": "main", "image": cluster.image, "memory": 32,
                                             "command": ["sh", "-c", "x=a; while :; do x=$x$x; done"]}])
    [arn] = cluster.run(hungry)
    task = ended(cluster, arn)
    [main] = task["containers"]
    assert (main["exitCode"], main["reason"][:16]) == (137, "OutOfMemoryError"), task
    script = "cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.weight; ls /sys/fs/cgroup | grep -c ."
    [arn] = cluster.run(cluster.register("v2-values", [{"name": "main", "image": cluster.image, "memory": 64, "cpu": 128,
                                                        "command": ["sh", "-c", script]}]))
    ended(cluster, arn)
    wait_until("the lines are there", lambda: len(cluster.messages("v2-values", arn, "main")) == 4, PATIENCE)
    group, memory, weight, files = cluster.messages("v2-values", arn, "main")
    assert (group, memory) == ("0::/", str(64 << 20)) and int(weight) >= 1 and int(files) > 10


def test_a_command_is_executed_and_usage_is_told(place):
    cluster = place.cluster
    [arn] = cluster.run(cluster.register("v2-exec", [{
        "name": "main", "image": cluster.image, "stopTimeout": 2,
        "command": ["sh", "-c", "until wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/stats; do sleep 1; done; echo; sleep 3600"]}]),
        enableExecuteCommand=True)
    cluster.wait([arn], "RUNNING", PATIENCE)
    said = run([binary(), "exec", arn, "--", "cat", "/proc/self/cgroup"], env=place.environment(),
               timeout=PATIENCE)
    assert "0::/" in said, said
    wait_until("usage is told", lambda: "memory_stats" in "".join(cluster.messages("v2-exec", arn, "main")), PATIENCE)
    stats = "".join(cluster.messages("v2-exec", arn, "main"))
    assert '"usage"' in stats, stats[:500]
    cluster.stop([arn], PATIENCE)
    parent = Path("/sys/fs/cgroup")
    wait_until("its group is gone", lambda: not list(parent.glob(f"longshore-*/{arn.rsplit('/', 1)[1]}")), PATIENCE)

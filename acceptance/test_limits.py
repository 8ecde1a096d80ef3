"""What a node does when something runs out: the task fails with its reason, the node stays up, and recovers."""

import datetime
import os
import re
import time
from pathlib import Path

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import footprint, processes, running_containers
from support.longshore import POOLS, Longshore
from support.process import run, wait_until

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def prepare(longshore, tmp_path):
    cluster = Cluster(longshore, "limits")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.image = push(longshore, busybox_layout(tmp_path / "layout"), "box")
    cluster.sleeps = cluster.register("sleeps", [container(cluster, "sleep 3600")])
    return cluster


def container(cluster, script):
    return {"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "stopTimeout": 2}


def reason_of(cluster, arn, timeout=120):
    """Why a task that cannot run has stopped."""
    [task] = cluster.wait([arn], "STOPPED", timeout)
    return " ".join([task.get("stoppedReason", "")] + [c.get("reason", "") for c in task["containers"]])


def test_a_full_disk_fails_new_tasks_and_no_others(tmp_path):
    longshore = Longshore(network_pool=POOLS[1])
    disk = longshore.data / "agent"
    disk.mkdir(parents=True)
    image = longshore.dir / "disk.img"
    run(["truncate", "-s", "200M", image])
    run(["mkfs.ext4", "-q", "-m", "0", image])
    run(["mount", "-o", "loop", image, disk])
    try:
        cluster = prepare(longshore.start(), tmp_path)
        [before] = cluster.run(cluster.sleeps)
        cluster.wait([before], "RUNNING", 120)
        filled = cluster.register("fills", [container(cluster, "dd if=/dev/zero of=/fill bs=64k; echo full; sleep 3600")])
        [filler] = cluster.run(filled)
        cluster.wait([filler], "RUNNING", 120)
        wait_until("the disk is full", lambda: free(disk) < 1 << 20, 120)
        ballast = fill(disk)
        [failing] = cluster.run(cluster.sleeps)
        assert "no space left on device" in reason_of(cluster, failing).lower()
        assert cluster.describe([before])[0]["lastStatus"] == "RUNNING", "the others do not notice"
        assert longshore.process.alive()
        ballast.unlink()
        cluster.stop([filler])
        wait_until("there is room again", lambda: free(disk) > 50 << 20, 60)
        [after] = cluster.run(cluster.sleeps)
        cluster.wait([after], "RUNNING", 120)
        cluster.stop([before, after])
    finally:
        longshore_remove(longshore, disk)


def free(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def fill(disk):
    """Takes what is left, to the last block."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as out:
        for size in (65536, 4096):
            try:
                while True:
                    out.write(b"\1" * size)
            except OSError:
                pass
    return ballast


def longshore_remove(longshore, disk):
    if longshore.process and longshore.process.alive():
        longshore.process.stop(120)
    run([os.environ.get("LONGSHORE_BINARY", "target/debug/longshore"), "down", "--data-dir", longshore.data],
        env=longshore.environment(), check=False)
    run(["umount", "-l", disk], check=False)
    longshore.remove()


def test_a_subnet_without_addresses(own_longshore, tmp_path):
    cluster = prepare(own_longshore, tmp_path)
    ec2 = own_longshore.client("ec2")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    used = {s["CidrBlock"] for s in ec2.describe_subnets()["Subnets"]}
    base = vpc["CidrBlock"].split("/")[0].split(".")
    free = next(cidr for third in range(255, 0, -1) if (cidr := f"{base[0]}.{base[1]}.{third}.240/28") not in used)
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock=free)["Subnet"]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet]}}

    def launch(count):
        return cluster.ecs.run_task(cluster=cluster.name, taskDefinition=cluster.sleeps, launchType="FARGATE", count=count,
                                    networkConfiguration=network)

    # Of sixteen addresses AWS keeps five.
    arns = [t["taskArn"] for n in (8, 3) for t in launch(n)["tasks"]]
    assert len(arns) == 11
    with pytest.raises(cluster.ecs.exceptions.ClientError) as refused:
        answer = launch(1)
        raise AssertionError(answer)
    assert "address" in str(refused.value).lower(), refused.value
    cluster.wait(arns, "RUNNING", 180)
    cluster.stop(arns[:1])
    [again] = [t["taskArn"] for t in launch(1)["tasks"]]
    cluster.wait([again], "RUNNING", 120)
    cluster.stop(arns[1:] + [again], 180)


def test_no_process_is_left(own_longshore, tmp_path):
    """containerd may make no process more, and no thread."""
    cluster = prepare(own_longshore, tmp_path)
    [before] = cluster.run(cluster.sleeps)
    cluster.wait([before], "RUNNING", 120)
    clean = footprint(own_longshore)
    [containerd] = processes(own_longshore, "containerd")
    root = Path("/sys/fs/cgroup/pids" if Path("/sys/fs/cgroup/pids").is_dir() else "/sys/fs/cgroup")
    group = root / f"longshore-test-{containerd}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(containerd))
        (group / "pids.max").write_text((group / "pids.current").read_text())
        [failing] = cluster.run(cluster.sleeps)

        def settled():
            [task] = cluster.describe([failing])
            return task if task["lastStatus"] in ("RUNNING", "STOPPED") else None
        task = wait_until("the task runs or has failed", settled, 180)
        if task["lastStatus"] == "RUNNING":
            # containerd had to give up, and its successor is in no such group.
            assert processes(own_longshore, "containerd") != {containerd}
            cluster.stop([failing])
        else:
            reason = reason_of(cluster, failing)
            assert re.search("Cannot(Start|Create)ContainerError|DockerTimeoutError", reason), reason
        assert cluster.describe([before])[0]["lastStatus"] == "RUNNING"
        (group / "pids.max").write_text("max")
        [after] = cluster.run(cluster.sleeps)
        cluster.wait([after], "RUNNING", 120)
        cluster.stop([after])
        wait_until("nothing is left of them", lambda: footprint(own_longshore) == clean, 90)
        cluster.stop([before])
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            (root / "cgroup.procs").write_text(pid)
        wait_until("the group is empty", lambda: group.rmdir() is None, 10)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_the_clock_may_jump(tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    # The signatures of clients hold for five minutes, so it jumps by four.
    longshore = Longshore(network_pool=POOLS[1], variables={
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
    try:
        cluster = prepare(longshore.start(), tmp_path)
        checked = container(cluster, "sleep 3600") | {"healthCheck": {"command": ["CMD", "true"], "interval": 5, "timeout": 5}}
        arns = cluster.run(cluster.register("checked", [checked]), count=2)
        cluster.wait(arns, "RUNNING", 120)
        before = running_containers(longshore)
        for jump in ("+240", "-240", "+0"):
            clock.write_text(jump)
            [fresh] = cluster.run(cluster.sleeps)
            [task] = cluster.wait([fresh], "RUNNING", 120)
            told = task["startedAt"].timestamp() - time.time()
            assert abs(told - float(jump)) < 60, "it really jumped"
            cluster.stop([fresh])
            assert {t["lastStatus"] for t in cluster.describe(arns)} == {"RUNNING"}
            assert {k: v for k, v in running_containers(longshore).items() if k in before} == before
        wait_until("health is still checked", lambda: all(
            t["healthStatus"] == "HEALTHY" for t in cluster.describe(arns)), 60)
        cluster.stop(arns)
    finally:
        longshore.remove()


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_the_history_of_a_service_ends_after_ninety_days(tmp_path, monkeypatch):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    longshore = Longshore(node=False, variables={"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock)})
    try:
        ecs = longshore.start().client("ecs")
        ecs.create_cluster()
        subnet = longshore.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        [definition, _] = [ecs.register_task_definition(
            family="old", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[{"name": "main", "image": "box"}])["taskDefinition"]["taskDefinitionArn"] for _ in range(2)]
        ecs.create_service(serviceName="old", taskDefinition=definition, desiredCount=0, launchType="FARGATE",
                           networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}})

        def history():
            return longshore.client("ecs").list_service_deployments(service="old")["serviceDeployments"]

        def ended(count):
            return wait_until(f"{count} deployments have ended", lambda: [
                record["status"] for record in history()] == ["SUCCESSFUL"] * count and history(), 60)
        ended(1)
        ecs.update_service(service="old", taskDefinition="old:2")
        present, past = ended(2)
        for days, left in ((89, [present, past]), (91, [present])):
            longshore.stop()
            clock.write_text(f"+{days}d")
            later = datetime.timedelta(days=days)
            monkeypatch.setattr("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: (
                datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None if remove_tzinfo else datetime.timezone.utc) + later))
            longshore.start()
            wait_until(f"the history after {days} days", lambda: history() == left, 30)
        assert longshore.client("ecs").describe_services(services=["old"])["services"][0]["status"] == "ACTIVE"
        gone = [past["targetServiceRevisionArn"]]
        assert longshore.client("ecs").describe_service_revisions(serviceRevisionArns=gone)["failures"][0]["reason"] == "MISSING"
    finally:
        longshore.remove()

"""Tasks really run: judged from inside the container, by containerd and by the kernel."""

import pytest
import requests

from support.ecs import Cluster, address
from support.images import busybox_layout, push
from support.kernel import footprint, running_containers
from support.process import wait_until


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "tasks")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "box")
    return cluster


def shell(image, script, name="main", **more):
    return {"name": name, "image": image, "command": ["sh", "-c", script], "essential": True, **more}


def test_exit_code_reason_and_times(cluster):
    definition = cluster.register("exits", [shell(cluster.image, "echo out; echo err >&2; exit 7")])
    [arn] = cluster.run(definition)
    [task] = cluster.wait([arn], "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 7
    assert task["containers"][0]["imageDigest"].startswith("sha256:")
    times = [task[t] for t in ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "executionStoppedAt", "stoppedAt")]
    assert times == sorted(times)
    assert task["attachments"][0]["status"] == "DELETED"
    assert sorted(cluster.wait_for_message("exits", arn, "main", "err")) == ["err", "out"]


def test_limits_and_isolation_seen_from_inside(cluster):
    script = ("hostname; cat /proc/self/status | grep -E 'CapEff|NoNewPrivs|Seccomp:'; "
              "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max; "
              "ip -4 addr show; env | sort; echo DONE")
    definition = cluster.register("inside", [shell(cluster.image, script, memory=128, environment=[{"name": "COLOUR", "value": "red"}])])
    [arn] = cluster.run(definition, overrides={"containerOverrides": [
        {"name": "main", "environment": [{"name": "COLOUR", "value": "blue"}]}]})
    [task] = cluster.wait([arn], "STOPPED")
    seen = "\n".join(cluster.wait_for_message("inside", arn, "main", "DONE"))
    assert "COLOUR=blue" in seen
    assert str(128 * 1024 * 1024) in seen
    assert address(task) in seen
    assert "CapEff:\t00000000a80425fb" in seen, seen
    assert "AWS_EXECUTION_ENV=AWS_ECS_FARGATE" in seen
    assert "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/" in seen
    assert f"AWS_REGION={cluster.longshore.region}" in seen


def test_metadata_endpoint_answers_the_task(cluster):
    script = 'wget -qO- "$ECS_CONTAINER_METADATA_URI_V4/task"; echo; echo DONE'
    definition = cluster.register("metadata", [shell(cluster.image, script)])
    [arn] = cluster.run(definition)
    cluster.wait([arn], "STOPPED")
    seen = "\n".join(cluster.wait_for_message("metadata", arn, "main", "DONE"))
    assert f'"TaskARN":"{arn}"' in seen.replace(": ", ":")
    assert '"Family":"metadata"' in seen.replace(": ", ":")


def test_stop_gives_sigterm_then_sigkill(cluster):
    polite = shell(cluster.image, "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    stubborn = shell(cluster.image, "trap '' TERM; echo up; while :; do sleep 0.1; done", name="stubborn", stopTimeout=2)
    definition = cluster.register("stops", [polite, stubborn])
    [arn] = cluster.run(definition)
    cluster.wait([arn], "RUNNING")
    for name in ("main", "stubborn"):
        cluster.wait_for_message("stops", arn, name, "up")
    cluster.ecs.stop_task(cluster=cluster.name, task=arn, reason="enough")
    [task] = cluster.wait([arn], "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    codes = {c["name"]: c["exitCode"] for c in task["containers"]}
    assert codes == {"main": 3, "stubborn": 137}
    assert "bye" in cluster.wait_for_message("stops", arn, "main", "bye")


def test_a_non_essential_container_may_end(cluster):
    side = shell(cluster.image, "exit 0", name="side") | {"essential": False}
    main = shell(cluster.image, "sleep 1; exit 0", dependsOn=[{"containerName": "side", "condition": "SUCCESS"}])
    [arn] = cluster.run(cluster.register("side", [side, main]))
    [task] = cluster.wait([arn], "STOPPED")
    assert [c["exitCode"] for c in task["containers"]] == [0, 0]


def test_a_missing_image_is_told_in_ecs_words(cluster):
    [arn] = cluster.run(cluster.register("missing", [shell(f"{cluster.longshore.registry}/box:nope", "true")]))
    [task] = cluster.wait([arn], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert "CannotPullContainerError" in task["stoppedReason"] + str(task["containers"][0].get("reason"))


def test_memory_beyond_the_limit_is_told(cluster):
    hungry = shell(cluster.image, "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo $x | wc -c", memory=32)
    [arn] = cluster.run(cluster.register("hungry", [hungry]))
    [task] = cluster.wait([arn], "STOPPED")
    assert task["containers"][0]["exitCode"] == 137
    assert task["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_a_task_answers_at_its_address(cluster):
    page = "mkdir /www; echo hello > /www/index.html; httpd -f -p 8080 -h /www"
    [arn] = cluster.run(cluster.register("web", [shell(cluster.image, page, portMappings=[{"containerPort": 8080}])]))
    [task] = cluster.wait([arn], "RUNNING")
    answer = wait_until("the task answers", lambda: requests.get(f"http://{address(task)}:8080/", timeout=2))
    assert answer.text == "hello\n"
    cluster.stop([arn])


def test_ecr_host_names_of_aws_are_our_own_registry(cluster):
    image = f"{cluster.longshore.account}.dkr.ecr.{cluster.longshore.region}.amazonaws.com/box:latest"
    [arn] = cluster.run(cluster.register("awsname", [shell(image, "exit 0")]))
    [task] = cluster.wait([arn], "STOPPED")
    assert task["containers"][0]["exitCode"] == 0, task


def test_capacity_is_bounded_by_the_machine(cluster):
    definition = cluster.register("huge", [shell(cluster.image, "true")], cpu="16384", memory="122880")
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType="FARGATE",
                                  networkConfiguration=cluster.network)
    assert answer["tasks"] == []
    assert answer["failures"][0]["reason"].startswith("Capacity is unavailable at this time")


def test_waiters_end(cluster):
    [arn] = cluster.run(cluster.register("waits", [shell(cluster.image, "sleep 2")]))
    cluster.ecs.get_waiter("tasks_running").wait(cluster=cluster.name, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    cluster.ecs.get_waiter("tasks_stopped").wait(cluster=cluster.name, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_nothing_is_left_of_stopped_tasks(cluster):
    definition = cluster.register("leaves", [shell(cluster.image, "sleep 600")])
    before = footprint(cluster.longshore)
    arns = cluster.run(definition, count=2)
    cluster.wait(arns, "RUNNING")
    assert len(running_containers(cluster.longshore)) >= 2
    cluster.stop(arns)
    wait_until("nothing is left", lambda: footprint(cluster.longshore) == before, 30)

"""Every setting of a container and a task, shown by a real task each: see settings.toml, which is the table.

All tasks are started at the beginning, as many as the node takes, and judged one after the other."""

import copy
import json
import os
import re
import time
import tomllib
from pathlib import Path

import botocore.exceptions
import pytest
import requests

from support.ecs import Cluster, address
from support.forward import Bytes
from support.images import busybox_layout, hostile_layout, push
from support.kernel import task_cgroup_value
from support.longshore import POOLS, ROOT, Longshore, binary
from support.process import run as command
from support.process import wait_until

ROWS = tomllib.loads((ROOT / "acceptance" / "settings.toml").read_text())["setting"]
# What takes longest starts first.
ROWS.sort(key=lambda row: not row.get("slow"))
BEFORE_A_TASK = ("register", "run", "placement")


def slug(row):
    return re.sub(r"[^a-zA-Z0-9]+", "-", row["name"]).strip("-")


def containers(row, image):
    """The container definitions of a row."""
    found = []
    ec2 = row.get("launch") == "EC2"
    for part in [*row.get("beside", []), {"name": "main", **row.get("container", {}), "script": row.get("script")}]:
        part = copy.deepcopy(part)
        script = part.pop("script", None)
        if script is not None:
            part["command"] = ["sh", "-c", script]
        part = {"image": image, "essential": True, "stopTimeout": 2, **({"memory": 64} if ec2 else {}), **part}
        found.append({key: value for key, value in part.items() if value != "none"})
    return found


class Run:
    """The rows under way."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.arns = {}
        self.receiver = Bytes()

    def definition(self, row):
        parts = containers(row, self.cluster.image)
        for part in parts:
            part["image"] = part["image"].replace("REGISTRY", self.cluster.longshore.registry)
            options = part.get("logConfiguration", {}).get("options")
            if options:
                places = (("RECEIVER", self.receiver.address), ("COLLECTOR", self.receiver.http_address))
                for name, address in places:
                    options |= {key: value.replace(name, address) for key, value in options.items()}
        if row.get("launch") != "EC2":
            return self.cluster.register(slug(row), parts, **row.get("task", {}))
        for part in parts:
            part.setdefault("logConfiguration", self.cluster.log_configuration(slug(row)))
        return self.cluster.ecs.register_task_definition(
            family=slug(row), containerDefinitions=parts, requiresCompatibilities=["EC2"],
            **{"networkMode": "bridge", **row.get("task", {})})["taskDefinition"]["taskDefinitionArn"]

    def call(self, row, definition):
        """The members of RunTask."""
        ec2 = row.get("launch") == "EC2"
        network = {} if ec2 else {"networkConfiguration": self.cluster.network}
        return {"cluster": self.cluster.name, "taskDefinition": definition, "launchType": "EC2" if ec2 else "FARGATE",
                **network, **row.get("run", {})}

    def start(self, row):
        definition = self.definition(row)
        def placed():
            answer = self.cluster.ecs.run_task(**self.call(row, definition))
            if answer["failures"]:
                # The node is full: earlier tasks will end.
                assert re.search("Capacity is unavailable|RESOURCE:(MEMORY|CPU)", answer["failures"][0]["reason"]), answer["failures"]
                return None
            return answer["tasks"][0]["taskArn"]
        self.arns[row["name"]] = wait_until(f"a place for {row['name']}", placed, 120, 0.2)

    def output(self, row, container="main"):
        return self.cluster.messages(slug(row), self.arns[row["name"]], container)

    def stopped(self, row):
        [task] = self.cluster.wait([self.arns[row["name"]]], "STOPPED", 200)
        return task

    def running(self, row):
        [task] = self.cluster.wait([self.arns[row["name"]]], "RUNNING", 120)
        return task


@pytest.fixture(scope="module")
def run(tmp_path_factory, request):
    # The machine is a container instance of the cluster too, for what Fargate does not have.
    longshore = Longshore(network_pool=POOLS[1], options=["--instance-cluster", "settings"]).start()
    try:
        yield from run_on(longshore, tmp_path_factory, request)
    finally:
        longshore.remove()


def run_on(longshore, tmp_path_factory, request):
    cluster = Cluster(longshore, "settings")
    cluster.ecr.create_repository(repositoryName="box")
    push(longshore, hostile_layout(tmp_path_factory.mktemp("hostile") / "layout"), "box", "hostile")
    layout = busybox_layout(tmp_path_factory.mktemp("box") / "layout", env=["FROM_IMAGE=image"])
    cluster.image = push(longshore, layout, "box")
    (longshore.dir / "app.env").write_text("# of a file\nA=file\nB=file\n")
    command([binary(), "files", "put", "arn:aws:s3:::settings/app.env", longshore.dir / "app.env", "--data-dir", longshore.data])
    run = Run(cluster)
    chosen = {item.callspec.params["row"]["name"] for item in request.session.items if "row" in getattr(item, "callspec", _NONE).params}
    for row in ROWS:
        if row["name"] in chosen and row.get("refused", {}).get("at") not in BEFORE_A_TASK:
            run.start(row)
    yield run
    for arn in run.arns.values():
        cluster.ecs.stop_task(cluster=cluster.name, task=arn)
    cluster.wait(list(run.arns.values()), "STOPPED", 120)


class _NONE:
    params = {}


@pytest.mark.parametrize("row", ROWS, ids=slug)
def test_setting(run, row):
    if "refused" in row:
        return judge_refusal(run, row, row["refused"])
    if "probe" in row:
        PROBES[row["probe"]](run, row)
    if "expect" in row or "absent" in row:
        judge_output(run, row)


def judge_output(run, row):
    task = run.stopped(row)
    main = container(task, "main")
    wanted = row.get("expect", [])
    def complete():
        text = "\n".join(run.output(row))
        at = 0
        for pattern in wanted:
            found = re.compile(pattern, re.MULTILINE).search(text, 0 if row.get("unordered") else at)
            assert found, f"{pattern!r} is missing in:\n{text}"
            at = found.end()
        return text or not wanted
    text = wait_until(f"the output of {row['name']}", complete, 20)
    for pattern in row.get("absent", []):
        assert not re.search(pattern, text, re.MULTILINE), text
    assert main.get("exitCode") == row.get("exit", 0), (main, text)


def judge_refusal(run, row, refused):
    at, text = refused["at"], refused["text"]
    if at in ("task", "container"):
        task = run.stopped(row)
        assert task["stopCode"] == refused["error"], task
        said = task["stoppedReason"] if at == "task" else container(task, "main")["reason"]
        assert re.search(text, said), said
        return
    if at == "register":
        with pytest.raises(botocore.exceptions.ClientError) as error:
            run.definition(row)
    else:
        definition = run.definition(row)
        call = run.call(row, definition)
        if at == "placement":
            [failure] = run.cluster.ecs.run_task(**call)["failures"]
            assert refused["error"] in failure["reason"] and re.search(text, failure.get("detail", "")), failure
            return
        with pytest.raises(botocore.exceptions.ClientError) as error:
            run.cluster.ecs.run_task(**call)
    assert error.value.response["Error"]["Code"] == refused["error"], error.value
    assert re.search(text, error.value.response["Error"]["Message"]), error.value


def container(task, name):
    return next(c for c in task["containers"] if c["name"] == name)


# -- what is judged from outside --------------------------------------------------------------------------------------

def reached_its_receiver(run, row):
    run.stopped(row)
    said = row["script"].removeprefix("echo ").encode()
    wait_until(f"{said} at the receiver", lambda: said in bytes(run.receiver.seen), 30)


def written_to_a_file(run, row):
    name = container(run.stopped(row), "main")["runtimeId"]
    path = run.cluster.longshore.data / "agent" / "containers" / name / f"{name}-json.log"
    entry = json.loads(wait_until("a line", lambda: path.exists() and path.read_text(), 30))
    assert entry["log"] == "to a file\n" and entry["attrs"]["tag"].startswith("ecs-logConfiguration-json-file-")


def digest_is_reported(run, row):
    task = run.stopped(row)
    [image] = run.cluster.ecr.describe_images(repositoryName="box", imageIds=[{"imageTag": "latest"}])["imageDetails"]
    assert container(task, "main")["imageDigest"] == image["imageDigest"]


def pulled_by_digest(run, row):
    [image] = run.cluster.ecr.describe_images(repositoryName="box", imageIds=[{"imageTag": "latest"}])["imageDetails"]
    name = run.cluster.image.rsplit(":", 1)[0] + "@" + image["imageDigest"]
    definition = run.cluster.register("by-digest", [{"name": "main", "image": name, "command": ["echo", "by digest"]}])
    [arn] = run.cluster.run(definition)
    [task] = run.cluster.wait([arn], "STOPPED")
    assert (container(task, "main")["imageDigest"], container(task, "main")["exitCode"]) == (image["imageDigest"], 0)


def short_ended_with_4(run, row):
    assert container(run.stopped(row), "short")["exitCode"] == 4


def ignored_ended_with_7(run, row):
    assert container(run.stopped(row), "ignored")["exitCode"] == 7


def dependency_failed(run, row):
    dependency_told(run, row, "dependency did not exit successfully")


def dependency_timed_out(run, row):
    dependency_told(run, row, "has timed out")


def dependency_told(run, row, text):
    task = run.stopped(row)
    main = container(task, "main")
    assert task["stopCode"] == "TaskFailedToStart", task
    assert (main["exitCode"], text in main["reason"]) == (row["exit"], True), main


def killed_after_two_seconds(run, row):
    task = run.running(row)
    run.cluster.wait_for_message(slug(row), task["taskArn"], "main", "up")
    begun = time.monotonic()
    run.cluster.ecs.stop_task(cluster=run.cluster.name, task=task["taskArn"])
    task = run.stopped(row)
    assert container(task, "main")["exitCode"] == 137
    assert 2 <= time.monotonic() - begun < 20


def becomes_healthy(run, row):
    becomes(run, row, "HEALTHY")


def becomes_unhealthy(run, row):
    becomes(run, row, "UNHEALTHY")


def becomes(run, row, health):
    arn = run.running(row)["taskArn"]
    def seen():
        [task] = run.cluster.describe([arn])
        return (task["healthStatus"], container(task, "main")["healthStatus"]) == (health, health)
    wait_until(f"{row['name']} is {health}", seen, 60)


def task_has_a_quarter_core(run, row):
    arn = run.running(row)["taskArn"]
    value = task_cgroup_value(run.cluster.longshore, arn, ("cpu", "cpu.cfs_quota_us"), "cpu.max")
    assert value in ("25000", "25000 100000")


def task_has_half_a_gibibyte(run, row):
    arn = run.running(row)["taskArn"]
    value = task_cgroup_value(run.cluster.longshore, arn, ("memory", "memory.limit_in_bytes"), "memory.max")
    assert int(value) == 512 << 20


def out_of_memory_is_told(run, row):
    main = container(run.stopped(row), "main")
    assert (main["exitCode"], main["reason"]) == (137, "OutOfMemoryError: Container killed due to memory usage")


def answers_on_8080(run, row):
    answers(run, row, 8080)


def answers_on_8080_and_8082(run, row):
    answers(run, row, 8080)
    answers(run, row, 8082)


def answers(run, row, port):
    task = run.running(row)
    answer = wait_until("the task answers", lambda: requests.get(f"http://{address(task)}:{port}/", timeout=2))
    assert answer.text == "hello\n"


def both_answer_on_dynamic_ports(run, row):
    task = run.running(row)
    bindings = {c["name"]: c["networkBindings"] for c in task["containers"]}
    for name in ("main", "other"):
        [binding] = bindings[name]
        assert binding["containerPort"] == 80 and 49153 <= binding["hostPort"] <= 65535, binding
        answer = wait_until(f"{name} answers", lambda: requests.get(f"http://127.0.0.1:{binding['hostPort']}/", timeout=2))
        assert answer.text == f"{name}\n"


def both_ports_of_the_range_answer(run, row):
    bindings = container(run.running(row), "main")["networkBindings"]
    ports = {binding["containerPort"]: binding["hostPort"] for binding in bindings if "containerPort" in binding}
    if not ports:
        [binding] = bindings
        first, last = map(int, binding["hostPortRange"].split("-"))
        ports = {8080: first, 8081: last}
    assert set(ports) == {8080, 8081}, bindings
    for port in ports.values():
        wait_until("the port answers", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2))


def is_on_the_node(run, row):
    run.stopped(row)
    name, links, *_ = wait_until("the output", lambda: run.output(row))
    assert name == os.uname().nodename and int(links) >= 2


def has_the_nodes_capabilities(run, row):
    run.stopped(row)
    own = re.search("CapBnd:.*", Path("/proc/self/status").read_text())[0]
    wait_until("the output", lambda: own in run.output(row))


def is_in_the_nodes_pid_namespace(run, row):
    is_in_the_nodes(run, row, "pid")


def is_in_the_nodes_ipc_namespace(run, row):
    is_in_the_nodes(run, row, "ipc")


def is_in_the_nodes(run, row, kind):
    run.stopped(row)
    wait_until("the output", lambda: run.output(row) == [os.readlink(f"/proc/self/ns/{kind}")])


def the_next_task_finds_it(run, row):
    run.stopped(row)
    run.start(row)
    run.stopped(row)
    wait_until("the second task's output", lambda: run.output(row) == ["kept"])


def has_its_address(run, row):
    task = run.stopped(row)
    details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
    seen = wait_until("the output", lambda: "\n".join(run.output(row)))
    for name in ("privateIPv4Address", "macAddress", "privateDnsName"):
        assert details[name] in seen, (name, details[name], seen)


PROBES = {name: value for name, value in globals().items() if callable(value) and not name.startswith(("test_", "judge_", "_"))}


def test_every_row_is_judged():
    for row in ROWS:
        assert "refused" in row or "expect" in row or "probe" in row, row["name"]
        assert row.get("probe") is None or row["probe"] in PROBES, row["probe"]
    assert len({slug(row) for row in ROWS}) == len(ROWS), json.dumps(sorted(slug(row) for row in ROWS))

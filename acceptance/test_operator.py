"""The operator's commands: ps, top, logs and exec, by the profile that `up` wrote."""

import json
import os
import pty
import select
import subprocess
import threading
import time

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import binary
from support.process import run

SCRIPT = "trap 'echo bye; exit 0' TERM; for i in 1 2 3; do echo line-$i; done; while :; do sleep 0.2; done"


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "operator")
    cluster.ecr.create_repository(repositoryName="opbox")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "opbox")
    return cluster


@pytest.fixture(scope="module")
def task(cluster):
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", SCRIPT], "essential": True}
    [arn] = cluster.run(cluster.register("operator", [container]), enableExecuteCommand=True)
    [task] = cluster.wait([arn], "RUNNING")
    cluster.wait_for_message("operator", arn, "main", "line-3")
    yield task
    cluster.stop([arn])


def longshore(cluster, *argv, **more):
    return subprocess.run([str(binary()), *argv], env=cluster.longshore.environment(), capture_output=True, text=True,
                          timeout=60, **more)


def task_id(task):
    return task["taskArn"].rsplit("/", 1)[1]


def test_status_and_env_know_the_longshore_of_the_profile(cluster):
    told = json.loads(longshore(cluster, "status", "--output", "json").stdout)
    assert (told["endpoint"], told["profile"]) == (cluster.longshore.endpoint, "longshore")
    assert f"export AWS_ENDPOINT_URL={cluster.longshore.endpoint}" in longshore(cluster, "env").stdout
    assert longshore(cluster, "status", "--data-dir", "/nowhere").returncode != 0


def test_ps_shows_a_table_or_json(cluster, task):
    shown = longshore(cluster, "ps")
    assert shown.returncode == 0, shown.stderr
    header, *lines = shown.stdout.splitlines()
    assert header.split() == ["TASK", "CLUSTER", "DEFINITION", "STATUS", "HEALTH", "AGE", "ADDRESS"]
    [line] = [line.split() for line in lines if line.split()[0] == task_id(task)[:12]]
    assert line[1:4] == ["operator", "operator:1", "RUNNING"]
    assert max(map(len, shown.stdout.splitlines())) <= 120
    tasks = json.loads(longshore(cluster, "ps", "--cluster", "operator", "--output", "json").stdout)["tasks"]
    assert [t["taskArn"] for t in tasks] == [task["taskArn"]]


def test_top_shows_what_containers_use(cluster, task):
    shown = longshore(cluster, "top")
    assert shown.returncode == 0, shown.stderr
    header, *lines = shown.stdout.splitlines()
    assert header.split() == ["TASK", "CONTAINER", "CPU", "%", "MEMORY", "LIMIT", "NET", "IN", "NET", "OUT", "PIDS"]
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert any(line.split()[:2] == [task_id(task)[:12], "main"] for line in lines), shown.stdout
    told = json.loads(longshore(cluster, "top", "--cluster", "operator", "--output", "json").stdout)["containers"]
    [main] = [c for c in told if c["task"] == task_id(task)]
    assert 0 < main["memoryBytes"] < main["memoryLimitBytes"] == 512 << 20
    assert main["processes"] >= 1 and main["cpuPercent"] < 100


def test_logs_prints_and_follows(cluster, task):
    assert longshore(cluster, "logs", task_id(task)[:10]).stdout.splitlines()[:3] == ["line-1", "line-2", "line-3"]
    missing = longshore(cluster, "logs", "ffff0000")
    assert missing.returncode == 1 and "there is no task ffff0000" in missing.stderr
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", SCRIPT], "essential": True}
    [arn] = cluster.run(cluster.register("followed", [container]))
    cluster.wait([arn], "RUNNING")
    stopper = threading.Timer(1, cluster.stop, args=([arn],))
    stopper.start()
    followed = longshore(cluster, "logs", "-f", arn)
    stopper.join()
    assert followed.stdout.splitlines() == ["line-1", "line-2", "line-3", "bye"], followed


def test_exec_without_a_terminal_is_a_pipe(cluster, task):
    done = longshore(cluster, "exec", task_id(task)[:10], "--", "sh", "-c", "cat; echo 'it is' >&2; exit 5", input="through")
    assert (done.stdout, done.stderr, done.returncode) == ("through", "it is\n", 5)
    done = longshore(cluster, "exec", task["taskArn"], "-c", "main", "--", "/no/such", input="")
    assert done.returncode == 126 and "/no/such" in done.stderr
    done = longshore(cluster, "exec", task["taskArn"], "-c", "other", "--", "true", input="")
    assert done.returncode == 1 and "InvalidParameterException" in done.stderr


def test_exec_at_a_terminal_is_one(cluster, task):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(str(binary()), ["longshore", "exec", task_id(task), "--", "sh"], cluster.longshore.environment())
    shown = b""
    def read_until(text):
        nonlocal shown
        deadline = time.monotonic() + 60
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096)
    read_until(b"# ")
    os.write(terminal, b"tty; echo in-$((1+1)); exit 9\n")
    read_until(b"in-2")
    assert b"/dev/pts/" in shown
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 9

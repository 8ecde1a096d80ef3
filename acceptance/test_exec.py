"""ECS Exec: the npm package ssm-session and a client of our own against running containers."""

import hashlib
import json
import threading
from pathlib import Path

import botocore.exceptions
import pytest
import websocket

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import POOLS, ROOT, Longshore
from support.process import run, wait_until
from support.session import FLAG, Session

PARK = "trap 'exit 0' TERM; echo up; while :; do sleep 0.2; done"


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "exec")
    cluster.ecr.create_repository(repositoryName="execbox")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "execbox")
    return cluster


def park(cluster, name="main", **more):
    return {"name": name, "image": cluster.image, "command": ["sh", "-c", PARK], "essential": True, "user": "nobody",
            "environment": [{"name": "COLOUR", "value": "red"}]} | more


@pytest.fixture(scope="module")
def task(cluster):
    """A task that may be executed in, with one container."""
    [arn] = cluster.run(cluster.register("exec", [park(cluster)]), enableExecuteCommand=True)
    [task] = cluster.wait([arn], "RUNNING")
    yield task
    cluster.stop([arn])


def execute(cluster, task, command, **more):
    answer = cluster.ecs.execute_command(cluster=cluster.name, task=task["taskArn"], command=command, interactive=True, **more)
    return answer["session"]


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as told:
        call(**arguments)
    return told.value.response["Error"]["Code"], told.value.response["Error"]["Message"]


def test_the_answer_and_the_agent_are_described(cluster, task):
    assert task["enableExecuteCommand"] is True
    [agent] = task["containers"][0]["managedAgents"]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING") and agent["lastStartedAt"]
    answer = cluster.ecs.execute_command(cluster=cluster.name, task=task["taskArn"], command="true", interactive=True)
    assert answer["containerName"] == "main" and answer["interactive"] is True
    assert answer["containerArn"] == task["containers"][0]["containerArn"] and answer["taskArn"] == task["taskArn"]
    assert answer["session"]["sessionId"].startswith("ecs-execute-command-")
    assert answer["session"]["streamUrl"].startswith(f"ws://127.0.0.1:{cluster.longshore.port}/v1/data-channel/")


def test_ssm_session_from_npm_gets_a_shell_and_resizes_it(cluster, task):
    session = execute(cluster, task, "/bin/sh")
    shown = run(["node", ROOT / "acceptance" / "node" / "shell.js", session["streamUrl"], session["tokenValue"]], timeout=120)
    assert "24 80" in shown and "first-42" in shown and "40 120" in shown and "second-2" in shown, shown


def test_a_shell_runs_as_root_in_the_containers_environment(cluster, task):
    shell = Session(execute(cluster, task, "/bin/sh"))
    shell.resize(100, 30)
    shell.type("id -u; echo $COLOUR $TERM; stty size; tty; echo done-$((1+1))\n")
    shell.wait_for("done-2")
    for expected in (b"\n0\r\n", b"red xterm-256color", b"30 100", b"/dev/pts/"):
        assert expected in shell.output, shell.output
    shell.type("echo begun-$((1+1)); cat\n")
    shell.wait_for("begun-2")
    before = len(shell.output)
    shell.type("\x03")
    # The terminal throws away what is typed before the shell prompts again.
    shell.until(lambda: b"# " in shell.output[before:])
    shell.type("echo still-$((40+2)); exit 3\n")
    shell.wait_for("still-42")
    closed = shell.wait_for_end()
    assert (closed["MessageType"], closed["SessionId"], closed["Output"]) == ("channel_closed", shell.id, "")
    assert shell.exit_code is None, "AWS's clients would print it"


def test_commands_end_by_themselves_and_tell_why_they_did_not_start(cluster, task):
    once = Session(execute(cluster, task, "sh -c 'echo \"a  b\"; echo $0' zero"))
    once.wait_for_end()
    assert once.output == b"a  b\r\nzero\r\n"
    missing = Session(execute(cluster, task, "/no/such/thing"))
    assert "/no/such/thing" in missing.wait_for_end()["Output"]


def test_without_a_terminal_errors_and_exit_codes_come_apart(cluster, task):
    plain = Session(execute(cluster, task, "sh -c 'cat; echo oops >&2; exit 7'"), terminal=False)
    plain.type("typed")
    plain.send(1, b"")
    plain.wait_for_end()
    assert (plain.output, plain.stderr, plain.exit_code) == (b"typed", b"oops\n", 7)


def test_clients_that_know_of_no_handshake_are_served(cluster, task):
    old = Session(execute(cluster, task, "/bin/sh"), handshake=False)
    old.type("echo old-$((1+1)); exit\n")
    old.wait_for("old-2").wait_for_end()


def test_ten_megabytes_arrive_whole(cluster, task):
    size = 10 * 1024 * 1024
    script = f"stty -opost 2>/dev/null; yes 0123456789abcde | head -c {size}"
    big = Session(execute(cluster, task, f"sh -c '{script}'"))
    big.wait_for_end(timeout=300)
    expected = (b"0123456789abcde\n" * (size // 16 + 1))[:size]
    assert len(big.output) == size and hashlib.sha256(big.output).digest() == hashlib.sha256(expected).digest()


def test_what_is_not_acknowledged_comes_again_and_early_input_waits(cluster, task):
    deaf = Session(execute(cluster, task, "/bin/sh"), acknowledge=False)
    deaf.until(lambda: deaf.seen.count(("output_stream_data", 0, 5)) >= 2)
    deaf.acknowledges = True
    first = deaf.next
    deaf.send(1, b"-$((1+1)); exit\n", sequence=first + 1)
    deaf.send(1, b"echo order", sequence=first)
    deaf.wait_for("order-2").wait_for_end()


def test_sessions_run_side_by_side(cluster, task):
    sessions = [Session(execute(cluster, task, "/bin/sh")) for _ in range(5)]
    for number, session in enumerate(sessions):
        session.type(f"echo mine-$(({number}+100)); exit\n")
    for number, session in enumerate(sessions):
        session.wait_for(f"mine-{number + 100}").wait_for_end()


def test_tokens_open_their_own_session_once(cluster, task):
    session = execute(cluster, task, "/bin/sh")
    def turned_away(token, url=session["streamUrl"]):
        client = Session(session | {"tokenValue": token, "streamUrl": url})
        assert not client.receive()
        assert client.close_code == 1008
    turned_away("wrong")
    turned_away(session["tokenValue"], url=session["streamUrl"].replace("ecs-execute-command-0", "ecs-execute-command-1"))
    opened = Session(session)
    opened.until(lambda: opened.seen)
    turned_away(session["tokenValue"])
    opened.send(FLAG, (2).to_bytes(4, "big"))
    opened.wait_for_end()
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(f"ws://127.0.0.1:{cluster.longshore.port}/")


def test_refusals_are_ecss_own(cluster, task):
    call = cluster.ecs.execute_command
    plain = {"cluster": cluster.name, "task": task["taskArn"], "command": "sh"}
    assert refused(call, **plain, interactive=False) == (
        "InvalidParameterException", "Interactive is the only mode supported currently.")
    assert refused(call, **plain | {"task": "0" * 32}, interactive=True) == (
        "InvalidParameterException", "The referenced task was not found.")
    assert refused(call, **plain | {"command": " "}, interactive=True)[0] == "InvalidParameterException"
    assert refused(call, **plain | {"cluster": "nope"}, interactive=True)[0] == "ClusterNotFoundException"
    assert refused(call, **plain, container="other", interactive=True)[0] == "InvalidParameterException"
    [arn] = cluster.run(cluster.register("noexec", [park(cluster), park(cluster, "side")]))
    cluster.wait([arn], "RUNNING")
    two = plain | {"task": arn, "interactive": True}
    assert "Container name" in refused(call, **two)[1]
    code, text = refused(call, **two, container="side")
    assert code == "InvalidParameterException" and "execute command was not enabled when the task was run" in text
    cluster.stop([arn])


def test_sessions_are_logged_where_the_cluster_says(cluster):
    cluster.logs.create_log_group(logGroupName="/exec/log")
    cluster.ecs.update_cluster(cluster=cluster.name, configuration={"executeCommandConfiguration": {
        "logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/exec/log"}}})
    code, _ = refused(cluster.ecs.update_cluster, cluster=cluster.name, configuration={"executeCommandConfiguration": {
        "logging": "OVERRIDE", "logConfiguration": {"s3BucketName": "bucket"}}})
    assert code == "InvalidParameterException"
    [arn] = cluster.run(cluster.register("logged", [park(cluster)]), enableExecuteCommand=True)
    [task] = cluster.wait([arn], "RUNNING")
    logged = Session(execute(cluster, task, "sh -c 'echo one; echo two'"))
    logged.wait_for_end()
    def lines():
        found = cluster.logs.filter_log_events(logGroupName="/exec/log", logStreamNames=[logged.id])["events"]
        return [event["message"] for event in found]
    wait_until("the session is logged", lambda: lines() == ["one", "two"])
    open_shell = Session(execute(cluster, task, "/bin/sh"))
    open_shell.wait_for("#")
    stopper = threading.Thread(target=cluster.stop, args=([arn],))
    stopper.start()
    assert open_shell.wait_for_end() is not None, "a session ends with its task"
    stopper.join()
    assert refused(cluster.ecs.execute_command, cluster=cluster.name, task=arn, command="sh", interactive=True)[0] == \
        "InvalidParameterException"
    cluster.ecs.update_cluster(cluster=cluster.name, configuration={"executeCommandConfiguration": {"logging": "NONE"}})


def test_the_aws_cli_hands_the_plugin_what_it_needs(cluster, task, tmp_path):
    """The plugin is not in a package registry: a stand-in records how the CLI calls it."""
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text(f"#!/bin/sh\n[ $# = 0 ] || printf '%s\\n' \"$@\" > {tmp_path}/arguments\n")
    plugin.chmod(0o755)
    env = cluster.longshore.environment()
    env["PATH"] = f"{tmp_path}:{env['PATH']}"
    run([ROOT / ".venv" / "bin" / "aws", "ecs", "execute-command", "--cluster", cluster.name, "--task", task["taskArn"],
         "--interactive", "--command", "/bin/sh"], env=env)
    session, region, operation, _profile, target, endpoint = (tmp_path / "arguments").read_text().splitlines()
    assert (region, operation, endpoint) == (cluster.longshore.region, "StartSession", cluster.longshore.endpoint)
    assert json.loads(target)["Target"].endswith(task["containers"][0]["runtimeId"])
    shell = Session(json.loads(session))
    shell.type("exit\n")
    shell.wait_for_end()


def test_idle_sessions_end_and_a_killed_longshore_leaves_no_command(tmp_path):
    longshore = Longshore(network_pool=POOLS[1], options=["--exec-idle-timeout", "3"])
    try:
        cluster = Cluster(longshore.start(), "idle")
        cluster.ecr.create_repository(repositoryName="idle")
        cluster.image = push(longshore, busybox_layout(tmp_path / "layout"), "idle")
        [arn] = cluster.run(cluster.register("idle", [park(cluster)]), enableExecuteCommand=True)
        [task] = cluster.wait([arn], "RUNNING")

        silent = Session(execute(cluster, task, "sleep 1001"))
        assert "timed out due to inactivity" in json.dumps(silent.wait_for_end(timeout=60))
        wait_until("the idle command has ended", lambda: not commands("sleep 1001"), 30)

        # One that says something is not idle, and its end is the end of its server.
        talking = Session(execute(cluster, task, "sh -c 'while :; do echo tick; sleep 1; done & exec sleep 1002'"))
        talking.wait_for("tick\r\ntick\r\ntick\r\ntick\r\ntick")
        longshore.kill()
        assert commands("sleep 1002"), "nobody has ended it yet"
        longshore.start()
        wait_until("what the killed one left is ended", lambda: not commands("sleep 1002"), 30)
        cluster.wait([arn], "RUNNING")
        cluster.stop([arn])
    finally:
        longshore.remove()


def commands(line):
    """The processes on this machine with this command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode() == line:
                found.append(int(entry.name))
        except (OSError, UnicodeDecodeError):
            continue
    return found

"""CloudWatch Logs by other people's clients: Live Tail, awslogs, watchtower, `aws logs tail`, Docker's own driver."""

import json
import logging
import os
import time

import botocore.exceptions
import pytest
import watchtower

from support.docker import Docker
from support.images import busybox_layout
from support.longshore import VENV
from support.process import Started, run, wait_until


@pytest.fixture(scope="module")
def logs(api):
    return api.client("logs")


def put(logs, group, stream, *messages):
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName=stream,
                        logEvents=[{"timestamp": now, "message": message} for message in messages])


def group(logs, name, *streams):
    logs.create_log_group(logGroupName=name)
    for stream in streams:
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    [found] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return found["logGroupArn"]


def live(api, **arguments):
    """The events of a Live Tail session, one at a time; botocore checks the frames' checksums."""
    return api.client("logs").start_live_tail(**arguments)["responseStream"]


def test_live_tail_shows_what_comes_in_and_matches(api, logs):
    arn = group(logs, "/live/a", "app-1", "other")
    stream = live(api, logGroupIdentifiers=[arn], logEventFilterPattern="ERROR", logStreamNamePrefixes=["app"])
    events = iter(stream)
    start = next(events)["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR" and start["sessionId"]
    put(logs, "/live/a", "app-1", "fine", "ERROR one")
    put(logs, "/live/a", "other", "ERROR elsewhere")
    put(logs, "/live/a", "app-1", "ERROR two")
    seen, updates = [], 0
    for event in events:
        updates += 1
        assert event["sessionUpdate"]["sessionMetadata"]["sampled"] is False
        seen += event["sessionUpdate"]["sessionResults"]
        if len(seen) >= 2 or updates > 20:
            break
    stream.close()
    assert [e["message"] for e in seen] == ["ERROR one", "ERROR two"]
    assert seen[0]["logStreamName"] == "app-1" and seen[0]["logGroupIdentifier"] == f"{api.account}:/live/a"


def test_live_tail_samples_what_is_too_much(api, logs):
    arn = group(logs, "/live/busy", "s")
    stream = live(api, logGroupIdentifiers=[arn])
    events = iter(stream)
    next(events)
    put(logs, "/live/busy", "s", *(f"line {n}" for n in range(2000)))
    for event in events:
        update = event["sessionUpdate"]
        if update["sessionResults"]:
            break
    stream.close()
    assert len(update["sessionResults"]) == 500 and update["sessionMetadata"]["sampled"] is True


def test_live_tail_refuses_as_the_service_does(api, logs):
    arn = group(logs, "/live/refused", "s")
    def refused(**arguments):
        with pytest.raises(botocore.exceptions.ClientError) as told:
            live(api, **arguments)
        return told.value.response["Error"]["Code"]
    assert refused(logGroupIdentifiers=["/live/refused"]) == "InvalidParameterException"
    assert refused(logGroupIdentifiers=[arn + ":*"]) == "InvalidParameterException"
    assert refused(logGroupIdentifiers=[arn.replace("refused", "missing")]) == "ResourceNotFoundException"
    assert refused(logGroupIdentifiers=[arn], logStreamNames=["s"], logStreamNamePrefixes=["s"]) == "InvalidParameterException"
    assert refused(logGroupIdentifiers=[arn], logEventFilterPattern="{ $.a = ") == "InvalidParameterException"
    streams = [live(api, logGroupIdentifiers=[arn]) for _ in range(15)]
    assert refused(logGroupIdentifiers=[arn]) == "LimitExceededException"
    for stream in streams:
        stream.close()
    def again():
        try:
            return live(api, logGroupIdentifiers=[arn])
        except botocore.exceptions.ClientError:
            return None
    wait_until("a session is free again", again, 30, 0.5).close()


def test_awslogs_lists_and_gets(api, logs):
    group(logs, "/awslogs/web", "one", "two")
    put(logs, "/awslogs/web", "one", "GET /index 200", "GET /nope 404")
    put(logs, "/awslogs/web", "two", "POST /form 500")
    def awslogs(*argv):
        return run([VENV / "awslogs", *argv, "--aws-endpoint-url", api.endpoint, "--aws-region", api.region],
                   env=api.environment() | {"AWS_PROFILE": "longshore"})
    assert "/awslogs/web" in awslogs("groups").splitlines()
    assert sorted(awslogs("streams", "/awslogs/web").split()) == ["one", "two"]
    lines = awslogs("get", "/awslogs/web", "ALL", "--no-color", "-s5m").splitlines()
    assert sorted(" ".join(line.split()) for line in lines) == ["/awslogs/web one GET /index 200", "/awslogs/web one GET /nope 404", "/awslogs/web two POST /form 500"]
    assert "404" in awslogs("get", "/awslogs/web", "-f", "404", "--no-color", "-GS")


def test_watchtower_logs_pythons_records(api, logs):
    handler = watchtower.CloudWatchLogHandler(
        log_group_name="/watchtower", log_stream_name="py", boto3_client=api.client("logs"), send_interval=1)
    logger = logging.getLogger("watchtower-test")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    for n in range(100):
        logger.info("record %d", n)
    logger.info({"structured": True})
    handler.close()
    logger.removeHandler(handler)
    messages = [e["message"] for e in logs.get_log_events(logGroupName="/watchtower", logStreamName="py", startFromHead=True)["events"]]
    assert messages[:100] == [f"record {n}" for n in range(100)] and json.loads(messages[100]) == {"structured": True}


def test_debians_aws_logs_tail_follows(api, logs, tmp_path):
    group(logs, "/followed", "s")
    env = api.environment() | {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
    tail = Started(["/usr/bin/aws", "--endpoint-url", api.endpoint, "logs", "tail", "/followed", "--follow", "--format", "short"],
                   tmp_path / "tail.log", env=env)
    try:
        for n in range(3):
            put(logs, "/followed", "s", f"followed {n}")
            wait_until(f"line {n} is shown", lambda: f"followed {n}" in tail.tail(), 60, 0.2)
        assert tail.tail().count("followed ") == 3
    finally:
        tail.kill()


def test_dockers_own_driver_writes_here(api, logs, tmp_path):
    key, secret = api.credentials()
    os.environ |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    try:
        docker = Docker().start()
    finally:
        del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    try:
        layout = busybox_layout(tmp_path / "layout")
        run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", f"docker-archive:{tmp_path}/box.tar:box:latest"])
        docker.run("load", "-i", str(tmp_path / "box.tar"))
        script = "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; printf 'no end'"
        docker.run("run", "--rm", "--network=none", "--log-driver=awslogs", "--log-opt", f"awslogs-endpoint={api.endpoint}",
                   "--log-opt", f"awslogs-region={api.region}", "--log-opt", "awslogs-group=/docker", "--log-opt",
                   "awslogs-create-group=true", "--log-opt", "awslogs-stream=box", "box", "sh", "-c", script)
        def messages():
            return [e["message"] for e in logs.get_log_events(logGroupName="/docker", logStreamName="box", startFromHead=True)["events"]]
        wait_until("all lines have come", lambda: len(messages()) >= 201, 60, 0.2)
        assert messages() == [f"line {n}" for n in range(200)] + ["no end"]
    finally:
        docker.remove()

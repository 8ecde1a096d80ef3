"""Events on their way out: subscriptions to groups and endpoints, exports; and limits of what comes in."""

import gzip
import time

import botocore.exceptions
import pytest

from support.longshore import POOLS, Longshore, binary
from support.process import run, wait_until
from support.receiver import Receiver


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def group(logs, name, *streams):
    logs.create_log_group(logGroupName=name)
    for stream in streams:
        logs.create_log_stream(logGroupName=name, logStreamName=stream)


def put(logs, group, stream, *messages):
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": now, "message": m} for m in messages])


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as told:
        call(**arguments)
    return told.value.response["Error"]


def test_an_endpoint_gets_awss_messages(api, receiver):
    logs = api.client("logs")
    group(logs, "/web", "one", "two")
    put(logs, "/web", "one", "1.2.3.4 GET 500 before the filter")
    logs.put_subscription_filter(logGroupName="/web", filterName="errors", filterPattern="[ip, method, status=5*, ...]", destinationArn=receiver.url)
    [control] = receiver.messages
    assert control["messageType"] == "CONTROL_MESSAGE" and control["logEvents"][0]["message"].startswith("CWL CONTROL MESSAGE")
    put(logs, "/web", "one", "1.2.3.4 GET 200 fine", "1.2.3.4 GET 500 broken")
    put(logs, "/web", "two", "5.6.7.8 POST 503 busy")
    wait_until("both have come", lambda: len(receiver.events()) >= 2, 60)
    by_stream = {m["logStream"]: m for m in receiver.data()}
    one = by_stream["one"]
    assert (one["owner"], one["logGroup"], one["subscriptionFilters"]) == (api.account, "/web", ["errors"])
    [event] = one["logEvents"]
    assert event["message"] == "1.2.3.4 GET 500 broken" and len(event["id"]) == 56
    assert {k: event["extractedFields"][k] for k in ("ip", "method", "status")} == {"ip": "1.2.3.4", "method": "GET", "status": "500"}
    assert [e["message"] for e in by_stream["two"]["logEvents"]] == ["5.6.7.8 POST 503 busy"]
    logs.delete_log_group(logGroupName="/web")


def test_an_endpoint_that_refuses_the_test_message_is_no_destination(api, receiver):
    logs = api.client("logs")
    group(logs, "/refused", "s")
    receiver.failing = True
    error = refused(logs.put_subscription_filter, logGroupName="/refused", filterName="f", filterPattern="", destinationArn=receiver.url)
    assert error["Code"] == "InvalidParameterException" and "Could not deliver test message" in error["Message"]
    assert receiver.refused == 1 and logs.describe_subscription_filters(logGroupName="/refused")["subscriptionFilters"] == []


def test_a_group_gets_what_another_passes_on(api):
    logs = api.client("logs")
    group(logs, "/from", "s")
    group(logs, "/to")
    arn = logs.describe_log_groups(logGroupNamePrefix="/to")["logGroups"][0]["arn"]
    logs.put_subscription_filter(logGroupName="/from", filterName="f", filterPattern="?ERROR ?WARN", destinationArn=arn)
    put(logs, "/from", "s", "ERROR a", "fine", "WARN b")
    found = lambda: [e["message"] for e in logs.filter_log_events(logGroupName="/to")["events"]]
    wait_until("both are there", lambda: len(found()) >= 2, 60, 0.2)
    assert found() == ["ERROR a", "WARN b"]


def test_nothing_is_lost_while_the_endpoint_fails_and_longshore_is_killed(receiver):
    longshore = Longshore(node=False, network_pool=POOLS[1]).start()
    try:
        logs = longshore.client("logs")
        group(logs, "/app", "s")
        logs.put_subscription_filter(logGroupName="/app", filterName="all", filterPattern="", destinationArn=receiver.url)
        put(logs, "/app", "s", *(f"early {n}" for n in range(1000)))
        wait_until("the first have come", lambda: len(receiver.events()) >= 1000, 60)
        receiver.failing = True
        for batch in range(10):
            put(logs, "/app", "s", *(f"late {batch * 1000 + n}" for n in range(1000)))
        wait_until("it was tried", lambda: receiver.refused, 60)
        longshore.kill()
        receiver.failing = False
        longshore.start()
        expected = {f"early {n}" for n in range(1000)} | {f"late {n}" for n in range(10_000)}
        wait_until("all have come", lambda: set(receiver.events()) == expected, 60, 0.2)
        # At least once: what had been passed on before is not passed on again.
        assert len(receiver.events()) == len(expected)
    finally:
        longshore.remove()


def test_an_export_is_written_and_read(api, tmp_path):
    logs = api.client("logs")
    group(logs, "/export", "web/1")
    put(logs, "/export", "web/1", *(f"line {n}" for n in range(2000)))
    now = int(time.time() * 1000)
    task = logs.create_export_task(logGroupName="/export", **{"from": now - 3_600_000, "to": now + 3_600_000, "destination": "kept-logs", "destinationPrefix": "daily"})["taskId"]
    def status():
        return logs.describe_export_tasks(taskId=task)["exportTasks"][0]["status"]["code"]
    wait_until("it is written", lambda: status() == "COMPLETED", 60, 0.1)
    files = [binary(), "files", "--data-dir", api.data]
    listed = run([*files, "list", "arn:aws:s3:::kept-logs/daily"]).split()[1::2]
    assert listed == sorted([f"arn:aws:s3:::kept-logs/daily/{task}/web-1/000000.gz", "arn:aws:s3:::kept-logs/daily/aws-logs-write-test"])
    run([*files, "get", f"arn:aws:s3:::kept-logs/daily/{task}/web-1/000000.gz", tmp_path / "out.gz"])
    lines = gzip.decompress((tmp_path / "out.gz").read_bytes()).decode().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [f"line {n}" for n in range(2000)]


def test_too_much_for_a_group_is_throttled():
    longshore = Longshore(node=False, network_pool=POOLS[1], options=["--log-group-mib-per-second", "1"]).start()
    try:
        logs = longshore.client("logs")
        group(logs, "/busy", "s")
        group(logs, "/calm", "s")
        large = ["x" * 250_000] * 4
        throttled = []
        for _ in range(8):
            try:
                put(logs, "/busy", "s", *large)
            except botocore.exceptions.ClientError as error:
                throttled.append(error.response["Error"]["Code"])
        assert throttled and set(throttled) == {"ThrottlingException"}
        put(logs, "/calm", "s", *large)
        patient = longshore.client("logs", retries={"total_max_attempts": 10, "mode": "standard"})
        for _ in range(3):
            put(patient, "/busy", "s", *large)
    finally:
        longshore.remove()

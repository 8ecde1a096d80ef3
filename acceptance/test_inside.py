"""What unmodified SDKs find inside a task: OpenTelemetry's ECS detector, boto3's container credentials, the metadata API."""

import json

import pytest

from support.ecs import Cluster, address
from support.images import base_tar, push, tar_layout, wheels_tar
from support.process import wait_until

# Services' models are most of botocore; credentials need none of them.
WHEELS = ("opentelemetry-sdk-extension-aws==2.1.0", "opentelemetry-sdk==1.45.2", "boto3==1.44.5", "botocore==1.44.5")


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "inside")
    cluster.ecr.create_repository(repositoryName="python")
    layers = [base_tar("python", "python3", "busybox-static"), wheels_tar("wheels-inside", *WHEELS, prune=["botocore/data/*/*"])]
    layout = tar_layout(tmp_path_factory.mktemp("python") / "layout", layers, env=["PYTHONPATH=/opt/python", "PATH=/usr/bin:/bin"])
    cluster.image = push(longshore, layout, "python")
    return cluster


def python(cluster, family, script, definition=None, **more):
    """Runs a script that prints one line of JSON, and answers the task as the API shows it with what was printed."""
    container = {"name": "main", "image": cluster.image, "essential": True, "command": ["python3", "-c", script], **more}
    [arn] = cluster.run(cluster.register(family, [container], **(definition or {})), tags=[{"key": "team", "value": "harbour"}])
    [task] = cluster.wait([arn], "STOPPED", 120)
    def printed():
        lines = cluster.messages(family, arn, "main")
        assert lines and lines[-1].startswith("{"), lines
        return json.loads(lines[-1])
    found = wait_until("the script's answer", printed, 30)
    assert task["containers"][0]["exitCode"] == 0, found
    return task, found


def test_opentelemetry_detects_everything(cluster):
    script = ("import json; from opentelemetry.sdk.extension.aws.resource.ecs import AwsEcsResourceDetector as D; "
              "print(json.dumps(dict(D(raise_on_error=True).detect().attributes)))")
    task, found = python(cluster, "otel", script)
    region, account = cluster.longshore.region, cluster.longshore.account
    task_id = task["taskArn"].rsplit("/", 1)[1]
    stream = f"t/main/{task_id}"
    host = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}["privateDnsName"]
    container_id = found.pop("container.id")
    assert len(container_id) == 64 and task["containers"][0]["runtimeId"] in container_id
    assert found == {
        "cloud.provider": "aws", "cloud.platform": "aws_ecs", "container.name": host,
        "aws.ecs.container.arn": task["containers"][0]["containerArn"], "aws.ecs.cluster.arn": task["clusterArn"],
        "aws.ecs.launchtype": "fargate", "aws.ecs.task.arn": task["taskArn"], "aws.ecs.task.family": "otel",
        "aws.ecs.task.revision": "1", "aws.log.group.names": ["/test/otel"], "aws.log.stream.names": [stream],
        "aws.log.group.arns": [f"arn:aws:logs:{region}:{account}:log-group:/test/otel"],
        "aws.log.stream.arns": [f"arn:aws:logs:{region}:{account}:log-group:/test/otel:log-stream:{stream}"]}


BOTO = """
import json, urllib.error, urllib.request
import botocore.session
from botocore.exceptions import MetadataRetrievalError
try:
    answer = str(botocore.session.get_session().get_credentials())
except Exception as error:
    answer = f"{type(error).__name__}: {error}"
def get(path):
    try:
        return 200, urllib.request.urlopen("http://169.254.170.2" + path).read().decode()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
print(json.dumps({"boto": answer, "bad": get("/v2/credentials/none"), "empty": get("/v2/credentials")}))
"""


def test_boto3s_container_provider_gets_the_documented_answers(cluster):
    variable = {"name": "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "value": "/v2/credentials/none"}
    _, found = python(cluster, "boto", BOTO, environment=[variable])
    assert "Received non 200 response 400" in found["boto"], found
    assert found["bad"] == [400, {"code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found",
                                  "HTTPErrorCode": 400}]
    assert found["empty"] == [400, {"code": "NoIdInRequest", "message": "CredentialsV2Request: No Credential ID in the request",
                                    "HTTPErrorCode": 400}]


ROLE = """
import json
import botocore.session
found = botocore.session.get_session().get_credentials()
frozen = found.get_frozen_credentials()
print(json.dumps({"method": found.method, "key": frozen.access_key, "secret": frozen.secret_key, "token": frozen.token}))
"""


def test_boto3s_container_provider_gets_the_tasks_role(cluster):
    longshore, iam = cluster.longshore, cluster.longshore.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="inside", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    task, found = python(cluster, "boto-role", ROLE, definition={"taskRoleArn": role})
    assert found["method"] == "container-role"
    session = longshore.session(aws_access_key_id=found["key"], aws_secret_access_key=found["secret"], aws_session_token=found["token"])
    who = session.client("sts", endpoint_url=longshore.endpoint).get_caller_identity()["Arn"]
    assert who == f"arn:aws:sts::{longshore.account}:assumed-role/inside/{task['taskArn'].rsplit('/', 1)[1]}"


METADATA = """
import json, os, time, urllib.request
def get(base, path=""):
    return json.loads(urllib.request.urlopen(os.environ[base] + path).read())
v4, v3 = "ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"
found = {}
for base in (v4, v3):
    for path in ("", "/task", "/taskWithTags", "/stats", "/task/stats"):
        found[base + path] = get(base, path)
# Rates need some time between two samples.
time.sleep(0.2)
found["later"] = get(v4, "/stats")
print(json.dumps(found))
"""


def test_every_metadata_path_has_its_fields(cluster):
    task, found = python(cluster, "paths", METADATA)
    container = found["ECS_CONTAINER_METADATA_URI_V4"]
    runtime_id = task["containers"][0]["runtimeId"]
    for key, value in {"DockerId": runtime_id, "Name": "main", "DockerName": "main", "Image": cluster.image, "DesiredStatus": "RUNNING",
                       "KnownStatus": "RUNNING", "Type": "NORMAL", "LogDriver": "awslogs",
                       "ImageID": task["containers"][0]["imageDigest"],
                       "ContainerARN": task["containers"][0]["containerArn"]}.items():
        assert container[key] == value, (key, container)
    [network] = container["Networks"]
    assert (network["NetworkMode"], network["IPv4Addresses"]) == ("awsvpc", [address(task)])
    assert {"AttachmentIndex", "MACAddress", "IPv4SubnetCIDRBlock", "PrivateDNSName", "SubnetGatewayIpv4Address"} <= set(network)
    labels = container["Labels"]
    assert {f"com.amazonaws.ecs.{name}" for name in ("cluster", "container-name", "task-arn", "task-definition-family",
                                                     "task-definition-version")} <= set(labels)
    whole = found["ECS_CONTAINER_METADATA_URI_V4/task"]
    assert {"Cluster", "TaskARN", "Family", "Revision", "DesiredStatus", "KnownStatus", "Limits", "PullStartedAt", "PullStoppedAt",
            "AvailabilityZone", "LaunchType", "Containers", "VPCID", "ClockDrift"} <= set(whole), whole
    assert whole["Limits"] == {"CPU": 0.25, "Memory": 512} and "TaskTags" not in whole
    assert found["ECS_CONTAINER_METADATA_URI_V4/taskWithTags"]["TaskTags"] == {"team": "harbour"}
    for path in ("/stats", "/task/stats"):
        stats = found["ECS_CONTAINER_METADATA_URI_V4" + path]
        stats = stats if path == "/stats" else stats[runtime_id]
        assert {"read", "preread", "cpu_stats", "precpu_stats", "memory_stats", "pids_stats", "networks", "name", "id"} <= set(stats)
        assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and stats["memory_stats"]["usage"] > 0
        assert stats["memory_stats"]["limit"] == 512 << 20 and stats["networks"]["eth0"]["rx_bytes"] >= 0
    assert found["later"]["network_rate_stats"]["rx_bytes_per_sec"] >= 0
    third = found["ECS_CONTAINER_METADATA_URI"]
    assert third["Networks"] == [{"NetworkMode": "awsvpc", "IPv4Addresses": [address(task)]}] and "ContainerARN" not in third

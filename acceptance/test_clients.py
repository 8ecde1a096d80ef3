"""Other people's clients, unmodified: Debian's AWS CLI by --endpoint-url, the PyPI one by profile alone, docker, skopeo."""

import json
import subprocess
import time

import pytest

from support.docker import Docker
from support.images import busybox_layout
from support.process import run


@pytest.fixture(scope="module")
def docker():
    docker = Docker().start()
    yield docker
    docker.remove()


def debian(api, *argv):
    env = api.environment() | {"PATH": "/usr/bin:/bin"}
    return run(["/usr/bin/aws", "--endpoint-url", api.endpoint, "--output", "json", *argv], env=env)


def test_debians_cli_by_endpoint_url(api):
    cluster = json.loads(debian(api, "ecs", "create-cluster", "--cluster-name", "debian"))["cluster"]
    assert cluster["status"] == "ACTIVE"
    described = json.loads(debian(api, "ecs", "describe-clusters", "--clusters", "debian", "nope"))
    assert described["failures"][0]["reason"] == "MISSING"
    debian(api, "logs", "create-log-group", "--log-group-name", "/debian")
    debian(api, "logs", "create-log-stream", "--log-group-name", "/debian", "--log-stream-name", "s")
    now = int(time.time() * 1000)
    debian(api, "logs", "put-log-events", "--log-group-name", "/debian", "--log-stream-name", "s",
           "--log-events", f"timestamp={now},message=hello-from-debian")
    env = api.environment() | {"PATH": "/usr/bin:/bin"}
    tail = run(["/usr/bin/aws", "--endpoint-url", api.endpoint, "logs", "tail", "/debian"], env=env)
    assert "hello-from-debian" in tail
    assert json.loads(debian(api, "sts", "get-caller-identity"))["Account"] == api.account
    assert len(json.loads(debian(api, "ec2", "describe-subnets"))["Subnets"]) == 3


def test_the_cli_by_profile_alone_tells_errors_as_aws_does(api):
    done = api.aws("ecs", "describe-tasks", "--cluster", "nope", "--tasks", "0" * 32, check=False)
    assert done.returncode != 0
    assert "An error occurred (ClusterNotFoundException) when calling the DescribeTasks operation: Cluster not found." in done.stderr


def test_docker_pushes_and_pulls_what_it_pushed(api, docker, tmp_path):
    api.client("ecr").create_repository(repositoryName="docker/box")
    layout = busybox_layout(tmp_path / "layout", command=("echo", "hi"))
    run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", f"docker-archive:{tmp_path}/box.tar:box:latest"])
    docker.run("load", "-i", str(tmp_path / "box.tar"))
    password = api.aws("ecr", "get-login-password")
    assert "Login Succeeded" in docker.run("login", "-u", "AWS", "--password-stdin", api.registry, input=password)
    name = f"{api.registry}/docker/box:1"
    docker.run("tag", "box:latest", name)
    pushed = docker.run("push", name)
    docker.run("rmi", name, "box:latest")
    assert "Status: Downloaded newer image" in docker.run("pull", name)
    [image] = api.client("ecr").describe_images(repositoryName="docker/box")["imageDetails"]
    assert image["imageTags"] == ["1"] and image["imageDigest"] in pushed


def test_nobody_reads_without_a_token(api):
    done = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--no-creds", f"docker://{api.registry}/docker/box:1"],
                          capture_output=True, text=True)
    assert done.returncode != 0
    assert any(word in done.stderr.lower() for word in ("unauthorized", "denied", "authentication required")), done.stderr

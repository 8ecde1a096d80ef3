"""ecs-deploy (PyPI), a deployment tool that knows nothing of Longshore: it deploys, scales, and runs a task."""

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.process import run
from test_services import create, delete, describe, is_completed, server, tasks, waits_for


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "tools")
    cluster.ecr.create_repository(repositoryName="tools")
    layout = busybox_layout(tmp_path_factory.mktemp("tools") / "layout")
    cluster.image = push(longshore, layout, "tools", "v1")
    push(longshore, layout, "tools", "v2")
    return cluster


@pytest.fixture(scope="module")
def tool(longshore):
    key, secret = longshore.credentials()
    env = longshore.environment() | {"AWS_ENDPOINT_URL": longshore.endpoint}

    def tool(*argv):
        return run(["ecs", *argv, "--region", longshore.region, "--access-key-id", key, "--secret-access-key", secret], env=env)
    return tool


def test_a_deployment_tool_deploys_scales_and_runs(cluster, tool):
    create(cluster, "tools", server(cluster, "tools"), 2)
    waits_for(cluster, "tools", "is completed", is_completed)
    said = tool("deploy", cluster.name, "tools", "--tag", "v2", "--env", "main", "COLOUR", "blue", "--timeout", "120")
    assert "Deployment successful" in said
    service = waits_for(cluster, "tools", "is deployed", is_completed)
    definition = cluster.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert definition["revision"] == 2
    [container] = definition["containerDefinitions"]
    assert container["image"].endswith("/tools:v2") and container["environment"] == [{"name": "COLOUR", "value": "blue"}]
    assert "Scaling successful" in tool("scale", cluster.name, "tools", "1", "--timeout", "60")
    assert len(tasks(cluster, "tools")) == 1
    [subnet] = cluster.network["awsvpcConfiguration"]["subnets"]
    groups = cluster.longshore.client("ec2").describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    started = tool("run", cluster.name, "tools", "--launchtype", "FARGATE", "--subnet", subnet,
                   "--securitygroup", groups[0]["GroupId"])
    assert "Successfully started 1 instances" in started
    assert describe(cluster, "tools")["status"] == "ACTIVE"
    delete(cluster, "tools")

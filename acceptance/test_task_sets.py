"""Task sets: a deployer outside makes, scales, prefers and deletes them; what each asks for runs, and nothing else does."""

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.process import wait_until
from test_services import delete, describe, server, waits_for


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "sets")
    cluster.ecr.create_repository(repositoryName="sets-box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "sets-box")
    return cluster


def running(cluster, task_set):
    arns = cluster.ecs.list_tasks(cluster=cluster.name, startedBy=task_set["id"])["taskArns"]
    return [task for task in (cluster.describe(arns) if arns else []) if task["lastStatus"] == "RUNNING"]


def shown(cluster, task_set):
    found = cluster.ecs.describe_task_sets(cluster=cluster.name, service="ext", taskSets=[task_set["id"]])
    return found["taskSets"][0] if found["taskSets"] else None


def create(cluster, definition, percent, **more):
    return cluster.ecs.create_task_set(
        cluster=cluster.name, service="ext", taskDefinition=definition, launchType="FARGATE",
        networkConfiguration=cluster.network, scale={"value": percent, "unit": "PERCENT"}, **more)["taskSet"]


def is_steady(cluster, task_set, count):
    def look():
        found = shown(cluster, task_set)
        return (found["stabilityStatus"], found["runningCount"], found["pendingCount"]) == ("STEADY_STATE", count, 0) and found
    return wait_until(f"{task_set['id']} is steady with {count} tasks", look, 120)


def test_task_sets_are_made_scaled_preferred_and_deleted_for_real(cluster):
    ecs, name = cluster.ecs, cluster.name
    blue_definition, green_definition = server(cluster, "ext"), server(cluster, "ext")
    ecs.create_service(cluster=name, serviceName="ext", desiredCount=2, deploymentController={"type": "EXTERNAL"})
    blue = create(cluster, blue_definition, 100.0, externalId="blue")
    assert (blue["status"], blue["stabilityStatus"], blue["computedDesiredCount"]) == ("ACTIVE", "STABILIZING", 2)
    is_steady(cluster, blue, 2)
    assert {task["taskDefinitionArn"] for task in running(cluster, blue)} == {blue_definition}
    primary = ecs.update_service_primary_task_set(cluster=name, service="ext", primaryTaskSet=blue["id"])["taskSet"]
    assert primary["status"] == "PRIMARY"
    service = describe(cluster, "ext")
    assert service["taskDefinition"] == blue_definition and service["deployments"] == []
    assert [task_set["id"] for task_set in service["taskSets"]] == [blue["id"]]

    # Half of the wanted number beside the first one; a task that ends is replaced by its own task set.
    green = create(cluster, green_definition, 50.0, externalId="green")
    is_steady(cluster, green, 1)
    [victim] = running(cluster, green)
    ecs.stop_task(cluster=name, task=victim["taskArn"])
    wait_until("the stopped task is replaced", lambda: [
        task for task in running(cluster, green) if task["taskArn"] != victim["taskArn"]], 60)
    assert len(running(cluster, blue)) == 2

    scaled = ecs.update_task_set(cluster=name, service="ext", taskSet=green["id"], scale={"value": 100.0, "unit": "PERCENT"})
    assert scaled["taskSet"]["computedDesiredCount"] == 2
    is_steady(cluster, green, 2)
    assert describe(cluster, "ext")["runningCount"] == 4

    ecs.update_service_primary_task_set(cluster=name, service="ext", primaryTaskSet=green["id"])
    assert (shown(cluster, green)["status"], shown(cluster, blue)["status"]) == ("PRIMARY", "ACTIVE")
    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.delete_task_set(cluster=name, service="ext", taskSet=blue["id"])
    gone = ecs.delete_task_set(cluster=name, service="ext", taskSet=blue["id"], force=True)["taskSet"]
    assert gone["status"] == "DRAINING"
    wait_until("nothing is left of the first one", lambda: not running(cluster, blue) and shown(cluster, blue) is None, 60)

    # What the service wants counts for all of its task sets.
    ecs.update_service(cluster=name, service="ext", desiredCount=1)
    is_steady(cluster, green, 1)
    waits_for(cluster, "ext", "says that it is steady", lambda s: any(
        event["message"] == f"(service ext, taskSet {green['id']}) has reached a steady state." for event in s["events"]))
    delete(cluster, "ext")
    assert running(cluster, green) == []

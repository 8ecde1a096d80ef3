"""Services heal, scale, deploy and roll back: judged by what runs, and by what the API says of it."""

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.process import run, wait_until

# Tasks prove healthy by their own check, so that deployments need not wait for the 40 s of unchecked tasks.
CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 2, "startPeriod": 0}


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "services")
    cluster.ecr.create_repository(repositoryName="service-box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "service-box")
    return cluster


def server(cluster, family, script="trap 'exit 0' TERM; sleep 3600 & wait", **more):
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "essential": True,
                 "stopTimeout": 2, "healthCheck": CHECK, **more}
    return cluster.register(family, [container])


def create(cluster, name, definition, count, **more):
    return cluster.ecs.create_service(
        cluster=cluster.name, serviceName=name, taskDefinition=definition, desiredCount=count, launchType="FARGATE",
        networkConfiguration=cluster.network, **more)["service"]


def describe(cluster, name):
    [service] = cluster.ecs.describe_services(cluster=cluster.name, services=[name], include=["TAGS"])["services"]
    return service


def waits_for(cluster, name, what, condition, timeout=120):
    def reached():
        service = describe(cluster, name)
        return condition(service) and service
    try:
        return wait_until(f"{name}: {what}", reached, timeout)
    except AssertionError as error:
        service = describe(cluster, name)
        events = "\n".join(event["message"] for event in service["events"][:20])
        raise AssertionError(f"{error}\n{service['deployments']}\n{events}\n{cluster.longshore.process.tail(4000)}")


def is_completed(service):
    [*deployments] = service["deployments"]
    return (len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"
            and service["runningCount"] == service["desiredCount"])


def tasks(cluster, name, status="RUNNING"):
    arns = cluster.ecs.list_tasks(cluster=cluster.name, serviceName=name, desiredStatus=status)["taskArns"]
    return cluster.describe(arns) if arns else []


def pid_of(cluster, task):
    """The process of a task's only container, by the name of its control group."""
    id = task["taskArn"].rsplit("/", 1)[1]
    found = run(["pgrep", "-f", f"containerd-shim.*{id}"], check=False).stdout.split()
    children = [run(["pgrep", "-P", shim], check=False).stdout.split() for shim in found]
    return [pid for all in children for pid in all]


def messages(service):
    return [event["message"] for event in reversed(service["events"])]


def delete(cluster, name):
    cluster.ecs.delete_service(cluster=cluster.name, service=name, force=True)
    cluster.ecs.get_waiter("services_inactive").wait(
        cluster=cluster.name, services=[name], WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def test_a_killed_container_is_replaced_and_scaling_goes_both_ways(cluster):
    definition = server(cluster, "heals")
    made = create(cluster, "heals", definition, 3, propagateTags="SERVICE", enableECSManagedTags=True,
                  tags=[{"key": "team", "value": "blue"}])
    assert made["deployments"][0]["id"].startswith("ecs-svc/")
    waits_for(cluster, "heals", "is completed", is_completed)
    cluster.ecs.get_waiter("services_stable").wait(
        cluster=cluster.name, services=["heals"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    before = tasks(cluster, "heals")
    assert len(before) == 3
    for task in before:
        assert task["group"] == "service:heals" and task["startedBy"] == made["deployments"][0]["id"]
    tags = cluster.ecs.list_tags_for_resource(resourceArn=before[0]["taskArn"])["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {
        "team": "blue", "aws:ecs:clusterName": cluster.name, "aws:ecs:serviceName": "heals"}

    victim = before[0]
    pids = pid_of(cluster, victim)
    assert pids, "the victim has a process"
    run(["kill", "-9", *pids])

    def replaced():
        now = tasks(cluster, "heals")
        running = [task for task in now if task["lastStatus"] == "RUNNING"]
        return len(running) == 3 and victim["taskArn"] not in [task["taskArn"] for task in now] and running
    wait_until("the killed task is replaced", replaced, 60)
    [dead] = cluster.wait([victim["taskArn"]], "STOPPED")
    assert dead["stopCode"] == "EssentialContainerExited"
    assert dead["containers"][0]["exitCode"] == 137

    cluster.ecs.update_service(cluster=cluster.name, service="heals", desiredCount=5)
    waits_for(cluster, "heals", "has five", lambda s: s["runningCount"] == 5)
    cluster.ecs.update_service(cluster=cluster.name, service="heals", desiredCount=1)
    service = waits_for(cluster, "heals", "has one", lambda s: s["runningCount"] == 1 and s["pendingCount"] == 0)
    [kept] = tasks(cluster, "heals")
    stopped = [t for t in tasks(cluster, "heals", "STOPPED") if t["taskArn"] != victim["taskArn"]]
    assert {t["stopCode"] for t in stopped} == {"ServiceSchedulerInitiated"}
    assert {t["stoppedReason"] for t in stopped} == {
        f"Scaling activity initiated by (deployment {service['deployments'][0]['id']})"}
    said = messages(waits_for(cluster, "heals", "is steady", lambda s: "steady state" in s["events"][0]["message"]))
    assert said[0].startswith("(service heals) has started 3 tasks: (task ")
    assert f"(service heals) (deployment {service['deployments'][0]['id']}) deployment completed." in said
    assert said[-1] == "(service heals) has reached a steady state."
    delete(cluster, "heals")
    assert cluster.wait([kept["taskArn"]], "STOPPED")


def test_a_rolling_deployment_never_goes_below_its_minimum(cluster):
    first, second = server(cluster, "rolls"), server(cluster, "rolls")
    create(cluster, "rolls", first, 2)
    waits_for(cluster, "rolls", "is completed", is_completed)
    cluster.ecs.update_service(cluster=cluster.name, service="rolls", taskDefinition=second)
    seen = []

    def done():
        service = describe(cluster, "rolls")
        seen.append(service["runningCount"])
        return is_completed(service) and service["taskDefinition"] == second
    wait_until("the second revision is completed", done, 120)
    assert min(seen) >= 2 and max(seen) <= 4, seen
    assert {task["taskDefinitionArn"] for task in tasks(cluster, "rolls")} == {second}
    records = cluster.ecs.list_service_deployments(cluster=cluster.name, service="rolls")["serviceDeployments"]
    assert [record["status"] for record in records] == ["SUCCESSFUL", "SUCCESSFUL"]
    number = describe(cluster, "rolls")["deployments"][0]["id"].split("/")[1]
    assert records[0]["targetServiceRevisionArn"].endswith(f"/{number}")
    delete(cluster, "rolls")


def test_a_bad_revision_trips_the_breaker_and_is_rolled_back(cluster):
    good = server(cluster, "breaks")
    create(cluster, "breaks", good, 1, deploymentConfiguration={
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    before = waits_for(cluster, "breaks", "is completed", is_completed)
    [kept] = tasks(cluster, "breaks")
    bad = server(cluster, "breaks", "exit 3")
    answer = cluster.ecs.update_service(cluster=cluster.name, service="breaks", taskDefinition=bad)["service"]
    failed, back = answer["deployments"][0]["id"], before["deployments"][0]["id"]
    record = answer["currentServiceDeployment"]

    def rolled_back():
        [found] = cluster.ecs.describe_service_deployments(serviceDeploymentArns=[record])["serviceDeployments"]
        return found["status"] == "ROLLBACK_SUCCESSFUL" and found
    found = wait_until("the service is rolled back", rolled_back, 120)
    assert found["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
    assert found["rollback"]["serviceRevisionArn"].endswith(back.split("/")[1])
    service = waits_for(cluster, "breaks", "is completed again", is_completed)
    assert service["deployments"][0]["id"] == back and service["taskDefinition"] == good
    assert [task["taskArn"] for task in tasks(cluster, "breaks")] == [kept["taskArn"]], "the good task was never touched"
    said = messages(service)
    trip = said.index(f"(service breaks) (deployment {failed}) deployment failed: tasks failed to start.")
    assert said[trip + 1] == f"(service breaks) rolling back to deployment {back}."
    delete(cluster, "breaks")


def test_a_service_is_deleted_only_at_rest_or_by_force(cluster):
    definition = server(cluster, "goes")
    create(cluster, "goes", definition, 1)
    waits_for(cluster, "goes", "runs", lambda s: s["runningCount"] == 1)
    with pytest.raises(cluster.ecs.exceptions.InvalidParameterException, match="while it is scaled above 0"):
        cluster.ecs.delete_service(cluster=cluster.name, service="goes")
    with pytest.raises(cluster.ecs.exceptions.ClusterContainsServicesException):
        cluster.ecs.delete_cluster(cluster=cluster.name)
    cluster.ecs.update_service(cluster=cluster.name, service="goes", desiredCount=0)
    waits_for(cluster, "goes", "is empty", lambda s: s["runningCount"] == 0)
    cluster.ecs.delete_service(cluster=cluster.name, service="goes")
    waits_for(cluster, "goes", "is inactive", lambda s: s["status"] == "INACTIVE")
    assert f"arn:aws:ecs:{cluster.longshore.region}:{cluster.longshore.account}:service/services/goes" not in \
        cluster.ecs.list_services(cluster=cluster.name)["serviceArns"]
    create(cluster, "goes", definition, 0)
    delete(cluster, "goes")


def test_a_protected_task_outlives_scale_in(cluster):
    definition = server(cluster, "protects")
    create(cluster, "protects", definition, 2)
    waits_for(cluster, "protects", "is completed", is_completed)
    kept, other = tasks(cluster, "protects")
    answer = cluster.ecs.update_task_protection(cluster=cluster.name, tasks=[kept["taskArn"]], protectionEnabled=True)
    assert answer["protectedTasks"][0]["protectionEnabled"] and answer["protectedTasks"][0]["expirationDate"]
    cluster.ecs.update_service(cluster=cluster.name, service="protects", desiredCount=0)
    cluster.wait([other["taskArn"]], "STOPPED")
    [left] = tasks(cluster, "protects")
    assert left["taskArn"] == kept["taskArn"]
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=[kept["taskArn"]], protectionEnabled=False)
    cluster.wait([kept["taskArn"]], "STOPPED")
    delete(cluster, "protects")


def test_uneven_zones_are_evened_out_by_a_task_that_moves(cluster):
    subnets = cluster.longshore.client("ec2").describe_subnets()["Subnets"]
    network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"] for subnet in subnets]}}
    zones = sorted({subnet["AvailabilityZone"] for subnet in subnets})
    made = cluster.ecs.create_service(
        cluster=cluster.name, serviceName="zones", taskDefinition=server(cluster, "zones"), desiredCount=6,
        launchType="FARGATE", networkConfiguration=network)["service"]
    assert made["availabilityZoneRebalancing"] == "ENABLED", "it is on where nobody says otherwise"
    waits_for(cluster, "zones", "is completed", is_completed)
    by_zone = {zone: [t["taskArn"] for t in tasks(cluster, "zones") if t["availabilityZone"] == zone] for zone in zones}
    assert [len(arns) for arns in by_zone.values()] == [2, 2, 2]
    # What scale-in may not take is left: two in the first zone, one in the second, none in the third.
    kept = [*by_zone[zones[0]], by_zone[zones[1]][0]]
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=kept, protectionEnabled=True)
    cluster.ecs.update_service(cluster=cluster.name, service="zones", desiredCount=3)
    wait_until("the protected ones are left", lambda: {t["taskArn"] for t in tasks(cluster, "zones")} == set(kept), 60)
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=kept, protectionEnabled=False)

    def even():
        found = tasks(cluster, "zones")
        return sorted(t["availabilityZone"] for t in found if t["lastStatus"] == "RUNNING") == zones and len(found) == 3 and found
    [came] = {t["taskArn"] for t in wait_until("each zone has one", even, 120)} - set(kept)
    said = messages(waits_for(cluster, "zones", "is balanced", lambda s: "is AZ balanced" in "".join(messages(s))))
    id = came.rsplit("/", 1)[1]
    start = said.index(f"(service zones) has started 1 tasks in {zones[2]} to AZ Rebalance: (task {id}).")
    assert said[start - 1] == (f"(service zones) is not AZ balanced with 2 tasks in {zones[0]}, 1 tasks in {zones[1]}, "
                               f"0 tasks in {zones[2]}. AZ Rebalancing in progress.")
    assert any(message.startswith(f"(service zones) has stopped 1 running tasks in {zones[0]} due to AZ rebalancing: (task ")
               for message in said[start:])
    assert f"(service zones) is AZ balanced with {', '.join(f'1 tasks in {zone}' for zone in zones)}." in said
    delete(cluster, "zones")

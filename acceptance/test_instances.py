"""The machine as a container instance: EC2 and EXTERNAL tasks in the modes that Fargate does not have."""

import json
import time

import pytest
import requests
from botocore.exceptions import ClientError

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import footprint
from support.longshore import POOLS, Longshore
from support.process import free_port, wait_until

PAGE = "mkdir -p /www; hostname > /www/index.html; exec httpd -f -p {port} -h /www"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1], options=["--instance-cluster", "machines"]).start()
    cluster = Cluster(longshore, "machines")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "box")
    yield cluster
    longshore.remove()


def register(cluster, family, mode, script, ports=(), **more):
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "memory": 64, "stopTimeout": 2,
                 "portMappings": list(ports)}
    return cluster.ecs.register_task_definition(
        family=family, networkMode=mode, containerDefinitions=[container], **more)["taskDefinition"]["taskDefinitionArn"]


def run(cluster, definition, launch_type="EC2", **more):
    return cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType=launch_type, **more)


def arns(answer):
    assert not answer["failures"], answer["failures"]
    return [task["taskArn"] for task in answer["tasks"]]


def reasons(answer):
    assert answer["tasks"] == [], answer["tasks"]
    return [failure["reason"] for failure in answer["failures"]]


def instance(cluster):
    [arn] = cluster.ecs.list_container_instances(cluster=cluster.name)["containerInstanceArns"]
    [found] = cluster.ecs.describe_container_instances(cluster=cluster.name, containerInstances=[arn])["containerInstances"]
    return found


def resource(found, kind, name):
    value = next(r for r in found[kind] if r["name"] == name)
    return value["integerValue"] if value["type"] == "INTEGER" else value["stringSetValue"]


def test_the_machine_describes_itself(cluster):
    found = instance(cluster)
    assert (found["status"], found["agentConnected"]) == ("ACTIVE", True)
    assert found["ec2InstanceId"].startswith("i-") and len(found["ec2InstanceId"]) == 19
    assert str(cluster.longshore.port) in resource(found, "registeredResources", "PORTS")
    attributes = {a["name"]: a.get("value") for a in found["attributes"]}
    assert attributes["ecs.availability-zone"] == "us-east-2a"
    assert attributes["ecs.os-type"] == "linux"
    assert "ecs.capability.task-eni" in attributes
    [described] = cluster.ecs.describe_clusters(clusters=[cluster.name])["clusters"]
    assert described["registeredContainerInstancesCount"] == 1


def test_bridge_mode_publishes_dynamic_ports_on_loopback(cluster):
    clean = footprint(cluster.longshore)
    before = instance(cluster)
    definition = register(cluster, "bridge", "bridge", PAGE.format(port=80), [{"containerPort": 80}])
    tasks = cluster.wait(arns(run(cluster, definition, count=3)), "RUNNING")
    ports = []
    for task in tasks:
        assert task["launchType"] == "EC2" and task["containerInstanceArn"] == before["containerInstanceArn"]
        assert task["attachments"] == []
        [binding] = task["containers"][0]["networkBindings"]
        assert (binding["containerPort"], binding["protocol"], binding["bindIP"]) == (80, "tcp", "0.0.0.0")
        ports.append(binding["hostPort"])
    assert len(set(ports)) == 3
    answers = {wait_until("the port answers", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2)).text for port in ports}
    assert len(answers) == 3, "each port leads to a task of its own"
    busy = instance(cluster)
    assert busy["runningTasksCount"] == 3
    left = resource(before, "remainingResources", "MEMORY") - resource(busy, "remainingResources", "MEMORY")
    assert left == 3 * 64
    cluster.stop([task["taskArn"] for task in tasks])
    assert resource(instance(cluster), "remainingResources", "MEMORY") == resource(before, "remainingResources", "MEMORY")
    wait_until("nothing is left", lambda: footprint(cluster.longshore) == clean, 60)


def test_a_host_port_is_given_once(cluster):
    port = free_port()
    definition = register(cluster, "fixed", "bridge", PAGE.format(port=80), [{"containerPort": 80, "hostPort": port}])
    [arn] = arns(run(cluster, definition, "EXTERNAL"))
    [task] = cluster.wait([arn], "RUNNING")
    assert task["launchType"] == "EXTERNAL"
    assert task["containers"][0]["networkBindings"][0]["hostPort"] == port
    wait_until("the port answers", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok)
    assert reasons(run(cluster, definition)) == ["RESOURCE:PORTS"]
    assert str(port) in resource(instance(cluster), "remainingResources", "PORTS")
    cluster.stop([arn])
    [again] = arns(run(cluster, definition))
    cluster.wait([again], "RUNNING")
    wait_until("the port answers again", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok)
    cluster.stop([again])


def test_host_mode_listens_on_the_machine_itself(cluster):
    port = free_port()
    definition = register(cluster, "host", "host", PAGE.format(port=port), [{"containerPort": port}])
    [task] = cluster.wait(arns(run(cluster, definition)), "RUNNING")
    [binding] = task["containers"][0]["networkBindings"]
    assert (binding["containerPort"], binding["hostPort"]) == (port, port)
    wait_until("the port answers", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok)
    assert reasons(run(cluster, definition)) == ["RESOURCE:PORTS"]
    cluster.stop([task["taskArn"]])


def test_host_mode_finds_metadata_and_credentials_on_the_loopback(cluster):
    iam = cluster.longshore.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="host-mode", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    port = free_port()
    # Each answer becomes a file that the machine reads; relative credentials would lead to 169.254.170.2.
    script = ("mkdir -p /www; cd /www; test -z \"$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI\" || exit 9; "
              "get() { until wget -q -O $1 $2; do sleep 1; done; }; "
              "get v3 $ECS_CONTAINER_METADATA_URI; get v3-task $ECS_CONTAINER_METADATA_URI/task; "
              "get v4 $ECS_CONTAINER_METADATA_URI_V4; get v4-task $ECS_CONTAINER_METADATA_URI_V4/task; "
              "get v3-stats $ECS_CONTAINER_METADATA_URI/stats; get v4-stats $ECS_CONTAINER_METADATA_URI_V4/stats; "
              "get credentials $AWS_CONTAINER_CREDENTIALS_FULL_URI; touch ready; "
              f"exec httpd -f -p {port} -h /www")
    definition = register(cluster, "host-metadata", "host", script, [{"containerPort": port}], taskRoleArn=role)
    [task] = cluster.wait(arns(run(cluster, definition)), "RUNNING")
    read = lambda name: requests.get(f"http://127.0.0.1:{port}/{name}", timeout=2)
    wait_until("all is asked for", lambda: read("ready").ok, 60)
    found = {name: read(name).json() for name in ("v3", "v3-task", "v4", "v4-task", "v3-stats", "v4-stats", "credentials")}
    for version in ("v3", "v4"):
        assert found[version]["DockerId"] == found[f"{version}-task"]["Containers"][0]["DockerId"]
        assert found[f"{version}-task"]["TaskARN"] == task["taskArn"]
        assert found[f"{version}-stats"]["memory_stats"]["usage"] > 0
    assert found["v4-task"]["LaunchType"] == "EC2" and "LaunchType" not in found["v3-task"]
    assert found["v4"]["ContainerARN"] == task["containers"][0]["containerArn"] and "ContainerARN" not in found["v3"]
    credentials = found["credentials"]
    assert credentials["RoleArn"] == role
    session = cluster.longshore.session(aws_access_key_id=credentials["AccessKeyId"],
                                        aws_secret_access_key=credentials["SecretAccessKey"], aws_session_token=credentials["Token"])
    who = session.client("sts", endpoint_url=cluster.longshore.endpoint).get_caller_identity()["Arn"]
    assert who.endswith(f":assumed-role/host-mode/{task['taskArn'].rsplit('/', 1)[1]}")
    cluster.stop([task["taskArn"]])


def test_without_a_network_there_is_loopback_alone(cluster):
    script = "test \"$(ls /sys/class/net)\" = lo && ! wget -T 2 -q -O- http://127.0.0.1:1/ || exit 9; exit 4"
    definition = register(cluster, "none", "none", script)
    [task] = cluster.wait(arns(run(cluster, definition)), "STOPPED")
    assert task["containers"][0]["exitCode"] == 4, task


def test_awsvpc_mode_gets_an_interface(cluster):
    definition = register(cluster, "vpc", "awsvpc", PAGE.format(port=80), [{"containerPort": 80}])
    [task] = cluster.wait(arns(run(cluster, definition, networkConfiguration=cluster.network)), "RUNNING")
    details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
    address = details["privateIPv4Address"]
    wait_until("the task answers", lambda: requests.get(f"http://{address}/", timeout=2).ok)
    cluster.stop([task["taskArn"]])


def test_start_task_and_draining(cluster):
    definition = register(cluster, "idle", "bridge", "exec sleep 600")
    arn = instance(cluster)["containerInstanceArn"]
    start = lambda *named: cluster.ecs.start_task(  # noqa: E731
        cluster=cluster.name, taskDefinition=definition, containerInstances=list(named), startedBy="test")
    [started] = arns(start(arn))
    cluster.wait([started], "RUNNING")
    assert cluster.ecs.list_tasks(cluster=cluster.name, containerInstance=arn)["taskArns"] == [started]
    assert reasons(start("0" * 32)) == ["MISSING"]

    state = lambda status: cluster.ecs.update_container_instances_state(  # noqa: E731
        cluster=cluster.name, containerInstances=[arn], status=status)
    assert state("DRAINING")["containerInstances"][0]["status"] == "DRAINING"
    assert cluster.ecs.list_container_instances(cluster=cluster.name, status="ACTIVE")["containerInstanceArns"] == []
    with pytest.raises(ClientError, match="No Container Instances were found in your cluster"):
        run(cluster, definition)
    assert reasons(start(arn)) == ["INACTIVE"]
    assert cluster.describe([started])[0]["lastStatus"] == "RUNNING", "what runs stays"
    state("ACTIVE")
    more = arns(run(cluster, definition))
    cluster.stop([started, *more])


def test_constraints_choose_and_refuse(cluster):
    definition = register(cluster, "limited", "bridge", "exec sleep 600")
    arn = instance(cluster)["containerInstanceArn"]
    cluster.ecs.put_attributes(cluster=cluster.name, attributes=[{"name": "stack", "value": "prod", "targetId": arn}])
    member = lambda text: [{"type": "memberOf", "expression": text}]  # noqa: E731
    query = "attribute:stack == prod and registeredAt <= " + time.strftime("%Y-%m-%d", time.gmtime())
    assert cluster.ecs.list_container_instances(cluster=cluster.name, filter=query)["containerInstanceArns"] == [arn]
    placed = arns(run(cluster, definition, placementConstraints=member(query) + [{"type": "distinctInstance"}],
                      placementStrategy=[{"type": "spread", "field": "attribute:ecs.availability-zone"},
                                         {"type": "binpack", "field": "memory"}]))
    refused = run(cluster, definition, placementConstraints=[{"type": "distinctInstance"}])
    assert reasons(refused) == ["distinctInstance placement constraint unsatisfied"]
    assert refused["failures"][0]["arn"] == arn
    elsewhere = run(cluster, definition, placementConstraints=member("attribute:stack == test"))
    assert reasons(elsewhere) == ["MemberOf placement constraint unsatisfied"]
    cluster.stop(placed)


def test_a_restart_keeps_the_instance_and_its_tasks(cluster):
    definition = register(cluster, "stays", "bridge", PAGE.format(port=80), [{"containerPort": 80}])
    [arn] = arns(run(cluster, definition))
    [task] = cluster.wait([arn], "RUNNING")
    port = task["containers"][0]["networkBindings"][0]["hostPort"]
    before = instance(cluster)
    cluster.longshore.kill()
    cluster.longshore.start()
    after = instance(cluster)
    assert (after["containerInstanceArn"], after["runningTasksCount"]) == (before["containerInstanceArn"], 1)
    wait_until("the port answers", lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok)
    [gone] = [cluster.ecs.deregister_container_instance(
        cluster=cluster.name, containerInstance=before["containerInstanceArn"], force=True)["containerInstance"]]
    assert gone["status"] == "INACTIVE"
    [stopped] = cluster.wait([arn], "STOPPED")
    assert stopped["stoppedReason"] == "Container instance deregistration forced by user"
    cluster.ecs.delete_cluster(cluster=cluster.name)

"""Services on the machine itself behind a load balancer: `instance` targets with dynamic ports, fixed ones, and daemons."""

import json

import pytest

from support.balancer import Load, get
from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import POOLS, Longshore
from support.process import free_port, run, wait_until
from test_services import delete, is_completed, pid_of, tasks, waits_for

SOON = {"Delay": 1, "MaxAttempts": 120}


class Machine:
    """A cluster of this machine, and a load balancer."""

    def __init__(self, longshore, layout):
        self.cluster = Cluster(longshore, "machines")
        self.cluster.ecr.create_repository(repositoryName="box")
        self.cluster.image = push(longshore, layout, "box")
        self.elb = longshore.client("elbv2")
        subnets = longshore.client("ec2").describe_subnets()["Subnets"]
        self.vpc = subnets[0]["VpcId"]
        self.balancer = self.elb.create_load_balancer(
            Name="machines", Subnets=[s["SubnetId"] for s in subnets])["LoadBalancers"][0]["LoadBalancerArn"]
        [arn] = self.cluster.ecs.list_container_instances(cluster="machines")["containerInstanceArns"]
        [found] = self.cluster.ecs.describe_container_instances(cluster="machines", containerInstances=[arn])["containerInstances"]
        self.instance = found["ec2InstanceId"]

    def front(self, name):
        """A target group of instances, and the port of a listener that forwards to it."""
        group = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, HealthCheckPath="/", HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
            {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}])
        port = free_port()
        self.elb.create_listener(LoadBalancerArn=self.balancer, Port=port, Protocol="HTTP",
                                 DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
        return group, port

    def revision(self, family, name, mode, port=80, **mapping):
        script = (f"mkdir -p /tmp/www; echo '{json.dumps({'name': name})}' > /tmp/www/index.html; "
                  f"exec httpd -f -p {port} -h /tmp/www")
        return self.cluster.ecs.register_task_definition(family=family, networkMode=mode, containerDefinitions=[{
            "name": "main", "image": self.cluster.image, "command": ["sh", "-c", script], "memory": 64, "stopTimeout": 2,
            "portMappings": [{"containerPort": port} | mapping]}])["taskDefinition"]["taskDefinitionArn"]

    def serve(self, name, definition, group, port=80, **more):
        self.cluster.ecs.create_service(
            cluster="machines", serviceName=name, taskDefinition=definition, launchType="EC2",
            loadBalancers=[{"targetGroupArn": group, "containerName": "main", "containerPort": port}], **more)
        waits_for(self.cluster, name, "is completed", is_completed)

    def update(self, name, definition):
        self.cluster.ecs.update_service(cluster="machines", service=name, taskDefinition=definition)
        waits_for(self.cluster, name, "is completed again", lambda s: is_completed(s) and s["taskDefinition"] == definition)

    def kill(self, name):
        """Kills a container of the service and waits until another task has taken its place."""
        victim = tasks(self.cluster, name)[0]
        run(["kill", "-9", *pid_of(self.cluster, victim)])
        waits_for(self.cluster, name, "is whole again", lambda s: is_completed(s) and s["runningCount"] > 0
                  and victim["taskArn"] not in [task["taskArn"] for task in tasks(self.cluster, name)])

    def targets(self, group):
        shown = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {(it["Target"]["Id"], it["Target"]["Port"]): it["TargetHealth"]["State"] for it in shown}

    def ports(self, name):
        """The host ports of a service's running tasks."""
        bindings = [task["containers"][0]["networkBindings"] for task in tasks(self.cluster, name)]
        return sorted(binding["hostPort"] for [binding] in bindings)

    def healthy(self, group, name, count):
        """Waits until the targets are those of the service's running tasks, and healthy."""
        def all_are():
            found = self.targets(group)
            wanted = [(self.instance, port) for port in self.ports(name)]
            return len(found) == count and sorted(found) == wanted and set(found.values()) == {"healthy"}
        return wait_until(f"{count} targets are healthy", all_are, 90)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1], options=["--instance-cluster", "machines"]).start()
    try:
        yield Machine(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"))
    finally:
        longshore.remove()


def test_dynamic_ports_are_targets_and_follow_their_tasks(machine):
    group, port = machine.front("dynamic")
    machine.serve("dynamic", machine.revision("dynamic", "blue", "bridge"), group, desiredCount=2)
    machine.healthy(group, "dynamic", 2)
    with Load(port) as load:
        machine.update("dynamic", machine.revision("dynamic", "green", "bridge"))
        machine.healthy(group, "dynamic", 2)
        load.names.clear()
        load.more(50)
        assert load.names == {"green"}
        assert load.failures == [], "a rollout loses no request"

        machine.kill("dynamic")
        machine.healthy(group, "dynamic", 2)
        lost = len(load.failures)
        load.more(50)
        assert lost <= 4 and len(load.failures) == lost, load.failures
    delete(machine.cluster, "dynamic")
    wait_until("no target is left", lambda: machine.targets(group) == {}, 60)


def test_a_host_port_is_a_target(machine):
    group, port = machine.front("host")
    fixed = free_port()
    machine.serve("host", machine.revision("host", "host", "host", fixed), group, fixed, desiredCount=1)
    machine.healthy(group, "host", 1)
    assert list(machine.targets(group)) == [(machine.instance, fixed)]
    assert get(port).told["name"] == "host"
    delete(machine.cluster, "host")
    wait_until("nobody is left to ask", lambda: get(port).status == 503, 60)


def test_a_daemon_is_a_target_on_its_machine(machine):
    group, port = machine.front("daemon")
    machine.serve("daemon", machine.revision("daemon", "old", "bridge"), group, schedulingStrategy="DAEMON")
    machine.healthy(group, "daemon", 1)
    with Load(port) as load:
        # A daemon leaves its machine before the next revision comes: meanwhile nobody is there, and that is said; a
        # target that is new may not listen yet.
        machine.update("daemon", machine.revision("daemon", "new", "bridge"))
        machine.healthy(group, "daemon", 1)
        load.names.clear()
        load.more(50)
        assert load.names == {"new"}
        assert set(load.failures) <= {502, 503}, load.failures
        load.failures.clear()
        machine.kill("daemon")
        machine.healthy(group, "daemon", 1)
        load.failures.clear()
        load.more(50)
        assert load.failures == []
    delete(machine.cluster, "daemon")

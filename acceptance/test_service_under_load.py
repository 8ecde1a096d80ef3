"""The Flask application as a service of three behind an application load balancer, by the AWS CLI alone.

wrk asks without a pause while containers are killed, a revision is rolled out and Longshore itself is restarted.
"""

import json
import os
import signal

import pytest

from support.ecs import Cluster
from support.images import flask_layout, push
from support.kernel import running_containers
from support.load import Load
from support.longshore import POOLS, ROOT, Longshore
from support.process import free_port, wait_until

CONNECTIONS = 6
KILLS = 3


class Service:
    """What the AWS CLI is told, in the order of a newcomer."""

    def __init__(self, longshore, image):
        self.longshore = longshore
        definition = json.loads((ROOT / "examples" / "flask" / "task-definition.json").read_text())
        self.definition = definition | {"containerDefinitions": [
            definition["containerDefinitions"][0] | {"image": image, "stopTimeout": 5}]}
        self.port = free_port()
        self.aws("ecs", "create-cluster", "--cluster-name", "demo")
        self.register()
        subnets = self.text("ec2", "describe-subnets", "--query", "Subnets[].SubnetId").split()
        vpc = self.text("ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId")
        balancer = self.text("elbv2", "create-load-balancer", "--name", "web", "--subnets", *subnets,
                             "--query", "LoadBalancers[0].LoadBalancerArn")
        self.group = self.text("elbv2", "create-target-group", "--name", "web", "--protocol", "HTTP", "--port", "3000",
                               "--target-type", "ip", "--vpc-id", vpc, "--health-check-interval-seconds", "5", "--health-check-timeout-seconds", "3",
                               "--healthy-threshold-count", "2", "--query", "TargetGroups[0].TargetGroupArn")
        self.aws("elbv2", "modify-target-group-attributes", "--target-group-arn", self.group,
                 "--attributes", "Key=deregistration_delay.timeout_seconds,Value=2")
        self.aws("elbv2", "create-listener", "--load-balancer-arn", balancer, "--protocol", "HTTP",
                 "--port", str(self.port), "--default-actions", f"Type=forward,TargetGroupArn={self.group}")
        self.aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", balancer)
        self.name = self.text("elbv2", "describe-load-balancers", "--query", "LoadBalancers[0].DNSName")
        self.aws("ecs", "create-service", "--cluster", "demo", "--service-name", "web", "--task-definition",
                 "flask-app", "--desired-count", "3", "--launch-type", "FARGATE",
                 "--network-configuration", f"awsvpcConfiguration={{subnets=[{','.join(subnets)}]}}",
                 "--load-balancers", f"targetGroupArn={self.group},containerName=web,containerPort=3000")
        self.stable()

    def aws(self, *argv, **options):
        return self.longshore.aws(*argv, **options)

    def text(self, *argv):
        return self.aws(*argv, "--output", "text").strip()

    def register(self):
        path = self.longshore.dir / "task-definition.json"
        path.write_text(json.dumps(self.definition))
        self.aws("ecs", "register-task-definition", "--cli-input-json", f"file://{path}")

    def stable(self):
        self.aws("ecs", "wait", "services-stable", "--cluster", "demo", "--services", "web", timeout=420)

    def healthy(self):
        states = self.text("elbv2", "describe-target-health", "--target-group-arn", self.group,
                           "--query", "TargetHealthDescriptions[].TargetHealth.State")
        return states.split().count("healthy") == 3

    def load(self):
        return Load(f"http://{self.name}:{self.port}/", CONNECTIONS)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1]).start()
    try:
        longshore.client("ecr").create_repository(repositoryName="flask-app")
        image = push(longshore, flask_layout(tmp_path_factory.mktemp("flask") / "layout"), "flask-app")
        yield Service(longshore, image)
    finally:
        longshore.remove()


def test_killed_containers_cost_only_what_was_in_flight_on_them(service):
    with service.load() as load:
        for _ in range(KILLS):
            before = running_containers(service.longshore)
            assert len(before) == 3
            victim = min(before)
            os.kill(before[victim], signal.SIGKILL)
            wait_until("the container is replaced", lambda: victim not in running_containers(service.longshore)
                       and len(running_containers(service.longshore)) == 3, 60)
            wait_until("three targets are healthy", service.healthy, 90, 0.5)
    assert load.requests > 100, load.output
    assert load.failures <= KILLS * CONNECTIONS, load.output


def test_a_new_revision_drops_no_request(service):
    service.definition["containerDefinitions"][0]["environment"] = [{"name": "VERSION", "value": "2"}]
    service.register()
    before = running_containers(service.longshore)
    with service.load() as load:
        service.aws("ecs", "update-service", "--cluster", "demo", "--service", "web", "--task-definition", "flask-app")
        service.stable()
        wait_until("no old container runs", lambda: not set(before) & set(running_containers(service.longshore)), 90, 0.2)
    assert load.requests > 100 and load.failures == 0, load.output


def test_a_restart_of_longshore_drops_no_request(service):
    before = running_containers(service.longshore)
    with service.load() as load:
        service.longshore.kill()
        service.longshore.start()
        service.stable()
        wait_until("three targets are healthy", service.healthy, 90, 0.5)
    assert running_containers(service.longshore) == before
    assert load.requests > 100 and load.failures == 0, load.output

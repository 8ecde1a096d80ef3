"""Services behind a load balancer: no request is lost on the way to the next revision, and a bad one is taken back."""

import json
import re

import pytest

from support.balancer import Load
from support.ecs import Cluster
from support.images import busybox_layout, push
from support.process import free_port, run
from test_services import create, delete, describe, is_completed, messages, pid_of, tasks, waits_for

SOON = {"Delay": 1, "MaxAttempts": 120}


class Front:
    """A cluster, and a load balancer whose listener forwards to a target group for its services."""

    def __init__(self, longshore, layout):
        self.cluster = Cluster(longshore, "balanced")
        self.cluster.ecr.create_repository(repositoryName="balanced-box")
        self.cluster.image = push(longshore, layout, "balanced-box")
        self.elb = longshore.client("elbv2")
        self.port = free_port()
        subnets = longshore.client("ec2").describe_subnets()["Subnets"]
        self.group = self.elb.create_target_group(
            Name="balanced", Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"], TargetType="ip",
            HealthCheckPath="/", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2, UnhealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(TargetGroupArn=self.group, Attributes=[
            {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}])
        made = self.elb.create_load_balancer(Name="balanced", Subnets=[s["SubnetId"] for s in subnets])["LoadBalancers"][0]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[made["LoadBalancerArn"]], WaiterConfig=SOON)
        self.elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Port=self.port, Protocol="HTTP",
                                 DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}])

    def revision(self, name, page="index.html"):
        """A web server that tells its revision's name; on another page, its health checks fail."""
        script = (f"mkdir -p /tmp/www; echo '{json.dumps({'name': name})}' > /tmp/www/{page}; "
                  "exec httpd -f -p 8080 -h /tmp/www")
        return self.cluster.register("balanced", [{
            "name": "main", "image": self.cluster.image, "command": ["sh", "-c", script], "essential": True,
            "stopTimeout": 2, "portMappings": [{"containerPort": 8080}]}])

    def serve(self, name, definition, count, **more):
        return create(self.cluster, name, definition, count, loadBalancers=[
            {"targetGroupArn": self.group, "containerName": "main", "containerPort": 8080}], **more)

    def states(self):
        shown = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return sorted(target["TargetHealth"]["State"] for target in shown)


@pytest.fixture(scope="module")
def front(longshore, tmp_path_factory):
    return Front(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"))


def test_a_rollout_loses_no_request_and_a_killed_target_is_replaced(front):
    cluster = front.cluster
    front.serve("rolls-on", front.revision("blue"), 2)
    waits_for(cluster, "rolls-on", "is completed", is_completed)
    assert front.states() == ["healthy", "healthy"]
    with Load(front.port) as load:
        assert load.names == {"blue"}
        green = front.revision("green")
        cluster.ecs.update_service(cluster=cluster.name, service="rolls-on", taskDefinition=green)
        waits_for(cluster, "rolls-on", "is completed again",
                  lambda s: is_completed(s) and s["taskDefinition"] == green)
        load.names.clear()
        load.more(50)
        assert load.names == {"green"}
        assert load.failures == [], "a rollout loses no request"

        victim = tasks(cluster, "rolls-on")[0]
        run(["kill", "-9", *pid_of(cluster, victim)])
        waits_for(cluster, "rolls-on", "is whole again", lambda s: is_completed(s) and front.states() == ["healthy"] * 2
                  and victim["taskArn"] not in [task["taskArn"] for task in tasks(cluster, "rolls-on")])
        in_flight = len(load.failures)
        load.more(50)
        assert len(load.failures) == in_flight, "requests are lost only while the victim is being found out"
    said = messages(describe(cluster, "rolls-on"))
    joined = re.compile(rf"\(service rolls-on\) registered [12] targets in \(target-group {re.escape(front.group)}\)")
    assert any(joined.fullmatch(text) for text in said), said
    assert any("has begun draining connections on" in text for text in said)
    delete(cluster, "rolls-on")


def test_failing_health_checks_trip_the_breaker(front):
    cluster = front.cluster
    good = front.revision("good")
    front.serve("turns-back", good, 1, deploymentConfiguration={
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    waits_for(cluster, "turns-back", "is completed", is_completed)
    bad = front.revision("bad", page="other.html")
    answer = cluster.ecs.update_service(cluster=cluster.name, service="turns-back", taskDefinition=bad)["service"]
    failed = answer["deployments"][0]["id"]
    with Load(front.port) as load:
        service = waits_for(cluster, "turns-back", "is back", lambda s: is_completed(s) and s["taskDefinition"] == good
                            and any("rolling back" in text for text in messages(s)), timeout=180)
    assert load.names == {"good"} and load.failures == []
    said = messages(service)
    assert any(f"is unhealthy in (target-group {front.group}) due to (reason Health checks failed with these codes: [404])"
               in text for text in said), said
    assert f"(service turns-back) (deployment {failed}) deployment failed: tasks failed to start." in said
    stopped = tasks(cluster, "turns-back", "STOPPED")
    assert f"Task failed ELB health checks in (target-group {front.group})" in {t["stoppedReason"] for t in stopped}
    delete(cluster, "turns-back")

"""Deployments that shift traffic: blue/green with a test listener, a hook and a bake time; a canary's exact share."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from support.balancer import Load, get
from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import POOLS, Longshore
from support.process import free_port, wait_until
from test_services import create, delete, is_completed, waits_for

REQUESTS = 10_000
ROLE = "arn:aws:iam::123456789012:role/balance"
SOON = {"Delay": 1, "MaxAttempts": 120}


class Front:
    """A service of two behind a load balancer with a production listener, a test listener and two target groups."""

    def __init__(self, longshore, layout):
        self.longshore = longshore
        self.cluster = Cluster(longshore, "shifts")
        self.cluster.ecr.create_repository(repositoryName="shifts-box")
        self.cluster.image = push(longshore, layout, "shifts-box")
        self.ecs, self.elb = self.cluster.ecs, longshore.client("elbv2")
        longshore.client("iam").create_role(RoleName="balance", AssumeRolePolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
        self.production, self.test = free_port(), free_port()
        self.subnets = longshore.client("ec2").describe_subnets()["Subnets"]
        self.groups = [self.group("shifts-1"), self.group("shifts-2")]
        made = self.elb.create_load_balancer(Name="shifts", Subnets=[s["SubnetId"] for s in self.subnets])["LoadBalancers"][0]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[made["LoadBalancerArn"]], WaiterConfig=SOON)
        listeners = [self.elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"], Port=port, Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}])["Listeners"][0]["ListenerArn"]
            for port in (self.production, self.test)]
        # The production traffic's is a rule of its own, the test traffic's the default rule of its listener.
        rule = self.elb.create_rule(
            ListenerArn=listeners[0], Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": self.groups[0]}])["Rules"][0]["RuleArn"]
        create(self.cluster, "web", self.revision("one"), 2, deploymentConfiguration={
            "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}, loadBalancers=[{
                "targetGroupArn": self.groups[0], "containerName": "main", "containerPort": 8080,
                "advancedConfiguration": {"alternateTargetGroupArn": self.groups[1], "productionListenerRule": rule,
                                          "testListenerRule": listeners[1], "roleArn": ROLE}}])
        waits_for(self.cluster, "web", "is completed", is_completed)
        # The balancer hears of a rule a moment after the deployment that set it has ended.
        wait_until("both listeners answer", lambda: {get(port).status for port in (self.production, self.test)} == {200})

    def group(self, name):
        arn = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.subnets[0]["VpcId"], TargetType="ip", HealthCheckPath="/",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
            UnhealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[
            {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}])
        return arn

    def revision(self, name):
        """A web server that tells its revision's name."""
        script = f"mkdir -p /tmp/www; echo '{json.dumps({'name': name})}' > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"
        return self.cluster.register("shifts", [{
            "name": "main", "image": self.cluster.image, "command": ["sh", "-c", script], "essential": True,
            "stopTimeout": 2, "portMappings": [{"containerPort": 8080}]}])

    def deploy(self, name, **configuration):
        self.ecs.update_service(cluster=self.cluster.name, service="web", taskDefinition=self.revision(name),
                                deploymentConfiguration=configuration)

    def record(self):
        newest = self.ecs.list_service_deployments(cluster=self.cluster.name, service="web")["serviceDeployments"][0]
        [shown] = self.ecs.describe_service_deployments(
            serviceDeploymentArns=[newest["serviceDeploymentArn"]])["serviceDeployments"]
        return shown

    def reaches(self, what, condition, timeout=180):
        def look():
            record = self.record()
            return condition(record) and record
        return wait_until(what, look, timeout, 0.2)

    def reaches_stage(self, stage):
        return self.reaches(f"the stage {stage}", lambda record: record.get("lifecycleStage") == stage)

    def names(self, port, count=20):
        return Counter(get(port).told["name"] for _ in range(count))


def shares(port, count, clients=8):
    """Which revision's tasks answered how many of `count` requests, asked over a few lasting connections."""
    def ask(_):
        connection, names = HTTPConnection("127.0.0.1", port, timeout=60), Counter()
        for _ in range(count // clients):
            connection.request("GET", "/")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            names[json.loads(body)["name"]] += 1
        connection.close()
        return names
    with ThreadPoolExecutor(clients) as pool:
        return sum(pool.map(ask, range(clients)), Counter())


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1]).start()
    try:
        yield Front(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"))
    finally:
        longshore.remove()


def test_blue_green_with_a_test_listener_a_hook_and_a_bake_time_loses_no_request(front):
    assert front.names(front.production) == {"one": 20} and front.names(front.test) == {"one": 20}
    with Load(front.production) as load:
        front.deploy("two", strategy="BLUE_GREEN", bakeTimeInMinutes=1, lifecycleHooks=[
            {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}])
        held = front.reaches("the hook", lambda record: any(
            hook["status"] == "AWAITING_ACTION" for hook in record.get("lifecycleHookDetails", [])))
        assert held["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT"
        assert held["targetServiceRevision"]["requestedTestTrafficWeight"] == 100
        wait_until("the test listener reaches the new revision", lambda: front.names(front.test) == {"two": 20})
        assert front.names(front.production) == {"one": 20}
        assert load.failures == []
    # What holds and what was shifted survives a crash.
    front.longshore.kill()
    front.longshore.start()
    assert front.record()["lifecycleHookDetails"] == held["lifecycleHookDetails"]
    with Load(front.production) as load:
        front.ecs.continue_service_deployment(
            serviceDeploymentArn=held["serviceDeploymentArn"], hookId=held["lifecycleHookDetails"][0]["hookId"])
        front.reaches_stage("BAKE_TIME")
        wait_until("the production listener reaches the new revision", lambda: front.names(front.production) == {"two": 20})
        service = waits_for(front.cluster, "web", "keeps both", lambda s: len(s["deployments"]) == 2)
        assert [deployment["runningCount"] for deployment in service["deployments"]] == [2, 2]
        front.reaches("its end", lambda record: record["status"] == "SUCCESSFUL")
        waits_for(front.cluster, "web", "is completed", is_completed)
        assert load.failures == []
    record = front.record()
    assert (record["finishedAt"] - held["createdAt"]).total_seconds() > 60, "the bake took its minute"
    assert front.names(front.production) == {"two": 20}


def test_a_canary_gets_its_tenth_of_the_traffic_and_goes_when_it_is_stopped(front):
    front.deploy("three", strategy="CANARY", canaryConfiguration={"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 30})
    record = front.reaches_stage("PRODUCTION_TRAFFIC_SHIFT")
    assert record["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10
    wait_until("the canary gets traffic", lambda: "three" in front.names(front.production))
    told = shares(front.production, REQUESTS)
    assert sum(told.values()) == REQUESTS
    assert abs(told["three"] / REQUESTS - 0.10) <= 0.02, told
    with Load(front.production) as load:
        front.ecs.stop_service_deployment(serviceDeploymentArn=record["serviceDeploymentArn"], stopType="ROLLBACK")
        front.reaches("the way back", lambda record: record["status"] == "ROLLBACK_SUCCESSFUL")
        wait_until("the canary gets nothing", lambda: front.names(front.production) == {"two": 20})
        waits_for(front.cluster, "web", "is as before", is_completed)
        assert load.failures == []


def test_linear_steps_wait_for_a_hook_each_and_end_with_all_traffic(front):
    def go_on(number):
        held = front.reaches(f"hook {number}", lambda record: len(record.get("lifecycleHookDetails", [])) == number)
        front.ecs.continue_service_deployment(
            serviceDeploymentArn=held["serviceDeploymentArn"], hookId=held["lifecycleHookDetails"][-1]["hookId"])
    with Load(front.production) as load:
        front.deploy("four", strategy="LINEAR", linearConfiguration={"stepPercent": 50.0, "stepBakeTimeInMinutes": 0}, lifecycleHooks=[
            {"targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}])
        go_on(1)
        wait_until("the first step", lambda: "four" in front.names(front.production))
        told = shares(front.production, 1000)
        assert abs(told["four"] / 1000 - 0.5) <= 0.05, told
        go_on(2)
        front.reaches("its end", lambda record: record["status"] == "SUCCESSFUL")
        assert front.names(front.production) == {"four": 20}
        assert load.failures == []
    delete(front.cluster, "web")

"""Load balancers by boto3 and the AWS CLI, their traffic by plain clients."""

import json
import socket
import ssl
import time

import pytest

from support.balancer import Load, Upstream, get
from support.ecs import Cluster
from support.ecs import address as address_of
from support.iam import CERTIFICATE, upload
from support.images import busybox_layout, push
from support.longshore import Longshore
from support.process import free_port, run, wait_until

QUICK = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
         "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2}
SOON = {"Delay": 1, "MaxAttempts": 120}


class Balancing:
    """One Longshore without a node, and what its tests make."""

    def __init__(self, longshore):
        self.longshore = longshore
        self.elb = longshore.client("elbv2")
        subnets = longshore.client("ec2").describe_subnets()["Subnets"]
        self.vpc, self.subnets = subnets[0]["VpcId"], [subnet["SubnetId"] for subnet in subnets]

    def load_balancer(self, name, **more):
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnets, **more)["LoadBalancers"][0]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[made["LoadBalancerArn"]], WaiterConfig=SOON)
        return made["LoadBalancerArn"], made["DNSName"]

    def group(self, name, upstreams=(), protocol="HTTP", **more):
        settings = QUICK | more if protocol == "HTTP" else {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2} | more
        arn = self.elb.create_target_group(Name=name, Protocol=protocol, Port=80, VpcId=self.vpc, TargetType="ip",
                                           **settings)["TargetGroups"][0]["TargetGroupArn"]
        if upstreams:
            self.elb.register_targets(TargetGroupArn=arn, Targets=targets(*upstreams))
        return arn

    def listener(self, load_balancer, port, action, protocol="HTTP", **more):
        made = self.elb.create_listener(LoadBalancerArn=load_balancer, Port=port, Protocol=protocol,
                                        DefaultActions=[action], **more)
        return made["Listeners"][0]["ListenerArn"]

    def healthy(self, group):
        self.elb.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig=SOON)

    def health(self, group):
        shown = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {t["Target"]["Port"]: t["TargetHealth"] for t in shown}


def targets(*upstreams):
    return [{"Id": "127.0.0.1", "Port": upstream.port} for upstream in upstreams]


def forward(group):
    return {"Type": "forward", "TargetGroupArn": group}


@pytest.fixture(scope="module")
def balancing():
    longshore = Longshore(node=False).start()
    yield Balancing(longshore)
    longshore.remove()


@pytest.fixture(scope="module")
def upstreams():
    upstreams = [Upstream(name) for name in ("one", "two")]
    yield upstreams
    for upstream in upstreams:
        upstream.remove()


def test_the_access_log_is_a_log_stream(upstreams):
    longshore = Longshore(node=False).start()
    try:
        balancing, logs, port = Balancing(longshore), longshore.client("logs"), free_port()
        logs.create_log_group(logGroupName="access")
        load_balancer, _ = balancing.load_balancer("logged")
        group = balancing.group("logged", upstreams[:1])
        balancing.listener(load_balancer, port, forward(group))
        balancing.healthy(group)
        balancing.elb.modify_load_balancer_attributes(LoadBalancerArn=load_balancer, Attributes=[
            {"Key": f"access_logs.s3.{key}", "Value": value}
            for key, value in (("enabled", "true"), ("bucket", "access"), ("prefix", "mine"))])
        stream = "mine/AWSLogs/123456789012/elasticloadbalancing/us-east-2/app.logged." + load_balancer.rpartition("/")[2]

        def requests():
            found = logs.filter_log_events(logGroupName="access", logStreamNames=[stream])["events"]
            return [line.split('"')[1].split()[1].rpartition("/")[2] for line in (event["message"] for event in found)]

        def first_is_logged():
            # The attribute reaches the balancer in a moment; what comes before is not logged.
            get(port, "/first")
            return logs.describe_log_streams(logGroupName="access")["logStreams"] and "first" in requests()
        wait_until("the first request is logged", first_is_logged)
        longshore.stop()
        for number in range(3):
            assert get(port, f"/down-{number}").status == 200
        longshore.start()
        logs = longshore.client("logs")
        wait_until("what came meanwhile is logged", lambda: {f"down-{n}" for n in range(3)} <= set(requests()))
    finally:
        longshore.remove()


def test_requests_reach_targets_until_they_are_drained(balancing, upstreams):
    one, two = upstreams
    port = free_port()
    load_balancer, name = balancing.load_balancer("life")
    group = balancing.group("life", [one])
    assert balancing.health(group)[one.port]["Reason"] == "Target.NotInUse"
    balancing.listener(load_balancer, port, forward(group))
    balancing.healthy(group)
    assert "Reason" not in balancing.health(group)[one.port]
    # The name leads to the machine, where the listener answers.
    told = json.loads(run(["curl", "-sS", f"http://{name}:{port}/hello"]))
    assert (told["name"], told["path"]) == ("one", "/hello")
    balancing.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "2"}])
    with Load(port) as load:
        balancing.elb.register_targets(TargetGroupArn=group, Targets=targets(two))
        balancing.healthy(group)
        wait_until("both targets are asked", lambda: load.names == {"one", "two"})
        balancing.elb.deregister_targets(TargetGroupArn=group, Targets=targets(one))
        assert balancing.health(group)[one.port] == {
            "State": "draining", "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress"}
        balancing.elb.get_waiter("target_deregistered").wait(TargetGroupArn=group, Targets=targets(one), WaiterConfig=SOON)
        load.names.clear()
        load.more(50)
        assert load.names == {"two"}
    assert load.failures == []
    balancing.elb.delete_load_balancer(LoadBalancerArn=load_balancer)
    balancing.elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[load_balancer], WaiterConfig=SOON)
    wait_until("nobody answers any more", lambda: not answers(port))
    balancing.elb.delete_target_group(TargetGroupArn=group)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_names_that_lead_to_ipv6_are_answered(balancing, upstreams):
    port = free_port()
    load_balancer, name = balancing.load_balancer("six")
    group = balancing.group("six", upstreams[:1])
    balancing.listener(load_balancer, port, forward(group))
    balancing.healthy(group)
    # As a resolver does that names ::1 first for every name below localhost.
    told = json.loads(run(["curl", "-sS", "--resolve", f"{name}:{port}:[::1]", f"http://{name}:{port}/six"]))
    assert (told["path"], dict(map(tuple, told["headers"]))["x-forwarded-for"]) == ("/six", "::1")
    assert get(port, "/four").told["path"] == "/four"
    shown = balancing.elb.describe_load_balancers(LoadBalancerArns=[load_balancer])["LoadBalancers"][0]
    assert shown["State"] == {"Code": "active"}


def test_a_killed_balancer_is_there_again_in_a_moment(balancing, upstreams):
    port, other = free_port(), free_port()
    load_balancer, _ = balancing.load_balancer("killed")
    group = balancing.group("killed", upstreams)
    balancing.listener(load_balancer, port, forward(group))
    balancing.listener(load_balancer, other, {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}})
    balancing.healthy(group)
    wait_until("the other listener answers", lambda: answers(other))
    process = ["pgrep", "-f", f"longshore balancer --data-dir {balancing.longshore.data}$"]
    killed = run(process).strip()
    with Load(port) as load:
        begun = time.monotonic()
        run(["kill", "-9", killed])
        wait_until("both listeners answer again", lambda: run(process, check=False).stdout.strip() not in ("", killed) and answers(port) and answers(other))
        away = time.monotonic() - begun
        wait_until("requests are answered again", lambda: get(port).status == 200)
        failed = len(load.failures)
        load.more(100)
        assert len(load.failures) == failed, load.failures[failed:]
    # What it held is lost; meanwhile connections are refused, and nobody waits in vain.
    assert failed and not [it for it in load.failures if isinstance(it, int)], load.failures
    print(f"listeners answered again after {away * 1000:.0f} ms")
    assert away < 10
    balancing.healthy(group)


def test_rules_choose_and_change(balancing, upstreams):
    one, two = upstreams
    port = free_port()
    load_balancer, _ = balancing.load_balancer("rules")
    blue, green = balancing.group("blue", [one]), balancing.group("green", [two])
    listener = balancing.listener(load_balancer, port, {"Type": "fixed-response", "FixedResponseConfig": {
        "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nothing here"}})
    missing = wait_until("the default rule answers", lambda: get(port))
    assert (missing.status, missing.body) == (404, b"nothing here")
    rule = balancing.elb.create_rule(ListenerArn=listener, Priority=5, Actions=[forward(blue)], Conditions=[
        {"Field": "path-pattern", "Values": ["/app/*"]},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "POST"]}}])["Rules"][0]["RuleArn"]
    balancing.healthy(blue)
    assert get(port, "/app/x").told["name"] == "one"
    assert get(port, "/app/x", method="PUT").status == 404
    balancing.elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [
        {"TargetGroupArn": blue, "Weight": 0}, {"TargetGroupArn": green, "Weight": 1}]}}])
    balancing.healthy(green)
    wait_until("the weights have changed", lambda: get(port, "/app/x").told["name"] == "two")
    balancing.elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[{"Field": "host-header", "Values": ["old.test"]}], Actions=[
        {"Type": "redirect", "RedirectConfig": {"Host": "new.test", "StatusCode": "HTTP_301"}}])
    moved = wait_until("the redirect is there", lambda: (lambda a: a if a.status == 301 else None)(
        get(port, "/app/x?y=1", headers={"Host": f"old.test:{port}"})))
    assert moved.headers["location"] == f"http://new.test:{port}/app/x?y=1"


def test_failing_health_checks_are_told(balancing, upstreams):
    upstream = Upstream("sick")
    try:
        load_balancer, _ = balancing.load_balancer("health")
        group = balancing.group("health", [upstream])
        balancing.listener(load_balancer, free_port(), forward(group))
        balancing.healthy(group)
        upstream.ask("/status/503")
        told = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed with these codes: [503]"}
        wait_until("it is unhealthy", lambda: balancing.health(group)[upstream.port] == told, 60)
        # By the command line, as everybody knows it.
        shown = balancing.longshore.aws("elbv2", "describe-target-health", "--target-group-arn", group, "--output", "json")
        assert json.loads(shown)["TargetHealthDescriptions"][0]["TargetHealth"] == told
    finally:
        upstream.remove()
    wait_until("nothing listens", lambda: balancing.health(group)[upstream.port]["Reason"] == "Target.FailedHealthChecks", 60)


def test_a_network_load_balancer_carries_connections(balancing, upstreams):
    port = free_port()
    load_balancer, _ = balancing.load_balancer("tcp", Type="network", Scheme="internal")
    group = balancing.group("tcp", upstreams[:1], protocol="TCP")
    balancing.listener(load_balancer, port, forward(group), protocol="TCP")
    balancing.healthy(group)
    assert get(port, "/x").told["name"] == "one"


def test_load_balancers_serve_on_over_a_restart(balancing, upstreams):
    port = free_port()
    load_balancer, _ = balancing.load_balancer("restart")
    group = balancing.group("restart", upstreams)
    balancing.listener(load_balancer, port, forward(group))
    balancing.healthy(group)
    with Load(port) as load:
        balancing.longshore.stop()
        load.more(50)
        balancing.longshore.start()
        wait_until("the state is known", lambda: balancing.health(group)[upstreams[0].port]["State"] == "healthy")
        load.more(50)
    assert load.failures == []
    shown = balancing.elb.describe_load_balancers(LoadBalancerArns=[load_balancer])["LoadBalancers"][0]
    assert shown["State"]["Code"] == "active"


def test_tls_ends_at_the_load_balancer(balancing, upstreams):
    iam = balancing.longshore.client("iam")
    arn = iam.upload_server_certificate(**upload("tls"))["ServerCertificateMetadata"]["Arn"]
    port = free_port()
    load_balancer, _ = balancing.load_balancer("tls")
    group = balancing.group("tls", upstreams[:1])
    with pytest.raises(balancing.elb.exceptions.CertificateNotFoundException):
        balancing.listener(load_balancer, port, forward(group), protocol="HTTPS", Certificates=[{"CertificateArn": arn + "x"}])
    listener = balancing.listener(load_balancer, port, forward(group), protocol="HTTPS", Certificates=[{"CertificateArn": arn}])
    balancing.healthy(group)
    context = ssl.create_default_context(cadata=CERTIFICATE)

    def ask():
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname="web.test") as secure:
                secure.sendall(b"GET /x HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n")
                answer = b""
                while data := secure.recv(65536):
                    answer += data
                return secure.version(), answer.partition(b"\r\n\r\n")[2]
    version, body = wait_until("it speaks TLS", ask)
    assert version == "TLSv1.3"
    assert ["x-forwarded-proto", "https"] in json.loads(body)["headers"]
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_server_certificate(ServerCertificateName="tls")
    balancing.elb.delete_listener(ListenerArn=listener)
    iam.delete_server_certificate(ServerCertificateName="tls")


def test_a_load_balancer_holds_an_interface_in_each_subnet(balancing):
    def interfaces():
        shown = balancing.longshore.client("ec2").describe_network_interfaces(
            Filters=[{"Name": "description", "Values": ["ELB app/inside/*"]}])["NetworkInterfaces"]
        return {interface["SubnetId"] for interface in shown}
    load_balancer, _ = balancing.load_balancer("inside")
    assert interfaces() == set(balancing.subnets)
    balancing.elb.set_subnets(LoadBalancerArn=load_balancer, Subnets=balancing.subnets[:2])
    assert interfaces() == set(balancing.subnets[:2])
    balancing.elb.delete_load_balancer(LoadBalancerArn=load_balancer)
    assert interfaces() == set()


def test_tasks_reach_a_load_balancer_inside_their_vpc(longshore, upstreams, tmp_path):
    balancing = Balancing(longshore)
    port = free_port()
    load_balancer, _ = balancing.load_balancer("near", Scheme="internal")
    group = balancing.group("near", upstreams[:1])
    balancing.listener(load_balancer, port, forward(group))
    balancing.healthy(group)
    held = longshore.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB app/near/*"]}])["NetworkInterfaces"]
    address = held[0]["PrivateIpAddress"]
    wait_until("the address answers", lambda: get(port, "/x", address=address).told["name"] == "one")
    cluster = Cluster(longshore, "near")
    cluster.ecr.create_repository(repositoryName="near")
    cluster.image = push(longshore, busybox_layout(tmp_path / "layout"), "near")
    asks = {"name": "main", "image": cluster.image, "essential": True,
            "command": ["sh", "-c", f"wget -qO- http://{address}:{port}/from-task; echo; echo DONE"]}
    [arn] = cluster.run(cluster.register("near", [asks]))
    [task] = cluster.wait([arn], "STOPPED")
    told = json.loads(cluster.wait_for_message("near", arn, "main", "DONE")[0])
    assert told["path"] == "/from-task"
    assert ["x-forwarded-for", address_of(task)] in told["headers"]
    balancing.elb.delete_load_balancer(LoadBalancerArn=load_balancer)
    balancing.elb.delete_target_group(TargetGroupArn=group)

"""Security groups of load balancers: they hold for everybody who reaches their addresses, tasks or not."""

import socket

import pytest

from support.balancer import Upstream, get
from support.longshore import POOLS, Longshore
from support.process import free_port, run, wait_until
from test_elbv2 import Balancing, forward

OUTSIDE, NEAR = "203.0.113.2", "203.0.113.1"


@pytest.fixture(scope="module")
def balancing():
    longshore = Longshore(network_pool=POOLS[1]).start()
    try:
        yield Balancing(longshore)
    finally:
        longshore.remove()


@pytest.fixture(scope="module")
def upstream():
    upstream = Upstream("one")
    yield upstream
    upstream.remove()


@pytest.fixture
def machine(balancing):
    """Another machine: a network namespace whose way to the VPC leads through this one. Answers how to ask from it."""
    name = f"lst{balancing.longshore.port}"
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "link", "add", name, "type", "veth", "peer", "name", "out", "netns", name])
        run(["ip", "addr", "add", f"{NEAR}/30", "dev", name])
        run(["ip", "link", "set", name, "up"])
        inside = ["ip", "-n", name]
        run([*inside, "addr", "add", f"{OUTSIDE}/30", "dev", "out"])
        run([*inside, "link", "set", "out", "up"])
        run([*inside, "route", "add", "default", "via", NEAR])
        yield lambda address, port: run(["ip", "netns", "exec", name, "curl", "-s", "-m", "2", f"http://{address}:{port}/"], check=False).stdout
    finally:
        run(["ip", "link", "del", name], check=False)
        run(["ip", "netns", "del", name])


def interfaces(balancing, description):
    return balancing.longshore.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [description]}])["NetworkInterfaces"]


def reaches(address, port):
    """Whether a process of this machine gets through; what a group does not allow is dropped without a word."""
    try:
        socket.create_connection((address, port), timeout=2).close()
        return True
    except TimeoutError:
        return False


def tcp(port, block):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": block}]}]


def test_groups_hold_for_the_machine_and_for_others(balancing, upstream, machine):
    ec2, port = balancing.longshore.client("ec2"), free_port()
    closed = ec2.create_security_group(GroupName="closed", Description="d", VpcId=balancing.vpc)["GroupId"]
    load_balancer, name = balancing.load_balancer("guarded", SecurityGroups=[closed])
    group = balancing.group("guarded", [upstream])
    balancing.listener(load_balancer, port, forward(group))
    balancing.healthy(group)
    [held, *_] = interfaces(balancing, "ELB app/guarded/*")
    address = held["PrivateIpAddress"]
    wait_until("the node has the address", lambda: address in run(["ip", "-4", "addr"]))
    # The name leads to the machine itself, and is open to its own processes.
    wait_until("the machine's own address answers", lambda: get(port).told["name"] == "one")
    assert not reaches(address, port)
    assert machine(address, port) == ""

    ec2.authorize_security_group_ingress(GroupId=closed, IpPermissions=tcp(port, f"{OUTSIDE}/32"))
    assert '"name": "one"' in wait_until("the other machine is let in", lambda: machine(address, port))
    assert not reaches(address, port), "nobody else is"

    ec2.authorize_security_group_ingress(GroupId=closed, IpPermissions=tcp(port, "0.0.0.0/0"))
    wait_until("everybody is let in", lambda: reaches(address, port))
    ec2.revoke_security_group_ingress(GroupId=closed, IpPermissions=tcp(port, "0.0.0.0/0"))
    wait_until("a change holds", lambda: not reaches(address, port))
    balancing.elb.delete_load_balancer(LoadBalancerArn=load_balancer)
    ec2.delete_security_group(GroupId=closed)


def test_a_network_load_balancer_without_groups_is_open(balancing, upstream, machine):
    port = free_port()
    load_balancer, _ = balancing.load_balancer("open", Type="network")
    group = balancing.group("open", [upstream], protocol="TCP")
    balancing.listener(load_balancer, port, forward(group), protocol="TCP")
    balancing.healthy(group)
    [held, *_] = interfaces(balancing, "ELB net/open/*")
    assert held["Groups"] == [] and held["InterfaceType"] == "network_load_balancer"
    address = held["PrivateIpAddress"]
    assert '"name": "one"' in wait_until("the other machine is let in", lambda: machine(address, port))
    assert reaches(address, port)


def test_interfaces_are_attached_to_their_load_balancer(balancing):
    load_balancer, _ = balancing.load_balancer("shown")
    found = interfaces(balancing, "ELB app/shown/*")
    assert len(found) == len(balancing.subnets)
    for interface in found:
        assert interface["Description"] == "ELB " + load_balancer.partition("loadbalancer/")[2]
        assert (interface["Status"], interface["RequesterId"]) == ("in-use", "amazon-elb")
        attachment = interface["Attachment"]
        assert attachment["AttachmentId"] == interface["NetworkInterfaceId"].replace("eni-", "eni-attach-")
        assert (attachment["InstanceOwnerId"], attachment["Status"], attachment["DeviceIndex"]) == ("amazon-elb", "attached", 1)
    balancing.elb.delete_load_balancer(LoadBalancerArn=load_balancer)
    assert interfaces(balancing, "ELB app/shown/*") == []


def test_a_zone_keeps_to_its_targets_where_cross_zone_is_off(balancing):
    """Two targets on addresses of two subnets, which the test gives to the machine."""
    ec2, port = balancing.longshore.client("ec2"), free_port()
    zones = {s["SubnetId"]: s for s in ec2.describe_subnets()["Subnets"]}
    pair = [zones[subnet] for subnet in balancing.subnets[:2]]
    addresses = {s["AvailabilityZone"]: s["CidrBlock"].partition("/")[0].rsplit(".", 1)[0] + ".250" for s in pair}
    upstreams = []
    try:
        for zone, address in addresses.items():
            run(["ip", "addr", "add", f"{address}/32", "dev", "lo"])
            upstreams.append(Upstream(zone, address=address))
        arn = balancing.elb.create_load_balancer(Name="zones", Type="network", Subnets=[s["SubnetId"] for s in pair])["LoadBalancers"][0]["LoadBalancerArn"]
        group = balancing.elb.create_target_group(Name="zones", Protocol="TCP", Port=80, VpcId=balancing.vpc, TargetType="ip", HealthCheckIntervalSeconds=5,
                                                  HealthCheckTimeoutSeconds=2, UnhealthyThresholdCount=2)["TargetGroups"][0]["TargetGroupArn"]
        balancing.elb.register_targets(TargetGroupArn=group, Targets=[
            {"Id": address, "Port": upstream.port} for address, upstream in zip(addresses.values(), upstreams)])
        balancing.listener(arn, port, forward(group), protocol="TCP")
        balancing.healthy(group)
        shown = balancing.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        assert {it["Target"]["Id"]: it["Target"]["AvailabilityZone"] for it in shown} == {a: z for z, a in addresses.items()}
        held = {it["AvailabilityZone"]: it["PrivateIpAddress"] for it in interfaces(balancing, "ELB net/zones/*")}

        def asked(address):
            return {get(port, address=address).told["name"] for _ in range(6)}
        for zone, address in held.items():
            assert wait_until(f"{address} answers", lambda: asked(address)) == {zone}
        assert asked("127.0.0.1") == set(addresses), "the machine's own address is in every zone"
        balancing.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}])
        for address in held.values():
            wait_until("all are asked", lambda: asked(address) == set(addresses))
    finally:
        for upstream in upstreams:
            upstream.remove()
        for address in addresses.values():
            run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=False)

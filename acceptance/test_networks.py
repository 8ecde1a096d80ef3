"""Networks as tasks find them: security groups hold at the interface, and VPCs are apart."""

import pytest
import requests

from support.ecs import Cluster, address
from support.images import busybox_layout, push
from support.process import wait_until

ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "networks")
    cluster.ec2 = longshore.client("ec2")
    cluster.ecr.create_repository(repositoryName="networks")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("networks") / "layout"), "networks")
    return cluster


def port(number, **peer):
    return {"IpProtocol": "tcp", "FromPort": number, "ToPort": number} | peer


def group(cluster, name, vpc=None):
    return cluster.ec2.create_security_group(GroupName=name, Description="d", **({"VpcId": vpc} if vpc else {}))["GroupId"]


def start(cluster, groups, subnet=None, **more):
    """A task that answers on 8080 and 8081, and fetches what it is told by a request: /cgi-bin/get?HOST:PORT."""
    get = r"""#!/bin/sh
echo "Content-Type: text/plain"; echo
timeout 1 wget -q -O - "http://$QUERY_STRING/" 2>&1 || echo unreachable"""
    name = r"""#!/bin/sh
echo "Content-Type: text/plain"; echo
timeout 15 nslookup -type=${QUERY_STRING%%:*} ${QUERY_STRING#*:} 2>&1"""
    script = ("mkdir -p /www/cgi-bin; echo hello > /www/index.html; "
              f"cat > /www/cgi-bin/get <<'END'\n{get}\nEND\n"
              f"cat > /www/cgi-bin/name <<'END'\n{name}\nEND\n"
              "cp /etc/resolv.conf /www/; chmod +x /www/cgi-bin/*; httpd -p 8081 -h /www; exec httpd -f -p 8080 -h /www")
    definition = cluster.register("networks", [{"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "essential": True, "stopTimeout": 2}])
    subnets = [subnet] if subnet else cluster.network["awsvpcConfiguration"]["subnets"]
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType="FARGATE",
                                  networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": groups}}, **more)
    return answer["tasks"][0]["taskArn"]


def running(cluster, arns):
    addresses = [address(task) for task in cluster.wait(arns, "RUNNING")]
    for it in addresses:
        wait_until(f"{it} answers the machine", lambda: requests.get(f"http://{it}:8080/", timeout=2).text == "hello\n", 60)
    return addresses


def fetch(source, target, number=8080):
    """What `source` reads from a port of `target`."""
    return requests.get(f"http://{source}:8080/cgi-bin/get?{target}:{number}", timeout=20).text.splitlines()[-1]


def test_security_groups_hold_at_the_interface(cluster):
    front, back = group(cluster, "front"), group(cluster, "back")
    cluster.ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[port(8080, UserIdGroupPairs=[{"GroupId": front}])])
    arns = [start(cluster, [front]), start(cluster, [back])]
    web, database = running(cluster, arns)

    assert fetch(web, database, 8080) == "hello"
    assert fetch(web, database, 8081) == "unreachable"
    assert fetch(database, web, 8080) == "unreachable"

    # A change reaches running tasks.
    opened = port(8081, IpRanges=[{"CidrIp": f"{web}/32"}])
    cluster.ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[opened])
    wait_until("the port is open", lambda: fetch(web, database, 8081) == "hello", 30)
    cluster.ec2.revoke_security_group_ingress(GroupId=back, IpPermissions=[opened])
    wait_until("the port is closed", lambda: fetch(web, database, 8081) == "unreachable", 30)
    assert fetch(web, database, 8080) == "hello"

    # What a group may not send does not leave it.
    cluster.ec2.revoke_security_group_egress(GroupId=front, IpPermissions=[ALL])
    wait_until("nothing leaves", lambda: fetch(web, database, 8080) == "unreachable", 30)
    cluster.ec2.authorize_security_group_egress(GroupId=front, IpPermissions=[port(8080, UserIdGroupPairs=[{"GroupId": back}])])
    wait_until("the port may be asked", lambda: fetch(web, database, 8080) == "hello", 30)

    used = cluster.ec2.exceptions.ClientError
    with pytest.raises(used, match="DependencyViolation"):
        cluster.ec2.delete_security_group(GroupId=back)
    cluster.stop(arns)
    cluster.ec2.revoke_security_group_egress(GroupId=front, IpPermissions=[port(8080, UserIdGroupPairs=[{"GroupId": back}])])
    for it in (back, front):
        cluster.ec2.delete_security_group(GroupId=it)


def test_the_default_group_lets_its_members_meet_and_rules_outlive_a_restart(cluster):
    arns = [start(cluster, []), start(cluster, [])]
    one, other = running(cluster, arns)
    assert fetch(one, other) == "hello"
    lonely = group(cluster, "lonely")
    arns.append(start(cluster, [lonely]))
    [third] = running(cluster, arns[2:])
    assert fetch(third, one) == "unreachable"

    cluster.longshore.kill()
    assert fetch(third, one) == "unreachable", "rules hold while nobody is there"
    cluster.longshore.start()
    wait_until("the tasks are known again", lambda: cluster.wait(arns, "RUNNING"), 60)
    assert fetch(third, one) == "unreachable"
    assert fetch(one, other) == "hello"
    cluster.ec2.authorize_security_group_ingress(GroupId=lonely, IpPermissions=[port(8080, IpRanges=[{"CidrIp": "0.0.0.0/0"}])])
    wait_until("the change is seen", lambda: fetch(one, third) == "hello", 30)
    cluster.stop(arns)


def test_a_task_in_another_vpc_is_unreachable(cluster):
    # A block at the end of the test's pool, where no default VPC is cut.
    pool = cluster.longshore.network_pool
    block = pool.split(".")[0] + "." + str(int(pool.split(".")[1]) + 7) + ".0.0"
    vpc = cluster.ec2.create_vpc(CidrBlock=f"{block}/16")["Vpc"]["VpcId"]
    subnet = cluster.ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}/24")["Subnet"]["SubnetId"]
    open_here, open_there = group(cluster, "open"), group(cluster, "open", vpc)
    for it in (open_here, open_there):
        cluster.ec2.authorize_security_group_ingress(GroupId=it, IpPermissions=[ALL])
    arns = [start(cluster, [open_here]), start(cluster, [open_there], subnet), start(cluster, [open_there], subnet)]
    here, there, beside = running(cluster, arns)
    assert there.startswith(block[:-1])
    assert fetch(there, beside) == "hello"
    assert fetch(here, there) == "unreachable"
    assert fetch(there, here) == "unreachable"
    cluster.stop(arns)
    cluster.ec2.delete_subnet(SubnetId=subnet)
    cluster.ec2.delete_security_group(GroupId=open_there)
    cluster.ec2.delete_vpc(VpcId=vpc)


def lookup(source, name, kind="a"):
    """What the task `source` is answered to a question for a name."""
    return requests.get(f"http://{source}:8080/cgi-bin/name?{kind}:{name}", timeout=20).text


def test_names_of_the_network_are_answered_and_others_passed_on(cluster):
    arns = [start(cluster, [])]
    [task] = running(cluster, arns)
    name = f"ip-{task.replace('.', '-')}.{cluster.longshore.region}.compute.internal"
    assert f"Address: {task}" in lookup(task, name).splitlines()
    assert "NXDOMAIN" in lookup(task, f"web.{cluster.longshore.region}.compute.internal")
    assert "nameserver 169.254.169.253" in requests.get(f"http://{task}:8080/resolv.conf", timeout=5).text

    # A restarted agent answers the tasks that it adopts.
    cluster.longshore.kill()
    cluster.longshore.start()
    wait_until("names are answered again", lambda: f"Address: {task}" in lookup(task, name).splitlines(), 60)

    # What the machine's own resolver knows, or that there is none, comes through it.
    answer = lookup(task, "example.org")
    assert "169.254.169.253" in answer, answer
    cluster.stop(arns)


def test_private_namespaces_are_served_in_their_vpc(cluster):
    discovery = cluster.longshore.client("servicediscovery", inject_host_prefix=False)
    vpc = cluster.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    operation = discovery.create_private_dns_namespace(Name="shop.local", Vpc=vpc)["OperationId"]
    namespace = discovery.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
    service = discovery.create_service(Name="cart", NamespaceId=namespace, HealthCheckCustomConfig={}, DnsConfig={
        "DnsRecords": [{"Type": "A", "TTL": 0}, {"Type": "SRV", "TTL": 0}]})["Service"]["Id"]
    arns = [start(cluster, [])]
    [task] = running(cluster, arns)
    assert "NXDOMAIN" in lookup(task, "cart.shop.local")
    for number in (1, 2):
        discovery.register_instance(ServiceId=service, InstanceId=f"i{number}", Attributes={
            "AWS_INSTANCE_IPV4": f"10.1.1.{number}", "AWS_INSTANCE_PORT": str(8000 + number)})
    both = ["Address: 10.1.1.1", "Address: 10.1.1.2"]
    wait_until("both instances are answered", lambda: sorted(set(lookup(task, "cart.shop.local").splitlines()) & set(both)) == both, 20)
    assert "i1.cart.shop.local" in lookup(task, "cart.shop.local", "srv")
    assert "8001" in lookup(task, "cart.shop.local", "srv")
    assert "Address: 10.1.1.2" in lookup(task, "i2.cart.shop.local")

    # An unhealthy instance is not answered while another is healthy.
    discovery.update_instance_custom_health_status(ServiceId=service, InstanceId="i1", Status="UNHEALTHY")
    wait_until("the healthy one is left", lambda: both[0] not in lookup(task, "cart.shop.local"), 20)
    found = discovery.discover_instances(NamespaceName="shop.local", ServiceName="cart")["Instances"]
    assert [it["InstanceId"] for it in found] == ["i2"]

    for number in (1, 2):
        discovery.deregister_instance(ServiceId=service, InstanceId=f"i{number}")
    wait_until("the name is gone", lambda: "NXDOMAIN" in lookup(task, "cart.shop.local"), 20)
    cluster.stop(arns)
    discovery.delete_service(Id=service)
    discovery.delete_namespace(Id=namespace)


def test_tasks_of_a_service_are_found_by_its_name(cluster):
    discovery = cluster.longshore.client("servicediscovery", inject_host_prefix=False)
    vpc = cluster.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    operation = discovery.create_private_dns_namespace(Name="fleet.local", Vpc=vpc)["OperationId"]
    namespace = discovery.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
    registry = discovery.create_service(Name="web", NamespaceId=namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 0}]})["Service"]
    arns = [start(cluster, [])]
    [task] = running(cluster, arns)
    definition = cluster.register("fleet", [{"name": "main", "image": cluster.image, "command": ["sleep", "600"], "essential": True, "stopTimeout": 2}])
    cluster.ecs.create_service(cluster=cluster.name, serviceName="fleet", taskDefinition=definition, desiredCount=2, launchType="FARGATE",
                               networkConfiguration=cluster.network, serviceRegistries=[{"registryArn": registry["Arn"]}])

    def found():
        return sorted(line.split()[1] for line in lookup(task, "web.fleet.local").splitlines()[2:] if line.startswith("Address: "))

    def addresses():
        tasks = cluster.ecs.list_tasks(cluster=cluster.name, serviceName="fleet")["taskArns"]
        return sorted(address(it) for it in cluster.describe(tasks) if it["lastStatus"] == "RUNNING") if tasks else []
    wait_until("both tasks are answered", lambda: len(addresses()) == 2 and found() == addresses(), 90)
    shown = cluster.ecs.describe_services(cluster=cluster.name, services=["fleet"])["services"][0]
    assert shown["serviceRegistries"] == [{"registryArn": registry["Arn"]}]

    # One that goes is answered no more, and its successor is.
    victim = cluster.ecs.list_tasks(cluster=cluster.name, serviceName="fleet")["taskArns"][0]
    gone = address(cluster.describe([victim])[0])
    cluster.ecs.stop_task(cluster=cluster.name, task=victim)
    wait_until("the successor is answered", lambda: gone not in found() and len(addresses()) == 2 and found() == addresses(), 90)

    cluster.ecs.delete_service(cluster=cluster.name, service="fleet", force=True)
    wait_until("nothing is registered", lambda: not discovery.list_instances(ServiceId=registry["Id"])["Instances"], 90)
    cluster.stop(arns)
    discovery.delete_service(Id=registry["Id"])
    discovery.delete_namespace(Id=namespace)

"""The calls that the AWS provider of OpenTofu and Terraform makes: each resource is made, read back, changed and removed.

What the provider reads must be what it wrote: whatever differs shows up in a plan that is never empty.
"""

import json

import pytest

TAGS = {"Name": "tofu", "Stage": "test"}
PAIRS = [{"Key": key, "Value": value} for key, value in TAGS.items()]
LOWER = [{"key": key, "value": value} for key, value in TAGS.items()]
ANYWHERE = "0.0.0.0/0"


@pytest.fixture(scope="module")
def clients(api):
    return {name: api.client(name) for name in ("ec2", "elbv2", "ecs", "ecr", "iam", "logs", "sts")}


def tagged(kind):
    return [{"ResourceType": kind, "Tags": PAIRS}]


def filters(**values):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]


def pairs(tags):
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags}


def read_vpc(ec2, vpc):
    """As aws_vpc reads itself."""
    [found] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    for attribute in ("enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics"):
        name = attribute[0].upper() + attribute[1:]
        found[attribute] = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)[name]["Value"]
    [acl] = ec2.describe_network_acls(Filters=filters(default="true", vpc_id=vpc))["NetworkAcls"]
    [table] = ec2.describe_route_tables(Filters=[*filters(vpc_id=vpc), {"Name": "association.main", "Values": ["true"]}])["RouteTables"]
    [group] = ec2.describe_security_groups(Filters=filters(group_name="default", vpc_id=vpc))["SecurityGroups"]
    return found | {"acl": acl["NetworkAclId"], "table": table["RouteTableId"], "group": group["GroupId"]}


def read_subnet(ec2, subnet):
    [found] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    return found


def default_network(ec2):
    """As the data sources aws_vpc (default), aws_subnets and aws_subnet read it."""
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"]
    found = ec2.describe_subnets(Filters=filters(vpc_id=vpc["VpcId"]))["Subnets"]
    for subnet in found:
        assert read_subnet(ec2, subnet["SubnetId"])["DefaultForAz"]
    return vpc["VpcId"], [subnet["SubnetId"] for subnet in found]


def test_who_and_where(clients):
    assert clients["sts"].get_caller_identity()["Account"]
    zones = clients["ec2"].describe_availability_zones(Filters=filters(state="available"), AllAvailabilityZones=False)["AvailabilityZones"]
    assert [zone["ZoneType"] for zone in zones] == ["availability-zone"] * 3 and all(zone["GroupName"] for zone in zones)
    assert clients["ec2"].describe_regions(RegionNames=["us-east-2"])["Regions"][0]["OptInStatus"] == "opt-in-not-required"


def test_the_default_network_is_read(clients):
    ec2 = clients["ec2"]
    vpc, subnets = default_network(ec2)
    read = read_vpc(ec2, vpc)
    assert (read["enableDnsHostnames"], read["enableDnsSupport"], read["InstanceTenancy"]) == (True, True, "default")
    assert len(subnets) == 3
    [by_zone] = ec2.describe_subnets(Filters=[{"Name": "availabilityZone", "Values": ["us-east-2a"]}, {"Name": "defaultForAz", "Values": ["true"]}])["Subnets"]
    assert by_zone["SubnetId"] in subnets
    [default] = ec2.describe_security_groups(Filters=filters(vpc_id=vpc, group_name="default"))["SecurityGroups"]
    assert default["GroupId"] == read["group"]


def test_a_vpc_and_a_subnet(clients, api):
    ec2 = clients["ec2"]
    block = api.network_pool.split(".")[0] + "." + str(int(api.network_pool.split(".")[1]) + 6) + ".0.0"
    vpc = ec2.create_vpc(CidrBlock=f"{block}/16", InstanceTenancy="default", AmazonProvidedIpv6CidrBlock=False,
                         TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["State"] == "available"
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    read = read_vpc(ec2, vpc)
    assert (read["CidrBlock"], pairs(read["Tags"]), read["enableDnsHostnames"]) == (f"{block}/16", TAGS, True)
    assert read.get("Ipv6CidrBlockAssociationSet", []) == []

    subnet = ec2.create_subnet(AvailabilityZone="us-east-2b", CidrBlock=f"{block}/24", VpcId=vpc, TagSpecifications=tagged("subnet"))["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    read = read_subnet(ec2, subnet)
    assert (read["State"], read["AvailabilityZone"], read["MapPublicIpOnLaunch"], pairs(read["Tags"])) == ("available", "us-east-2b", True, TAGS)
    assert read["SubnetArn"].endswith(f":subnet/{subnet}") and read["AvailabilityZoneId"] == "use2-az2"
    assert (read["AssignIpv6AddressOnCreation"], read["EnableDns64"], read["Ipv6Native"]) == (False, False, False)

    ec2.delete_tags(Resources=[vpc, subnet], Tags=[{"Key": "Stage", "Value": "test"}])
    ec2.create_tags(Resources=[vpc, subnet], Tags=[{"Key": "Name", "Value": "other"}])
    assert pairs(read_subnet(ec2, subnet)["Tags"]) == {"Name": "other"}
    assert ec2.describe_network_interfaces(Filters=filters(subnet_id=subnet, status="available"))["NetworkInterfaces"] == []
    ec2.delete_subnet(SubnetId=subnet)
    gone(ec2, "InvalidSubnetID.NotFound", lambda: read_subnet(ec2, subnet))
    ec2.delete_vpc(VpcId=vpc)
    gone(ec2, "InvalidVpcID.NotFound", lambda: ec2.describe_vpcs(VpcIds=[vpc]))


def gone(client, code, read):
    with pytest.raises(client.exceptions.ClientError) as refused:
        read()
    assert refused.value.response["Error"]["Code"] == code


def all_traffic(**more):
    return [{"IpProtocol": "-1", "FromPort": 0, "ToPort": 0} | more]


def test_a_security_group_with_rules_of_its_own(clients):
    ec2 = clients["ec2"]
    vpc, _ = default_network(ec2)
    group = ec2.create_security_group(GroupName="tofu", Description="Managed by Terraform", VpcId=vpc, TagSpecifications=tagged("security-group"))["GroupId"]

    def read():
        return ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert (read()["Description"], pairs(read()["Tags"])) == ("Managed by Terraform", TAGS)
    # The provider takes EC2's own rule away, and looks whether there is one for IPv6.
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=all_traffic(IpRanges=[{"CidrIp": ANYWHERE}]))
    gone(ec2, "InvalidPermission.NotFound", lambda: ec2.revoke_security_group_egress(GroupId=group, IpPermissions=all_traffic(Ipv6Ranges=[{"CidrIpv6": "::/0"}])))
    assert read()["IpPermissionsEgress"] == []
    web = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": ANYWHERE, "Description": "web"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=web)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=all_traffic(IpRanges=[{"CidrIp": ANYWHERE}]))
    [ingress] = read()["IpPermissions"]
    assert (ingress["FromPort"], ingress["ToPort"], ingress["IpRanges"]) == (80, 80, [{"CidrIp": ANYWHERE, "Description": "web"}])
    [egress] = read()["IpPermissionsEgress"]
    assert (egress["IpProtocol"], egress["IpRanges"]) == ("-1", [{"CidrIp": ANYWHERE}])
    # A changed description is a change of its own.
    described = [web[0] | {"IpRanges": [{"CidrIp": ANYWHERE, "Description": "the web"}]}]
    ec2.update_security_group_rule_descriptions_ingress(GroupId=group, IpPermissions=described)
    assert read()["IpPermissions"][0]["IpRanges"][0]["Description"] == "the web"
    plain = all_traffic(IpRanges=[{"CidrIp": ANYWHERE, "Description": "out"}])
    ec2.update_security_group_rule_descriptions_egress(GroupId=group, IpPermissions=plain)
    assert read()["IpPermissionsEgress"][0]["IpRanges"][0]["Description"] == "out"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=described)
    assert ec2.describe_network_interfaces(Filters=filters(group_id=group))["NetworkInterfaces"] == []
    ec2.delete_security_group(GroupId=group)
    gone(ec2, "InvalidGroup.NotFound", read)


def test_rules_as_resources(clients):
    ec2 = clients["ec2"]
    vpc, _ = default_network(ec2)
    group = ec2.create_security_group(GroupName="tofu-rules", Description="d", VpcId=vpc)["GroupId"]
    made = ec2.authorize_security_group_ingress(GroupId=group, TagSpecifications=tagged("security-group-rule"), IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]}])
    rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def read():
        return ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"][0]
    assert (read()["CidrIpv4"], read()["FromPort"], read()["Description"], pairs(read()["Tags"])) == ("10.0.0.0/8", 443, "inside", TAGS)
    assert [it["SecurityGroupRuleId"] for it in ec2.describe_security_group_rules(Filters=filters(group_id=group))["SecurityGroupRules"] if not it["IsEgress"]] == [rule]
    answer = ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": {
        "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8444, "CidrIpv4": "10.1.0.0/16", "Description": "closer"}}])
    assert answer["Return"] is True
    assert (read()["CidrIpv4"], read()["FromPort"], read()["ToPort"], read()["Description"]) == ("10.1.0.0/16", 8443, 8444, "closer")
    assert pairs(read()["Tags"]) == TAGS
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": {
        "IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8444, "ReferencedGroupId": group}}])
    assert read()["ReferencedGroupInfo"]["GroupId"] == group and "CidrIpv4" not in read()
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    gone(ec2, "InvalidSecurityGroupRuleId.NotFound", read)
    ec2.delete_security_group(GroupId=group)


def attributes(pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


APPLICATION = {
    "access_logs.s3.enabled": "false", "connection_logs.s3.enabled": "false", "health_check_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600", "deletion_protection.enabled": "false", "idle_timeout.timeout_seconds": "60",
    "routing.http.desync_mitigation_mode": "defensive", "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false", "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false", "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true", "waf.fail_open.enabled": "false", "zonal_shift.config.enabled": "false"}
NETWORK = {
    "access_logs.s3.enabled": "false", "deletion_protection.enabled": "false", "dns_record.client_routing_policy": "any_availability_zone",
    "load_balancing.cross_zone.enabled": "false", "zonal_shift.config.enabled": "false"}


def read_load_balancer(elb, arn):
    """As aws_lb reads itself."""
    [found] = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    found["attributes"] = {it["Key"]: it["Value"] for it in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    found["capacity"] = elb.describe_capacity_reservation(LoadBalancerArn=arn).get("MinimumLoadBalancerCapacity")
    [told] = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return found | {"tags": pairs(told["Tags"])}


def read_target_group(elb, arn):
    [found] = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    found["attributes"] = {it["Key"]: it["Value"] for it in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}
    [told] = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return found | {"tags": pairs(told["Tags"])}


def read_listener(elb, arn):
    [found] = elb.describe_listeners(ListenerArns=[arn])["Listeners"]
    found["attributes"] = {it["Key"]: it["Value"] for it in elb.describe_listener_attributes(ListenerArn=arn)["Attributes"]}
    [told] = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return found | {"tags": pairs(told["Tags"])}


@pytest.mark.parametrize("kind, wanted", [("application", APPLICATION), ("network", NETWORK)])
def test_a_load_balancer(clients, kind, wanted):
    elb, ec2 = clients["elbv2"], clients["ec2"]
    _, subnets = default_network(ec2)
    name = f"tofu-{kind}"
    gone(elb, "LoadBalancerNotFound", lambda: elb.describe_load_balancers(Names=[name]))
    arn = elb.create_load_balancer(Name=name, Type=kind, Subnets=subnets, Tags=PAIRS, IpAddressType="ipv4")["LoadBalancers"][0]["LoadBalancerArn"]
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes(wanted))
    read = read_load_balancer(elb, arn)
    assert wanted.items() <= read["attributes"].items()
    assert (read["Type"], read["Scheme"], read["IpAddressType"], read["tags"], read["capacity"]) == (kind, "internet-facing", "ipv4", TAGS, None)
    assert sorted(zone["SubnetId"] for zone in read["AvailabilityZones"]) == sorted(subnets)
    assert read["VpcId"] and read["DNSName"].startswith(name)
    assert bool(read.get("SecurityGroups")) == (kind == "application")

    changed = {"idle_timeout.timeout_seconds": "120"} if kind == "application" else {"load_balancing.cross_zone.enabled": "true"}
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes(changed))
    elb.set_subnets(LoadBalancerArn=arn, Subnets=subnets[:2])
    elb.remove_tags(ResourceArns=[arn], TagKeys=["Stage"])
    elb.add_tags(ResourceArns=[arn], Tags=[{"Key": "Name", "Value": "other"}])
    read = read_load_balancer(elb, arn)
    assert changed.items() <= read["attributes"].items() and read["tags"] == {"Name": "other"} and len(read["AvailabilityZones"]) == 2
    elb.delete_load_balancer(LoadBalancerArn=arn)
    gone(elb, "LoadBalancerNotFound", lambda: elb.describe_load_balancers(LoadBalancerArns=[arn]))
    # It waits until the interfaces are gone, which it finds by their owner.
    owner = "amazon-elb" if kind == "application" else "amazon-aws"
    found = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-owner-id", "Values": [owner]},
                                                     {"Name": "description", "Values": ["ELB " + arn.partition("loadbalancer/")[2]]}])
    assert found["NetworkInterfaces"] == []


def test_target_groups(clients):
    elb = clients["elbv2"]
    vpc, _ = default_network(clients["ec2"])
    gone(elb, "TargetGroupNotFound", lambda: elb.describe_target_groups(Names=["tofu"]))
    check = {"HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 30, "HealthyThresholdCount": 3, "UnhealthyThresholdCount": 3,
             "HealthCheckPath": "/up", "Matcher": {"HttpCode": "200-299"}, "HealthCheckPort": "traffic-port", "HealthCheckProtocol": "HTTP"}
    arn = elb.create_target_group(Name="tofu", TargetType="ip", Port=80, Protocol="HTTP", ProtocolVersion="HTTP1", VpcId=vpc, IpAddressType="ipv4",
                                  Tags=PAIRS, **check)["TargetGroups"][0]["TargetGroupArn"]
    sticky = {"stickiness.enabled": "true", "stickiness.type": "lb_cookie", "stickiness.lb_cookie.duration_seconds": "86400"}
    health = {"target_group_health.dns_failover.minimum_healthy_targets.count": "1", "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
              "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1", "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off"}
    own = {"deregistration_delay.timeout_seconds": "300", "load_balancing.algorithm.type": "round_robin", "load_balancing.algorithm.anomaly_mitigation": "off",
           "load_balancing.cross_zone.enabled": "use_load_balancer_configuration"}
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes(sticky | health | own))
    read = read_target_group(elb, arn)
    assert (sticky | health | own).items() <= read["attributes"].items() and read["tags"] == TAGS
    assert check.items() <= read.items() and (read["IpAddressType"], read["TargetType"], read["ProtocolVersion"]) == ("ipv4", "ip", "HTTP1")
    assert read["HealthCheckTimeoutSeconds"] == 5 and read["LoadBalancerArns"] == []
    elb.modify_target_group(TargetGroupArn=arn, **(check | {"HealthCheckPath": "/down", "HealthCheckTimeoutSeconds": 5}))
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes({"stickiness.enabled": "false", "slow_start.duration_seconds": "30"}))
    read = read_target_group(elb, arn)
    assert (read["HealthCheckPath"], read["attributes"]["stickiness.enabled"], read["attributes"]["slow_start.duration_seconds"]) == ("/down", "false", "30")
    # aws_lb_target_group_attachment.
    target = [{"Id": "127.0.0.7", "Port": 8080}]
    elb.register_targets(TargetGroupArn=arn, Targets=target)
    [shown] = elb.describe_target_health(TargetGroupArn=arn, Targets=target)["TargetHealthDescriptions"]
    assert shown["TargetHealth"]["Reason"] == "Target.NotInUse"
    elb.deregister_targets(TargetGroupArn=arn, Targets=target)
    elb.delete_target_group(TargetGroupArn=arn)
    gone(elb, "TargetGroupNotFound", lambda: read_target_group(elb, arn))

    tcp = elb.create_target_group(Name="tofu-tcp", TargetType="ip", Port=80, Protocol="TCP", VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    state = {"target_health_state.unhealthy.connection_termination.enabled": "true", "deregistration_delay.timeout_seconds": "300",
             "stickiness.enabled": "false", "stickiness.type": "source_ip"}
    elb.modify_target_group_attributes(TargetGroupArn=tcp, Attributes=attributes(state))
    read = read_target_group(elb, tcp)
    assert state.items() <= read["attributes"].items()
    assert read["attributes"]["preserve_client_ip.enabled"] == "false", "ELB's default for addresses"
    assert (read["HealthCheckProtocol"], read["HealthCheckTimeoutSeconds"], "Matcher" in read, "HealthCheckPath" in read) == ("TCP", 10, False, False)
    elb.delete_target_group(TargetGroupArn=tcp)


def test_listeners_and_rules(clients):
    elb = clients["elbv2"]
    vpc, subnets = default_network(clients["ec2"])
    balancer = elb.create_load_balancer(Name="tofu-listeners", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    one, two = (elb.create_target_group(Name=f"tofu-{name}", TargetType="ip", Port=80, Protocol="HTTP", VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
                for name in ("one", "two"))
    arn = elb.create_listener(LoadBalancerArn=balancer, Port=18080, Protocol="HTTP", Tags=PAIRS,
                              DefaultActions=[{"Type": "forward", "TargetGroupArn": one}])["Listeners"][0]["ListenerArn"]
    elb.modify_listener_attributes(ListenerArn=arn, Attributes=attributes({"routing.http.response.server.enabled": "true"}))
    read = read_listener(elb, arn)
    assert (read["Port"], read["Protocol"], read["LoadBalancerArn"], read["tags"]) == (18080, "HTTP", balancer, TAGS)
    [action] = read["DefaultActions"]
    assert action["TargetGroupArn"] == one and action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": one, "Weight": 1}]
    assert read_target_group(elb, one)["LoadBalancerArns"] == [balancer]

    actions = {
        "redirect": {"Type": "redirect", "RedirectConfig": {"Host": "#{host}", "Path": "/#{path}", "Port": "443", "Protocol": "HTTPS", "Query": "#{query}", "StatusCode": "HTTP_301"}},
        "fixed": {"Type": "fixed-response", "FixedResponseConfig": {"ContentType": "text/plain", "MessageBody": "", "StatusCode": "404"}},
        "weighted": {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": one, "Weight": 10}, {"TargetGroupArn": two, "Weight": 0}],
                                                          "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 600}}}}
    for name, action in actions.items():
        elb.modify_listener(ListenerArn=arn, Port=18080, Protocol="HTTP", DefaultActions=[action])
        [shown] = read_listener(elb, arn)["DefaultActions"]
        shown.pop("Order", None)
        if name == "fixed":
            assert shown["FixedResponseConfig"].pop("MessageBody", "") == "" and action["FixedResponseConfig"].pop("MessageBody") == ""
        if name == "weighted":
            assert sorted(it["Weight"] for it in shown["ForwardConfig"]["TargetGroups"]) == [0, 10] and "TargetGroupArn" not in shown
            assert shown["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 600}
        else:
            assert shown == action

    # A rule without a priority comes behind all others.
    assert [rule["Priority"] for rule in elb.describe_rules(ListenerArn=arn)["Rules"]] == ["default"]
    conditions = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a/*"]}}, {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.test"]}},
                  {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
                  {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
                  {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}]}},
                  {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]
    rule = elb.create_rule(ListenerArn=arn, Priority=1, Tags=PAIRS, Conditions=conditions[:5],
                           Actions=[{"Type": "forward", "Order": 1, "TargetGroupArn": two}])["Rules"][0]["RuleArn"]

    def read_rule():
        [found] = elb.describe_rules(RuleArns=[rule])["Rules"]
        shown = [{key: value for key, value in it.items() if key != "Values"} for it in found["Conditions"]]
        return found, sorted(shown, key=lambda it: it["Field"])
    found, shown = read_rule()
    assert (found["Priority"], found["IsDefault"]) == ("1", False) and shown == sorted(conditions[:5], key=lambda it: it["Field"])
    assert found["Actions"][0]["TargetGroupArn"] == two
    assert pairs(elb.describe_tags(ResourceArns=[rule])["TagDescriptions"][0]["Tags"]) == TAGS
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 7}])
    elb.modify_rule(RuleArn=rule, Conditions=conditions[5:], Actions=[{"Type": "forward", "TargetGroupArn": one}])
    found, shown = read_rule()
    assert found["Priority"] == "7" and shown == conditions[5:]
    elb.delete_rule(RuleArn=rule)
    gone(elb, "RuleNotFound", read_rule)
    elb.delete_listener(ListenerArn=arn)
    gone(elb, "ListenerNotFound", lambda: read_listener(elb, arn))
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    for group in (one, two):
        elb.delete_target_group(TargetGroupArn=group)


def test_a_repository(clients):
    ecr = clients["ecr"]
    made = ecr.create_repository(repositoryName="tofu/app", imageTagMutability="MUTABLE", imageScanningConfiguration={"scanOnPush": False},
                                 encryptionConfiguration={"encryptionType": "AES256"}, tags=PAIRS)["repository"]
    [read] = ecr.describe_repositories(repositoryNames=["tofu/app"])["repositories"]
    assert (read["repositoryArn"], read["repositoryUri"], read["registryId"]) == (made["repositoryArn"], made["repositoryUri"], made["registryId"])
    assert (read["imageTagMutability"], read["imageScanningConfiguration"], read["encryptionConfiguration"]["encryptionType"]) == ("MUTABLE", {"scanOnPush": False}, "AES256")
    assert pairs(ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"]) == TAGS
    ecr.put_image_tag_mutability(repositoryName="tofu/app", imageTagMutability="IMMUTABLE")
    policy = json.dumps({"rules": [{"rulePriority": 1, "description": "few", "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 3}, "action": {"type": "expire"}}]})
    ecr.put_lifecycle_policy(repositoryName="tofu/app", lifecyclePolicyText=policy)
    assert json.loads(ecr.get_lifecycle_policy(repositoryName="tofu/app")["lifecyclePolicyText"]) == json.loads(policy)
    ecr.delete_lifecycle_policy(repositoryName="tofu/app")
    assert ecr.describe_repositories(repositoryNames=["tofu/app"])["repositories"][0]["imageTagMutability"] == "IMMUTABLE"
    ecr.delete_repository(repositoryName="tofu/app", force=True)
    gone(ecr, "RepositoryNotFoundException", lambda: ecr.describe_repositories(repositoryNames=["tofu/app"]))


def test_a_log_group(clients):
    logs, name = clients["logs"], "/tofu/app"
    logs.create_log_group(logGroupName=name, logGroupClass="STANDARD", tags=TAGS)
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)

    def read():
        return next(it for it in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] if it["logGroupName"] == name)
    assert (read()["retentionInDays"], read()["logGroupClass"], read()["arn"]) == (7, "STANDARD", read()["logGroupArn"] + ":*")
    assert logs.list_tags_for_resource(resourceArn=read()["logGroupArn"])["tags"] == TAGS
    logs.delete_retention_policy(logGroupName=name)
    logs.untag_resource(resourceArn=read()["logGroupArn"], tagKeys=["Stage"])
    logs.tag_resource(resourceArn=read()["logGroupArn"], tags={"Name": "other"})
    assert "retentionInDays" not in read() and logs.list_tags_for_resource(resourceArn=read()["logGroupArn"])["tags"] == {"Name": "other"}
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Action": ["logs:PutLogEvents"], "Effect": "Allow", "Resource": "*"}]})
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def document(read):
    """botocore has decoded it already."""
    return read if isinstance(read, dict) else json.loads(read)


def test_a_role_and_its_policies(clients):
    iam = clients["iam"]
    iam.create_role(RoleName="tofu", AssumeRolePolicyDocument=TRUST, Path="/", MaxSessionDuration=3600, Tags=PAIRS)
    read = iam.get_role(RoleName="tofu")["Role"]
    assert (read["Path"], read["MaxSessionDuration"], pairs(read["Tags"]), document(read["AssumeRolePolicyDocument"])) == ("/", 3600, TAGS, json.loads(TRUST))
    assert read["RoleId"].startswith("AROA") and "PermissionsBoundary" not in read
    assert iam.list_role_policies(RoleName="tofu")["PolicyNames"] == [] and iam.list_attached_role_policies(RoleName="tofu")["AttachedPolicies"] == []
    iam.attach_role_policy(RoleName="tofu", PolicyArn=EXECUTION)
    assert [it["PolicyArn"] for it in iam.list_attached_role_policies(RoleName="tofu")["AttachedPolicies"]] == [EXECUTION]
    iam.put_role_policy(RoleName="tofu", PolicyName="own", PolicyDocument=POLICY)
    assert document(iam.get_role_policy(RoleName="tofu", PolicyName="own")["PolicyDocument"]) == json.loads(POLICY)
    policy = iam.create_policy(PolicyName="tofu", Path="/", PolicyDocument=POLICY, Tags=PAIRS)["Policy"]["Arn"]
    found = iam.get_policy(PolicyArn=policy)["Policy"]
    version = iam.get_policy_version(PolicyArn=policy, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    assert document(version["Document"]) == json.loads(POLICY) and pairs(found["Tags"]) == TAGS
    iam.attach_role_policy(RoleName="tofu", PolicyArn=policy)
    assert iam.list_entities_for_policy(PolicyArn=policy)["PolicyRoles"][0]["RoleName"] == "tofu"
    iam.update_assume_role_policy(RoleName="tofu", PolicyDocument=TRUST)
    iam.update_role(RoleName="tofu", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="tofu", Description="changed")
    iam.untag_role(RoleName="tofu", TagKeys=["Stage"])
    read = iam.get_role(RoleName="tofu")["Role"]
    assert (read["MaxSessionDuration"], read["Description"], pairs(read["Tags"])) == (7200, "changed", {"Name": "tofu"})
    for arn in (EXECUTION, policy):
        iam.detach_role_policy(RoleName="tofu", PolicyArn=arn)
    assert [it["VersionId"] for it in iam.list_policy_versions(PolicyArn=policy)["Versions"]] == ["v1"]
    iam.delete_policy(PolicyArn=policy)
    iam.delete_role_policy(RoleName="tofu", PolicyName="own")
    assert iam.list_instance_profiles_for_role(RoleName="tofu")["InstanceProfiles"] == []
    iam.delete_role(RoleName="tofu")
    gone(iam, "NoSuchEntity", lambda: iam.get_role(RoleName="tofu"))


CONTAINERS = [{"name": "web", "image": "nginx:1", "essential": True, "portMappings": [{"containerPort": 80}],
               "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/tofu", "awslogs-region": "us-east-2", "awslogs-stream-prefix": "web"}}}]


def test_a_cluster_a_task_definition_and_a_service(clients):
    ecs, elb, ec2, iam = (clients[name] for name in ("ecs", "elbv2", "ec2", "iam"))
    vpc, subnets = default_network(ec2)
    arn = ecs.create_cluster(clusterName="tofu", settings=[{"name": "containerInsights", "value": "disabled"}], tags=LOWER)["cluster"]["clusterArn"]

    def read_cluster():
        return ecs.describe_clusters(clusters=[arn], include=["TAGS", "CONFIGURATIONS", "SETTINGS"])["clusters"][0]
    read = read_cluster()
    assert (read["status"], read["settings"], pairs(read["tags"])) == ("ACTIVE", [{"name": "containerInsights", "value": "disabled"}], TAGS)
    ecs.put_cluster_capacity_providers(cluster="tofu", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 0}])
    read = read_cluster()
    assert (read["capacityProviders"], read["defaultCapacityProviderStrategy"]) == (["FARGATE"], [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}])
    assert read.get("attachmentsStatus") in (None, "UPDATE_COMPLETE")

    role = iam.create_role(RoleName="tofu-execution", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    definition = ecs.register_task_definition(
        family="tofu", containerDefinitions=CONTAINERS, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        executionRoleArn=role, runtimePlatform={"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"}, tags=LOWER)["taskDefinition"]["taskDefinitionArn"]
    described = ecs.describe_task_definition(taskDefinition=definition, include=["TAGS"])
    read = described["taskDefinition"]
    assert (read["status"], read["cpu"], read["memory"], read["networkMode"], read["executionRoleArn"], pairs(described["tags"])) == ("ACTIVE", "256", "512", "awsvpc", role, TAGS)
    [container] = read["containerDefinitions"]
    # Beside what was given there is only what the provider takes for a default.
    assert {key for key, value in container.items() if value not in ([], 0)} == set(CONTAINERS[0])
    assert container["portMappings"] in ([{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],)
    assert container["logConfiguration"]["options"] == CONTAINERS[0]["logConfiguration"]["options"]
    assert read.get("volumes") == [] and read.get("placementConstraints") == [] and read.get("enableFaultInjection", False) is False

    balancer = elb.create_load_balancer(Name="tofu-service", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="tofu-service", TargetType="ip", Port=80, Protocol="HTTP", VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(LoadBalancerArn=balancer, Port=18081, Protocol="HTTP", DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
    network = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED", "subnets": subnets, "securityGroups": []}}
    balanced = [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]
    breaker = {"enable": True, "rollback": True}
    service = ecs.create_service(
        cluster=arn, serviceName="tofu", taskDefinition=definition, desiredCount=1, launchType="FARGATE", schedulingStrategy="REPLICA", clientToken="tofu-1",
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100, "deploymentCircuitBreaker": breaker}, deploymentController={"type": "ECS"},
        enableECSManagedTags=False, enableExecuteCommand=False, healthCheckGracePeriodSeconds=0, loadBalancers=balanced, networkConfiguration=network,
        platformVersion="LATEST", tags=LOWER)["service"]["serviceArn"]

    def read_service():
        return ecs.describe_services(cluster=arn, services=[service], include=["TAGS"])["services"][0]
    read = read_service()
    assert (read["status"], read["serviceName"], read["clusterArn"], read["desiredCount"], read["launchType"]) == ("ACTIVE", "tofu", arn, 1, "FARGATE")
    assert (read["taskDefinition"], read["schedulingStrategy"], read["platformVersion"], pairs(read["tags"])) == (definition, "REPLICA", "LATEST", TAGS)
    assert (read["enableECSManagedTags"], read["enableExecuteCommand"], read["healthCheckGracePeriodSeconds"], read["propagateTags"]) == (False, False, 0, "NONE")
    assert read["loadBalancers"] == balanced and read["deploymentController"] == {"type": "ECS"} and read["availabilityZoneRebalancing"] in ("ENABLED", "DISABLED")
    configuration = read["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"], configuration["deploymentCircuitBreaker"]) == (200, 100, breaker)
    assert configuration.get("strategy", "ROLLING") == "ROLLING" and configuration.get("bakeTimeInMinutes", 0) == 0
    shown = read["networkConfiguration"]["awsvpcConfiguration"]
    assert (sorted(shown["subnets"]), shown["assignPublicIp"], shown.get("securityGroups", [])) == (sorted(subnets), "DISABLED", [])
    assert read.get("placementConstraints", []) == [] and read.get("placementStrategy", []) == [] and read.get("serviceRegistries", []) == []
    assert pairs(ecs.list_tags_for_resource(resourceArn=service)["tags"]) == TAGS
    # What newer providers look at while they wait, and for Service Connect and volumes.
    deployment = read["deployments"][0]
    assert deployment["status"] == "PRIMARY" and "serviceConnectConfiguration" not in deployment and deployment.get("volumeConfigurations", []) == []
    [running] = ecs.list_service_deployments(service=service, cluster=arn)["serviceDeployments"]
    [rollout] = ecs.describe_service_deployments(serviceDeploymentArns=[running["serviceDeploymentArn"]])["serviceDeployments"]
    assert rollout["targetServiceRevision"]["arn"]
    [revision] = ecs.describe_service_revisions(serviceRevisionArns=[rollout["targetServiceRevision"]["arn"]])["serviceRevisions"]
    assert revision["taskDefinition"] == definition

    ecs.update_service(cluster=arn, service=service, desiredCount=2, healthCheckGracePeriodSeconds=30, enableExecuteCommand=False, forceNewDeployment=False,
                       deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50, "deploymentCircuitBreaker": breaker})
    ecs.untag_resource(resourceArn=service, tagKeys=["Stage"])
    ecs.tag_resource(resourceArn=service, tags=[{"key": "Name", "value": "other"}])
    read = read_service()
    assert (read["desiredCount"], read["healthCheckGracePeriodSeconds"], read["deploymentConfiguration"]["maximumPercent"], pairs(read["tags"])) == (2, 30, 150, {"Name": "other"})
    ecs.update_service(cluster=arn, service=service, desiredCount=0)
    ecs.delete_service(cluster=arn, service=service, force=False)
    ecs.get_waiter("services_inactive").wait(cluster=arn, services=[service], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    ecs.deregister_task_definition(taskDefinition=definition)
    assert ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["status"] == "INACTIVE"
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=group)
    ecs.put_cluster_capacity_providers(cluster="tofu", capacityProviders=[], defaultCapacityProviderStrategy=[])
    ecs.delete_cluster(cluster=arn)
    assert read_cluster()["status"] == "INACTIVE"
    iam.delete_role(RoleName="tofu-execution")

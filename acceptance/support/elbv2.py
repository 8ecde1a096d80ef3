"""Load balancing's cases for test_models.py: each may be computed from the answers of earlier ones."""

GOOD = "good"
ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:"
NO_GROUP = ARN + "targetgroup/none/0123456789abcdef"
NO_LOAD_BALANCER = ARN + "loadbalancer/app/none/0123456789abcdef"
NO_LISTENER = ARN + "listener/app/none/0123456789abcdef/0123456789abcdef"
NO_RULE = ARN + "listener-rule/app/none/0123456789abcdef/0123456789abcdef/0123456789abcdef"


def network(answers):
    """The default VPC and its subnets."""
    subnets = answers["client"]("ec2").describe_subnets()["Subnets"]
    return subnets[0]["VpcId"], [subnet["SubnetId"] for subnet in subnets]


def group(answers):
    return answers["CreateTargetGroup"]["TargetGroups"][0]["TargetGroupArn"]


def load_balancer(answers):
    return answers["CreateLoadBalancer"]["LoadBalancers"][0]["LoadBalancerArn"]


def listener(answers):
    return answers["CreateListener"]["Listeners"][0]["ListenerArn"]


def rule(answers):
    return answers["CreateRule"]["Rules"][0]["RuleArn"]


def forward(arn):
    return [{"Type": "forward", "TargetGroupArn": arn}]


def access_log(group):
    return [{"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": group}]


def log_group(answers):
    """A log group for access logs."""
    answers["client"]("logs").create_log_group(logGroupName="access-of-models")
    return "access-of-models"


PATH = [{"Field": "path-pattern", "Values": ["/a/*"]}]

CASES = [
    ("CreateTargetGroup", lambda a: {"Name": "models", "Protocol": "HTTP", "Port": 80, "VpcId": network(a)[0], "TargetType": "ip"}, GOOD),
    ("CreateTargetGroup", lambda a: {"Name": "models", "Protocol": "HTTP", "Port": 81, "VpcId": network(a)[0], "TargetType": "ip"}, "DuplicateTargetGroupName"),
    ("CreateLoadBalancer", lambda a: {"Name": "models", "Subnets": network(a)[1], "Tags": [{"Key": "a", "Value": "b"}]}, GOOD),
    ("CreateLoadBalancer", {"Name": "models", "Subnets": ["subnet-0"]}, "SubnetNotFound"),
    ("CreateListener", lambda a: {"LoadBalancerArn": load_balancer(a), "Protocol": "HTTP", "Port": 8080, "DefaultActions": forward(group(a))}, GOOD),
    ("CreateListener", lambda a: {"LoadBalancerArn": load_balancer(a), "Protocol": "HTTP", "Port": 8080, "DefaultActions": forward(NO_GROUP)}, "TargetGroupNotFound"),
    ("CreateRule", lambda a: {"ListenerArn": listener(a), "Priority": 1, "Conditions": PATH, "Actions": forward(group(a))}, GOOD),
    ("CreateRule", lambda a: {"ListenerArn": listener(a), "Priority": 1, "Conditions": PATH, "Actions": forward(group(a))}, "PriorityInUse"),
    ("RegisterTargets", lambda a: {"TargetGroupArn": group(a), "Targets": [{"Id": "127.0.0.9"}]}, GOOD),
    ("RegisterTargets", lambda a: {"TargetGroupArn": group(a), "Targets": [{"Id": "8.8.8.8"}]}, "InvalidTarget"),
    ("DescribeTargetHealth", lambda a: {"TargetGroupArn": group(a)}, GOOD),
    ("DescribeTargetHealth", {"TargetGroupArn": NO_GROUP}, "TargetGroupNotFound"),
    ("DeregisterTargets", lambda a: {"TargetGroupArn": group(a), "Targets": [{"Id": "127.0.0.9"}]}, GOOD),
    ("DeregisterTargets", {"TargetGroupArn": NO_GROUP, "Targets": [{"Id": "127.0.0.9"}]}, "TargetGroupNotFound"),
    ("DescribeLoadBalancers", {"Names": ["models"]}, GOOD),
    ("DescribeLoadBalancers", {"Names": ["none"]}, "LoadBalancerNotFound"),
    ("DescribeTargetGroups", {"PageSize": 1}, GOOD),
    ("DescribeTargetGroups", {"Names": ["none"]}, "TargetGroupNotFound"),
    ("DescribeListeners", lambda a: {"LoadBalancerArn": load_balancer(a)}, GOOD),
    ("DescribeListeners", {}, "ValidationError"),
    ("DescribeRules", lambda a: {"ListenerArn": listener(a)}, GOOD),
    ("DescribeRules", {"RuleArns": [NO_RULE]}, "RuleNotFound"),
    ("DescribeLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a)}, GOOD),
    ("DescribeLoadBalancerAttributes", {"LoadBalancerArn": NO_LOAD_BALANCER}, "LoadBalancerNotFound"),
    ("ModifyLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a), "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "30"}]}, GOOD),
    ("ModifyLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a), "Attributes": access_log(log_group(a))}, GOOD),
    ("ModifyLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a), "Attributes": access_log("none")}, "InvalidConfigurationRequest"),
    ("ModifyLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a), "Attributes": access_log("")}, "ValidationError"),
    ("ModifyLoadBalancerAttributes", lambda a: {"LoadBalancerArn": load_balancer(a), "Attributes": [{"Key": "waf.fail_open.enabled", "Value": "true"}]}, "InvalidConfigurationRequest"),
    ("DescribeTargetGroupAttributes", lambda a: {"TargetGroupArn": group(a)}, GOOD),
    ("DescribeTargetGroupAttributes", {"TargetGroupArn": NO_GROUP}, "TargetGroupNotFound"),
    ("ModifyTargetGroupAttributes", lambda a: {"TargetGroupArn": group(a), "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]}, GOOD),
    ("ModifyTargetGroupAttributes", lambda a: {"TargetGroupArn": group(a), "Attributes": [{"Key": "nonsense", "Value": "0"}]}, "ValidationError"),
    ("DescribeListenerAttributes", lambda a: {"ListenerArn": listener(a)}, GOOD),
    ("DescribeListenerAttributes", {"ListenerArn": NO_LISTENER}, "ListenerNotFound"),
    ("ModifyListenerAttributes", lambda a: {"ListenerArn": listener(a), "Attributes": [{"Key": "routing.http.response.server.enabled", "Value": "false"}]}, GOOD),
    ("ModifyListenerAttributes", {"ListenerArn": NO_LISTENER, "Attributes": []}, "ListenerNotFound"),
    ("ModifyTargetGroup", lambda a: {"TargetGroupArn": group(a), "HealthCheckPath": "/up", "Matcher": {"HttpCode": "200-299"}}, GOOD),
    ("ModifyTargetGroup", lambda a: {"TargetGroupArn": group(a), "HealthCheckPath": "up"}, "ValidationError"),
    ("ModifyListener", lambda a: {"ListenerArn": listener(a), "Port": 8081}, GOOD),
    ("ModifyListener", lambda a: {"ListenerArn": listener(a), "Protocol": "TCP"}, "UnsupportedProtocol"),
    ("ModifyRule", lambda a: {"RuleArn": rule(a), "Conditions": [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}]}, GOOD),
    ("ModifyRule", {"RuleArn": NO_RULE, "Conditions": PATH}, "RuleNotFound"),
    ("SetRulePriorities", lambda a: {"RulePriorities": [{"RuleArn": rule(a), "Priority": 9}]}, GOOD),
    ("SetRulePriorities", {"RulePriorities": [{"RuleArn": NO_RULE, "Priority": 9}]}, "RuleNotFound"),
    ("SetSubnets", lambda a: {"LoadBalancerArn": load_balancer(a), "Subnets": network(a)[1][:2]}, GOOD),
    ("SetSubnets", lambda a: {"LoadBalancerArn": load_balancer(a), "Subnets": network(a)[1][:1]}, "ValidationError"),
    ("SetSecurityGroups", lambda a: {"LoadBalancerArn": load_balancer(a), "SecurityGroups": a["CreateLoadBalancer"]["LoadBalancers"][0]["SecurityGroups"]}, GOOD),
    ("SetSecurityGroups", lambda a: {"LoadBalancerArn": load_balancer(a), "SecurityGroups": ["sg-0"]}, "InvalidSecurityGroup"),
    ("SetIpAddressType", lambda a: {"LoadBalancerArn": load_balancer(a), "IpAddressType": "ipv4"}, GOOD),
    ("SetIpAddressType", lambda a: {"LoadBalancerArn": load_balancer(a), "IpAddressType": "dualstack"}, "InvalidConfigurationRequest"),
    ("AddTags", lambda a: {"ResourceArns": [group(a), rule(a)], "Tags": [{"Key": "c", "Value": "d"}]}, GOOD),
    ("AddTags", {"ResourceArns": [NO_GROUP], "Tags": [{"Key": "c", "Value": "d"}]}, "TargetGroupNotFound"),
    ("DescribeTags", lambda a: {"ResourceArns": [group(a), load_balancer(a), listener(a), rule(a)]}, GOOD),
    ("DescribeTags", {"ResourceArns": [NO_LISTENER]}, "ListenerNotFound"),
    ("RemoveTags", lambda a: {"ResourceArns": [group(a)], "TagKeys": ["c"]}, GOOD),
    ("RemoveTags", {"ResourceArns": [NO_RULE], "TagKeys": ["c"]}, "RuleNotFound"),
    ("DescribeListenerCertificates", lambda a: {"ListenerArn": listener(a)}, GOOD),
    ("DescribeListenerCertificates", {"ListenerArn": NO_LISTENER}, "ListenerNotFound"),
    ("AddListenerCertificates", lambda a: {"ListenerArn": listener(a), "Certificates": [{"CertificateArn": "x"}]}, "ValidationError"),
    ("RemoveListenerCertificates", {"ListenerArn": NO_LISTENER, "Certificates": [{"CertificateArn": "x"}]}, "ListenerNotFound"),
    ("DescribeSSLPolicies", {}, GOOD),
    ("DescribeSSLPolicies", {"Names": ["ELBSecurityPolicy-2015-05"]}, "SSLPolicyNotFound"),
    ("DescribeAccountLimits", {"PageSize": 2}, GOOD),
    ("DescribeCapacityReservation", lambda a: {"LoadBalancerArn": load_balancer(a)}, GOOD),
    ("DescribeCapacityReservation", {"LoadBalancerArn": "x"}, "ValidationError"),
    ("DeleteTargetGroup", lambda a: {"TargetGroupArn": group(a)}, "ResourceInUse"),
    ("DeleteRule", lambda a: {"RuleArn": rule(a)}, GOOD),
    ("DeleteRule", lambda a: {"RuleArn": rule(a)}, "RuleNotFound"),
    ("DeleteListener", lambda a: {"ListenerArn": listener(a)}, GOOD),
    ("DeleteListener", lambda a: {"ListenerArn": listener(a)}, "ListenerNotFound"),
    ("DeleteLoadBalancer", lambda a: {"LoadBalancerArn": load_balancer(a)}, GOOD),
    ("DeleteLoadBalancer", {"LoadBalancerArn": "x"}, "ValidationError"),
    ("DeleteTargetGroup", lambda a: {"TargetGroupArn": group(a)}, GOOD),
    ("CreateTrustStore", {"Name": "x", "CaCertificatesBundleS3Bucket": "b", "CaCertificatesBundleS3Key": "k"}, "InvalidAction"),
]

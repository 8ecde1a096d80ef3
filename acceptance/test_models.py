"""Each served operation, good and bad, judged by botocore's own models: members, types, error shapes."""

import re
import time

import botocore.exceptions
import pytest

from support import elbv2, iam
from support.longshore import ROOT
from support.models import Judge

GOOD, BAD = "good", "bad"
ROLE = "arn:aws:iam::123456789012:role/exec"
CONTAINER = {"name": "web", "image": "web:1", "memory": 128}
CLUSTER_ARN = "arn:aws:ecs:us-east-2:123456789012:cluster/models"
ARN = "arn:aws:ecs:us-east-2:123456789012:"
# Host networking needs no subnet, so that the service needs no id that is known later.
ECS_SERVICE = {"cluster": "models-services", "serviceName": "models", "taskDefinition": "models-services", "desiredCount": 0}
DIGEST = "sha256:" + "0" * 64
LIFECYCLE = ('{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", '
             '"countNumber": 3}, "action": {"type": "expire"}}]}')

# Ids that earlier answers gave: filled in by the test.
VPC, SUBNET, GROUP = "$Vpc.VpcId", "$Subnet.SubnetId", "$GroupId"
NAMESPACE, SERVICE = "$Namespace.Id", "$Service.Id"
HTTP = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "http"}]}
MEMBERS = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": GROUP}]}
PING = {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}

# Per operation: calls that must succeed, and calls that must fail with this code. Earlier ones prepare later ones.
CASES = {
    "sts": [
        ("GetCallerIdentity", {}, GOOD),
        ("GetSessionToken", {"DurationSeconds": 900}, GOOD),
        ("GetSessionToken", {"DurationSeconds": 1}, "ValidationError"),
        ("GetAccessKeyInfo", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}, GOOD),
        ("GetAccessKeyInfo", {"AccessKeyId": "short"}, "ValidationError"),
    ],
    "ec2": [
        ("DescribeVpcs", {}, GOOD),
        ("DescribeVpcs", {"VpcIds": ["vpc-0"]}, "InvalidVpcID.NotFound"),
        ("DescribeSubnets", {"Filters": [{"Name": "default-for-az", "Values": ["true"]}]}, GOOD),
        ("DescribeSubnets", {"SubnetIds": ["subnet-0"]}, "InvalidSubnetID.NotFound"),
        ("DescribeSecurityGroups", {"MaxResults": 5}, GOOD),
        ("DescribeSecurityGroups", {"Filters": [{"Name": "nonsense", "Values": ["x"]}]}, "InvalidParameterValue"),
        ("DescribeNetworkInterfaces", {}, GOOD),
        ("DescribeNetworkInterfaces", {"NetworkInterfaceIds": ["eni-0"]}, "InvalidNetworkInterfaceID.NotFound"),
        ("DescribeAvailabilityZones", {}, GOOD),
        ("DescribeAvailabilityZones", {"DryRun": True}, "DryRunOperation"),
        ("DescribeRegions", {}, GOOD),
        ("DescribeRegions", {"RegionNames": ["nowhere-1"]}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "10.0.5.9/16", "TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "models"}]}]}, GOOD),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/20"}, "CidrConflict"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ("DescribeVpcs", {"Filters": [{"Name": "tag:Name", "Values": ["models"]}]}, GOOD),
        ("ModifyVpcAttribute", {"VpcId": VPC, "EnableDnsHostnames": {"Value": True}}, GOOD),
        ("ModifyVpcAttribute", {"VpcId": VPC, "EnableDnsHostnames": {"Value": True}, "EnableDnsSupport": {"Value": True}}, "InvalidParameterCombination"),
        ("DescribeVpcAttribute", {"VpcId": VPC, "Attribute": "enableDnsSupport"}, GOOD),
        ("DescribeVpcAttribute", {"VpcId": "vpc-0", "Attribute": "enableDnsSupport"}, "InvalidVpcID.NotFound"),
        ("CreateSubnet", {"VpcId": VPC, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-2b"}, GOOD),
        ("CreateSubnet", {"VpcId": VPC, "CidrBlock": "10.0.1.128/25"}, "InvalidSubnet.Conflict"),
        ("CreateSubnet", {"VpcId": VPC, "CidrBlock": "10.9.1.0/24"}, "InvalidSubnet.Range"),
        ("ModifySubnetAttribute", {"SubnetId": SUBNET, "MapPublicIpOnLaunch": {"Value": True}}, GOOD),
        ("ModifySubnetAttribute", {"SubnetId": "subnet-0", "MapPublicIpOnLaunch": {"Value": True}}, "InvalidSubnetID.NotFound"),
        ("CreateSecurityGroup", {"GroupName": "models", "Description": "d", "VpcId": VPC}, GOOD),
        ("CreateSecurityGroup", {"GroupName": "models", "Description": "d", "VpcId": VPC}, "InvalidGroup.Duplicate"),
        ("AuthorizeSecurityGroupIngress", {"GroupId": GROUP, "IpPermissions": [HTTP, MEMBERS]}, GOOD),
        ("AuthorizeSecurityGroupIngress", {"GroupId": GROUP, "IpPermissions": [HTTP]}, "InvalidPermission.Duplicate"),
        ("AuthorizeSecurityGroupEgress", {"GroupId": GROUP, "IpPermissions": [PING]}, GOOD),
        ("AuthorizeSecurityGroupEgress", {"GroupId": GROUP, "IpPermissions": [PING | {"IpProtocol": "nonsense"}]}, "InvalidParameterValue"),
        ("DescribeSecurityGroupRules", {"Filters": [{"Name": "group-id", "Values": [GROUP]}]}, GOOD),
        ("DescribeSecurityGroupRules", {"SecurityGroupRuleIds": ["sgr-0"]}, "InvalidSecurityGroupRuleId.NotFound"),
        ("DescribeSecurityGroups", {"Filters": [{"Name": "ip-permission.from-port", "Values": ["80"]}]}, GOOD),
        ("RevokeSecurityGroupIngress", {"GroupId": GROUP, "IpPermissions": [HTTP]}, GOOD),
        ("RevokeSecurityGroupIngress", {"GroupId": GROUP, "IpPermissions": [HTTP]}, "InvalidPermission.NotFound"),
        ("RevokeSecurityGroupEgress", {"GroupId": GROUP, "IpPermissions": [PING]}, GOOD),
        ("RevokeSecurityGroupEgress", {"GroupId": "sg-0", "IpPermissions": [PING]}, "InvalidGroup.NotFound"),
        ("DescribeRouteTables", {"Filters": [{"Name": "vpc-id", "Values": [VPC]}]}, GOOD),
        ("DescribeRouteTables", {"RouteTableIds": ["rtb-0"]}, "InvalidRouteTableID.NotFound"),
        ("DescribeNetworkAcls", {"Filters": [{"Name": "default", "Values": ["true"]}]}, GOOD),
        ("DescribeNetworkAcls", {"NetworkAclIds": ["acl-0"]}, "InvalidNetworkAclID.NotFound"),
        ("DescribeInternetGateways", {}, GOOD),
        ("DescribeInternetGateways", {"InternetGatewayIds": ["igw-0"]}, "InvalidInternetGatewayID.NotFound"),
        ("DescribeAccountAttributes", {"AttributeNames": ["default-vpc"]}, GOOD),
        ("DescribeAccountAttributes", {"AttributeNames": ["nonsense"]}, "InvalidParameterValue"),
        ("CreateTags", {"Resources": [VPC, SUBNET, GROUP], "Tags": [{"Key": "a", "Value": "b"}]}, GOOD),
        ("CreateTags", {"Resources": ["i-0"], "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidID"),
        ("DescribeTags", {"Filters": [{"Name": "resource-type", "Values": ["vpc"]}]}, GOOD),
        ("DescribeTags", {"Filters": [{"Name": "nonsense", "Values": ["x"]}]}, "InvalidParameterValue"),
        ("DeleteTags", {"Resources": [VPC], "Tags": [{"Key": "a"}]}, GOOD),
        ("DeleteTags", {"Resources": ["vpc-0"]}, "InvalidVpcID.NotFound"),
        ("DeleteVpc", {"VpcId": VPC}, "DependencyViolation"),
        ("DeleteSubnet", {"SubnetId": SUBNET}, GOOD),
        ("DeleteSubnet", {"SubnetId": SUBNET}, "InvalidSubnetID.NotFound"),
        ("DeleteSecurityGroup", {"GroupId": GROUP}, GOOD),
        ("DeleteSecurityGroup", {"GroupName": "default"}, "CannotDelete"),
        ("DeleteVpc", {"VpcId": VPC}, GOOD),
        ("DeleteVpc", {"VpcId": VPC}, "InvalidVpcID.NotFound"),
    ],
    "servicediscovery": [
        ("CreateHttpNamespace", {"Name": "models-http", "Tags": [{"Key": "a", "Value": "b"}]}, GOOD),
        ("CreateHttpNamespace", {"Name": "models-http"}, "NamespaceAlreadyExists"),
        ("CreatePrivateDnsNamespace", {"Name": "models.local", "Vpc": "vpc-0"}, "InvalidInput"),
        ("CreatePublicDnsNamespace", {"Name": "example.org"}, "InvalidInput"),
        ("GetOperation", {"OperationId": "$OperationId"}, GOOD),
        ("GetOperation", {"OperationId": "nonsense"}, "OperationNotFound"),
        ("ListOperations", {"Filters": [{"Name": "TYPE", "Values": ["CREATE_NAMESPACE"]}]}, GOOD),
        ("ListOperations", {"NextToken": "%"}, "InvalidInput"),
        ("GetNamespace", {"Id": "$Operation.Targets.NAMESPACE"}, GOOD),
        ("GetNamespace", {"Id": "ns-0"}, "NamespaceNotFound"),
        ("ListNamespaces", {"Filters": [{"Name": "NAME", "Values": ["models"], "Condition": "BEGINS_WITH"}]}, GOOD),
        ("ListNamespaces", {"NextToken": "%"}, "InvalidInput"),
        ("UpdateHttpNamespace", {"Id": NAMESPACE, "Namespace": {"Description": "d"}}, GOOD),
        ("UpdateHttpNamespace", {"Id": "ns-0", "Namespace": {"Description": "d"}}, "NamespaceNotFound"),
        ("UpdatePrivateDnsNamespace", {"Id": NAMESPACE, "Namespace": {"Description": "d"}}, "InvalidInput"),
        ("UpdatePublicDnsNamespace", {"Id": NAMESPACE, "Namespace": {"Description": "d"}}, "InvalidInput"),
        ("CreateService", {"Name": "web", "NamespaceId": NAMESPACE, "HealthCheckCustomConfig": {}}, GOOD),
        ("CreateService", {"Name": "web", "NamespaceId": NAMESPACE}, "ServiceAlreadyExists"),
        ("GetService", {"Id": SERVICE}, GOOD),
        ("GetService", {"Id": "srv-0"}, "ServiceNotFound"),
        ("ListServices", {"Filters": [{"Name": "NAMESPACE_ID", "Values": [NAMESPACE]}]}, GOOD),
        ("ListServices", {"NextToken": "%"}, "InvalidInput"),
        ("UpdateService", {"Id": SERVICE, "Service": {"Description": "d"}}, GOOD),
        ("UpdateService", {"Id": "srv-0", "Service": {"Description": "d"}}, "ServiceNotFound"),
        ("UpdateServiceAttributes", {"ServiceId": SERVICE, "Attributes": {"a": "b"}}, GOOD),
        ("UpdateServiceAttributes", {"ServiceId": "srv-0", "Attributes": {"a": "b"}}, "ServiceNotFound"),
        ("GetServiceAttributes", {"ServiceId": SERVICE}, GOOD),
        ("GetServiceAttributes", {"ServiceId": "srv-0"}, "ServiceNotFound"),
        ("DeleteServiceAttributes", {"ServiceId": SERVICE, "Attributes": ["a"]}, GOOD),
        ("DeleteServiceAttributes", {"ServiceId": "srv-0", "Attributes": ["a"]}, "ServiceNotFound"),
        ("RegisterInstance", {"ServiceId": SERVICE, "InstanceId": "i", "Attributes": {"AWS_INSTANCE_IPV4": "10.0.0.1", "colour": "red"}}, GOOD),
        ("RegisterInstance", {"ServiceId": SERVICE, "InstanceId": "i", "Attributes": {"AWS_INSTANCE_IPV4": "x"}}, "InvalidInput"),
        ("GetInstance", {"ServiceId": SERVICE, "InstanceId": "i"}, GOOD),
        ("GetInstance", {"ServiceId": SERVICE, "InstanceId": "none"}, "InstanceNotFound"),
        ("ListInstances", {"ServiceId": SERVICE}, GOOD),
        ("ListInstances", {"ServiceId": "srv-0"}, "ServiceNotFound"),
        ("GetInstancesHealthStatus", {"ServiceId": SERVICE}, GOOD),
        ("GetInstancesHealthStatus", {"ServiceId": SERVICE, "Instances": ["none"]}, "InstanceNotFound"),
        ("UpdateInstanceCustomHealthStatus", {"ServiceId": SERVICE, "InstanceId": "i", "Status": "UNHEALTHY"}, GOOD),
        ("UpdateInstanceCustomHealthStatus", {"ServiceId": SERVICE, "InstanceId": "none", "Status": "UNHEALTHY"}, "InstanceNotFound"),
        ("DiscoverInstances", {"NamespaceName": "models-http", "ServiceName": "web", "QueryParameters": {"colour": "red"}, "HealthStatus": "ALL"}, GOOD),
        ("DiscoverInstances", {"NamespaceName": "models-http", "ServiceName": "none"}, "ServiceNotFound"),
        ("DiscoverInstancesRevision", {"NamespaceName": "models-http", "ServiceName": "web"}, GOOD),
        ("DiscoverInstancesRevision", {"NamespaceName": "none", "ServiceName": "web"}, "NamespaceNotFound"),
        ("TagResource", {"ResourceARN": "$Service.Arn", "Tags": [{"Key": "x", "Value": "y"}]}, GOOD),
        ("TagResource", {"ResourceARN": "arn:aws:servicediscovery:us-east-2:123456789012:service/srv-0", "Tags": []}, "ResourceNotFoundException"),
        ("ListTagsForResource", {"ResourceARN": "$Service.Arn"}, GOOD),
        ("ListTagsForResource", {"ResourceARN": "nonsense"}, "InvalidInput"),
        ("UntagResource", {"ResourceARN": "$Service.Arn", "TagKeys": ["x"]}, GOOD),
        ("UntagResource", {"ResourceARN": "nonsense", "TagKeys": ["x"]}, "InvalidInput"),
        ("DeleteService", {"Id": SERVICE}, "ResourceInUse"),
        ("DeleteNamespace", {"Id": NAMESPACE}, "ResourceInUse"),
        ("DeregisterInstance", {"ServiceId": SERVICE, "InstanceId": "i"}, GOOD),
        ("DeregisterInstance", {"ServiceId": SERVICE, "InstanceId": "i"}, "InstanceNotFound"),
        ("DeleteService", {"Id": SERVICE}, GOOD),
        ("DeleteNamespace", {"Id": NAMESPACE}, GOOD),
    ],
    "ecs": [
        ("CreateCluster", {"clusterName": "models", "tags": [{"key": "a", "value": "b"}], "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
                           "settings": [{"name": "containerInsights", "value": "enabled"}],
                           "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]}, GOOD),
        ("CreateCluster", {"clusterName": "not a name"}, "InvalidParameterException"),
        ("DescribeClusters", {"clusters": ["models", "missing"], "include": ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]}, GOOD),
        ("DescribeClusters", {"clusters": ["models"], "include": ["WRONG"]}, "InvalidParameterException"),
        ("ListClusters", {"maxResults": 1}, GOOD),
        ("ListClusters", {"nextToken": "nonsense"}, "InvalidParameterException"),
        ("UpdateCluster", {"cluster": "models", "settings": [{"name": "containerInsights", "value": "disabled"}]}, GOOD),
        ("UpdateCluster", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("UpdateClusterSettings", {"cluster": "models", "settings": [{"name": "containerInsights", "value": "enhanced"}]}, GOOD),
        ("UpdateClusterSettings", {"cluster": "missing", "settings": [{"name": "containerInsights", "value": "enabled"}]}, "ClusterNotFoundException"),
        ("PutClusterCapacityProviders", {"cluster": "models", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}, GOOD),
        ("DescribeCapacityProviders", {"capacityProviders": ["FARGATE", "none"], "include": ["TAGS"]}, GOOD),
        ("DescribeCapacityProviders", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("DescribeCapacityProviders", {"maxResults": 0}, "InvalidParameterException"),
        ("PutClusterCapacityProviders", {"cluster": "models", "capacityProviders": ["none"], "defaultCapacityProviderStrategy": []}, "InvalidParameterException"),
        ("RegisterTaskDefinition", {"family": "models", "containerDefinitions": [CONTAINER], "tags": [{"key": "k", "value": "v"}]}, GOOD),
        ("RegisterTaskDefinition", {"family": "models", "containerDefinitions": []}, "ClientException"),
        ("RegisterTaskDefinition", {"family": "models", "containerDefinitions": [CONTAINER], "requiresCompatibilities": ["FARGATE"],
                                    "networkMode": "awsvpc", "cpu": "256", "memory": "4096"}, "ClientException"),
        ("DescribeTaskDefinition", {"taskDefinition": "models", "include": ["TAGS"]}, GOOD),
        ("DescribeTaskDefinition", {"taskDefinition": "models:99"}, "ClientException"),
        ("ListTaskDefinitions", {"familyPrefix": "models", "sort": "DESC", "status": "ACTIVE"}, GOOD),
        ("ListTaskDefinitions", {"status": "WRONG"}, "InvalidParameterException"),
        ("ListTaskDefinitionFamilies", {"status": "ALL"}, GOOD),
        ("ListTaskDefinitionFamilies", {"status": "WRONG"}, "InvalidParameterException"),
        ("RunTask", {"cluster": "models", "taskDefinition": "models"}, "InvalidParameterException"),
        ("RunTask", {"cluster": "missing", "taskDefinition": "models"}, "ClusterNotFoundException"),
        ("ExecuteCommand", {"cluster": "models", "task": "0" * 32, "command": "sh", "interactive": True}, "InvalidParameterException"),
        ("ExecuteCommand", {"cluster": "models", "task": "0" * 32, "command": "sh", "interactive": False}, "InvalidParameterException"),
        ("ExecuteCommand", {"cluster": "missing", "task": "0" * 32, "command": "sh", "interactive": True}, "ClusterNotFoundException"),
        ("StopTask", {"cluster": "models", "task": "0" * 32}, "InvalidParameterException"),
        ("DescribeTasks", {"cluster": "models", "tasks": ["0" * 32], "include": ["TAGS"]}, GOOD),
        ("DescribeTasks", {"cluster": "missing", "tasks": ["0" * 32]}, "ClusterNotFoundException"),
        ("ListTasks", {"cluster": "models", "desiredStatus": "STOPPED"}, GOOD),
        ("ListTasks", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("TagResource", {"resourceArn": CLUSTER_ARN, "tags": [{"key": "x", "value": "y"}]}, GOOD),
        ("TagResource", {"resourceArn": CLUSTER_ARN, "tags": [{"key": "aws:x", "value": "y"}]}, "InvalidParameterException"),
        ("ListTagsForResource", {"resourceArn": CLUSTER_ARN}, GOOD),
        ("ListTagsForResource", {"resourceArn": "nonsense"}, "InvalidParameterException"),
        ("UntagResource", {"resourceArn": CLUSTER_ARN, "tagKeys": ["x"]}, GOOD),
        ("UntagResource", {"resourceArn": "nonsense", "tagKeys": ["x"]}, "InvalidParameterException"),
        ("PutAccountSetting", {"name": "containerInsights", "value": "enabled"}, GOOD),
        ("PutAccountSetting", {"name": "containerInsights", "value": "perhaps"}, "InvalidParameterException"),
        ("PutAccountSettingDefault", {"name": "containerInsights", "value": "disabled"}, GOOD),
        ("PutAccountSettingDefault", {"name": "nonsense", "value": "on"}, "InvalidParameterException"),
        ("ListAccountSettings", {"effectiveSettings": True}, GOOD),
        ("ListAccountSettings", {"name": "nonsense"}, "InvalidParameterException"),
        ("DeleteAccountSetting", {"name": "containerInsights"}, GOOD),
        ("DeleteAccountSetting", {"name": "nonsense"}, "InvalidParameterException"),
        ("ListContainerInstances", {"cluster": "models"}, GOOD),
        ("ListContainerInstances", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("DescribeContainerInstances", {"cluster": "models", "containerInstances": ["0" * 32]}, GOOD),
        ("DescribeContainerInstances", {"cluster": "missing", "containerInstances": ["0" * 32]}, "ClusterNotFoundException"),
        ("DescribeContainerInstances", {"cluster": "models", "containerInstances": ["short"]}, "InvalidParameterException"),
        ("ListContainerInstances", {"cluster": "models", "filter": "nonsense"}, "InvalidParameterException"),
        ("UpdateContainerInstancesState", {"cluster": "models", "containerInstances": ["0" * 32], "status": "DRAINING"}, GOOD),
        ("UpdateContainerInstancesState", {"cluster": "models", "containerInstances": ["0" * 32], "status": "REGISTERING"}, "InvalidParameterException"),
        ("DeregisterContainerInstance", {"cluster": "models", "containerInstance": "0" * 32}, "InvalidParameterException"),
        ("PutAttributes", {"cluster": "models", "attributes": [{"name": "a", "targetId": "0" * 32, "targetType": "container-instance"}]}, "TargetNotFoundException"),
        ("PutAttributes", {"cluster": "models", "attributes": []}, "InvalidParameterException"),
        ("DeleteAttributes", {"cluster": "models", "attributes": [{"name": "a", "targetId": "0" * 32, "targetType": "container-instance"}]}, "TargetNotFoundException"),
        ("ListAttributes", {"cluster": "models", "targetType": "container-instance"}, GOOD),
        ("ListAttributes", {"cluster": "models", "targetType": "container-instance", "attributeValue": "x"}, "InvalidParameterException"),
        ("StartTask", {"cluster": "models", "taskDefinition": "models", "containerInstances": ["0" * 32]}, GOOD),
        ("StartTask", {"cluster": "missing", "taskDefinition": "models", "containerInstances": ["0" * 32]}, "ClusterNotFoundException"),
        ("CreateCluster", {"clusterName": "models-services"}, GOOD),
        ("RegisterTaskDefinition", {"family": "models-services", "containerDefinitions": [CONTAINER], "networkMode": "host"}, GOOD),
        ("CreateService", {**ECS_SERVICE, "tags": [{"key": "a", "value": "b"}], "propagateTags": "SERVICE",
                           "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}, GOOD),
        ("CreateService", {**ECS_SERVICE, "desiredCount": 7}, "InvalidParameterException"),
        ("CreateService", {**ECS_SERVICE, "cluster": "missing"}, "ClusterNotFoundException"),
        ("CreateService", {**ECS_SERVICE, "serviceName": "other", "taskDefinition": "none"}, "ClientException"),
        ("CreateService", {**ECS_SERVICE, "serviceName": "other", "deploymentController": {"type": "EXTERNAL"}}, "UnsupportedFeatureException"),
        ("DescribeServices", {"cluster": "models-services", "services": ["models", "none"], "include": ["TAGS"]}, GOOD),
        ("DescribeServices", {"cluster": "missing", "services": ["none"]}, "ClusterNotFoundException"),
        ("ListServices", {"cluster": "models-services", "launchType": "EC2", "schedulingStrategy": "REPLICA"}, GOOD),
        ("ListServices", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("ListServicesByNamespace", {"namespace": "none"}, "NamespaceNotFoundException"),
        ("ListServiceDeployments", {"cluster": "models-services", "service": "models", "status": ["IN_PROGRESS", "SUCCESSFUL"]}, GOOD),
        ("ListServiceDeployments", {"cluster": "models-services", "service": "none"}, "ServiceNotFoundException"),
        ("DescribeServiceDeployments", {"serviceDeploymentArns": [ARN + "service-deployment/models-services/models/none"]}, GOOD),
        ("DescribeServiceDeployments", {"serviceDeploymentArns": ["nonsense"]}, "InvalidParameterException"),
        ("DescribeServiceRevisions", {"serviceRevisionArns": [ARN + "service-revision/models-services/models/1"]}, GOOD),
        ("DescribeServiceRevisions", {"serviceRevisionArns": []}, "InvalidParameterException"),
        ("StopServiceDeployment", {"serviceDeploymentArn": ARN + "service-deployment/models-services/models/none"}, "ServiceDeploymentNotFoundException"),
        ("TagResource", {"resourceArn": ARN + "service/models-services/models", "tags": [{"key": "x", "value": "y"}]}, GOOD),
        ("UpdateService", {"cluster": "models-services", "service": "models", "desiredCount": 0, "forceNewDeployment": True}, GOOD),
        ("UpdateService", {"cluster": "models-services", "service": "none"}, "ServiceNotFoundException"),
        ("GetTaskProtection", {"cluster": "models-services", "tasks": ["0" * 32]}, GOOD),
        ("GetTaskProtection", {"cluster": "missing"}, "ClusterNotFoundException"),
        ("UpdateTaskProtection", {"cluster": "models-services", "tasks": ["0" * 32], "protectionEnabled": True}, GOOD),
        ("UpdateTaskProtection", {"cluster": "models-services", "tasks": ["0" * 32], "protectionEnabled": True, "expiresInMinutes": 0}, "InvalidParameterException"),
        ("DeleteCluster", {"cluster": "models-services"}, "ClusterContainsServicesException"),
        ("DeleteService", {"cluster": "models-services", "service": "models", "force": True}, GOOD),
        ("DeleteService", {"cluster": "models-services", "service": "none"}, "ServiceNotFoundException"),
        ("DeregisterTaskDefinition", {"taskDefinition": "models:1"}, GOOD),
        ("DeregisterTaskDefinition", {"taskDefinition": "models:99"}, "ClientException"),
        ("DeleteTaskDefinitions", {"taskDefinitions": ["models:1", "models:99"]}, GOOD),
        ("DeleteTaskDefinitions", {"taskDefinitions": []}, "InvalidParameterException"),
        ("DeleteCluster", {"cluster": "models"}, GOOD),
        ("DeleteCluster", {"cluster": "missing"}, "ClusterNotFoundException"),
    ],
    "logs": [
        ("CreateLogGroup", {"logGroupName": "/models", "tags": {"a": "b"}}, GOOD),
        ("CreateLogGroup", {"logGroupName": "/models"}, "ResourceAlreadyExistsException"),
        ("CreateLogStream", {"logGroupName": "/models", "logStreamName": "s"}, GOOD),
        ("CreateLogStream", {"logGroupName": "/missing", "logStreamName": "s"}, "ResourceNotFoundException"),
        ("PutLogEvents", {"logGroupName": "/models", "logStreamName": "s", "logEvents": [{"timestamp": int(time.time() * 1000), "message": "hello"}]}, GOOD),
        ("PutLogEvents", {"logGroupName": "/models", "logStreamName": "none", "logEvents": [{"timestamp": 1, "message": "x"}]}, "ResourceNotFoundException"),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/mod"}, GOOD),
        ("DescribeLogGroups", {"nextToken": "nonsense"}, "InvalidParameterException"),
        ("DescribeLogStreams", {"logGroupName": "/models", "orderBy": "LastEventTime", "descending": True}, GOOD),
        ("DescribeLogStreams", {"logGroupName": "/missing"}, "ResourceNotFoundException"),
        ("GetLogEvents", {"logGroupName": "/models", "logStreamName": "s", "startFromHead": True}, GOOD),
        ("GetLogEvents", {"logGroupName": "/models", "logStreamName": "none"}, "ResourceNotFoundException"),
        ("FilterLogEvents", {"logGroupName": "/models", "filterPattern": "hello"}, GOOD),
        ("FilterLogEvents", {"logGroupName": "/models", "filterPattern": "{ $.x = "}, "InvalidParameterException"),
        ("StartLiveTail", {"logGroupIdentifiers": ["/models/logs"]}, "InvalidParameterException"),
        ("StartLiveTail", {"logGroupIdentifiers": ["arn:aws:logs:us-east-2:123456789012:log-group:missing"]}, "ResourceNotFoundException"),
        ("TestMetricFilter", {"filterPattern": "[a, b]", "logEventMessages": ["x y", "z"]}, GOOD),
        ("TestMetricFilter", {"filterPattern": "{ $.x = ", "logEventMessages": ["x"]}, "InvalidParameterException"),
        ("PutRetentionPolicy", {"logGroupName": "/models", "retentionInDays": 7}, GOOD),
        ("PutRetentionPolicy", {"logGroupName": "/models", "retentionInDays": 8}, "InvalidParameterException"),
        ("DeleteRetentionPolicy", {"logGroupName": "/models"}, GOOD),
        ("DeleteRetentionPolicy", {"logGroupName": "/missing"}, "ResourceNotFoundException"),
        ("PutLogGroupDeletionProtection", {"logGroupIdentifier": "/models", "deletionProtectionEnabled": False}, GOOD),
        ("PutLogGroupDeletionProtection", {"logGroupIdentifier": "/missing", "deletionProtectionEnabled": False}, "ResourceNotFoundException"),
        ("TagLogGroup", {"logGroupName": "/models", "tags": {"c": "d"}}, GOOD),
        ("TagLogGroup", {"logGroupName": "/missing", "tags": {"c": "d"}}, "ResourceNotFoundException"),
        ("ListTagsLogGroup", {"logGroupName": "/models"}, GOOD),
        ("ListTagsLogGroup", {"logGroupName": "/missing"}, "ResourceNotFoundException"),
        ("UntagLogGroup", {"logGroupName": "/models", "tags": ["c"]}, GOOD),
        ("UntagLogGroup", {"logGroupName": "/missing", "tags": ["c"]}, "ResourceNotFoundException"),
        ("TagResource", {"resourceArn": "arn:aws:logs:us-east-2:123456789012:log-group:/models", "tags": {"e": "f"}}, GOOD),
        ("TagResource", {"resourceArn": "arn:aws:logs:us-east-2:123456789012:log-group:/missing", "tags": {"e": "f"}}, "ResourceNotFoundException"),
        ("ListTagsForResource", {"resourceArn": "arn:aws:logs:us-east-2:123456789012:log-group:/models"}, GOOD),
        ("ListTagsForResource", {"resourceArn": "nonsense"}, "InvalidParameterException"),
        ("UntagResource", {"resourceArn": "arn:aws:logs:us-east-2:123456789012:log-group:/models", "tagKeys": ["e"]}, GOOD),
        ("UntagResource", {"resourceArn": "nonsense", "tagKeys": ["e"]}, "InvalidParameterException"),
        ("DeleteLogStream", {"logGroupName": "/models", "logStreamName": "s"}, GOOD),
        ("DeleteLogStream", {"logGroupName": "/models", "logStreamName": "s"}, "ResourceNotFoundException"),
        ("DeleteLogGroup", {"logGroupName": "/models"}, GOOD),
        ("DeleteLogGroup", {"logGroupName": "/models"}, "ResourceNotFoundException"),
    ],
    "ecr": [
        ("CreateRepository", {"repositoryName": "models", "tags": [{"Key": "a", "Value": "b"}]}, GOOD),
        ("CreateRepository", {"repositoryName": "models"}, "RepositoryAlreadyExistsException"),
        ("CreateRepository", {"repositoryName": "Upper"}, "InvalidParameterException"),
        ("DescribeRepositories", {"repositoryNames": ["models"]}, GOOD),
        ("DescribeRepositories", {"repositoryNames": ["missing"]}, "RepositoryNotFoundException"),
        ("GetAuthorizationToken", {}, GOOD),
        ("DescribeRegistry", {}, GOOD),
        ("InitiateLayerUpload", {"repositoryName": "models"}, GOOD),
        ("InitiateLayerUpload", {"repositoryName": "missing"}, "RepositoryNotFoundException"),
        ("UploadLayerPart", {"repositoryName": "models", "uploadId": "00000000-0000-4000-8000-000000000000", "partFirstByte": 0, "partLastByte": 2, "layerPartBlob": b"abc"}, "UploadNotFoundException"),
        ("CompleteLayerUpload", {"repositoryName": "models", "uploadId": "00000000-0000-4000-8000-000000000000", "layerDigests": [DIGEST]}, "UploadNotFoundException"),
        ("BatchCheckLayerAvailability", {"repositoryName": "models", "layerDigests": [DIGEST]}, GOOD),
        ("BatchCheckLayerAvailability", {"repositoryName": "missing", "layerDigests": [DIGEST]}, "RepositoryNotFoundException"),
        ("GetDownloadUrlForLayer", {"repositoryName": "models", "layerDigest": DIGEST}, "LayersNotFoundException"),
        ("PutImage", {"repositoryName": "models", "imageManifest": "{}"}, "InvalidParameterException"),
        ("ListImages", {"repositoryName": "models"}, GOOD),
        ("ListImages", {"repositoryName": "missing"}, "RepositoryNotFoundException"),
        ("DescribeImages", {"repositoryName": "models"}, GOOD),
        ("DescribeImages", {"repositoryName": "models", "imageIds": [{"imageTag": "none"}]}, "ImageNotFoundException"),
        ("BatchGetImage", {"repositoryName": "models", "imageIds": [{"imageTag": "none"}]}, GOOD),
        ("BatchGetImage", {"repositoryName": "missing", "imageIds": [{"imageTag": "none"}]}, "RepositoryNotFoundException"),
        ("BatchDeleteImage", {"repositoryName": "models", "imageIds": [{"imageTag": "none"}]}, GOOD),
        ("BatchDeleteImage", {"repositoryName": "missing", "imageIds": [{"imageTag": "none"}]}, "RepositoryNotFoundException"),
        ("PutImageTagMutability", {"repositoryName": "models", "imageTagMutability": "IMMUTABLE"}, GOOD),
        ("PutImageTagMutability", {"repositoryName": "missing", "imageTagMutability": "IMMUTABLE"}, "RepositoryNotFoundException"),
        ("PutImageScanningConfiguration", {"repositoryName": "missing", "imageScanningConfiguration": {"scanOnPush": False}}, "RepositoryNotFoundException"),
        ("PutImageScanningConfiguration", {"repositoryName": "models", "imageScanningConfiguration": {"scanOnPush": False}}, GOOD),
        ("TagResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/models", "tags": [{"Key": "c", "Value": "d"}]}, GOOD),
        ("TagResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/missing", "tags": [{"Key": "c", "Value": "d"}]}, "RepositoryNotFoundException"),
        ("ListTagsForResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/models"}, GOOD),
        ("ListTagsForResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/missing"}, "RepositoryNotFoundException"),
        ("UntagResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/models", "tagKeys": ["c"]}, GOOD),
        ("UntagResource", {"resourceArn": "arn:aws:ecr:us-east-2:123456789012:repository/missing", "tagKeys": ["c"]}, "RepositoryNotFoundException"),
        ("SetRepositoryPolicy", {"repositoryName": "models", "policyText": '{"Statement": []}'}, GOOD),
        ("SetRepositoryPolicy", {"repositoryName": "models", "policyText": "nonsense"}, "InvalidParameterException"),
        ("GetRepositoryPolicy", {"repositoryName": "models"}, GOOD),
        ("DeleteRepositoryPolicy", {"repositoryName": "models"}, GOOD),
        ("DeleteRepositoryPolicy", {"repositoryName": "models"}, "RepositoryPolicyNotFoundException"),
        ("GetRepositoryPolicy", {"repositoryName": "models"}, "RepositoryPolicyNotFoundException"),
        ("PutRegistryPolicy", {"policyText": '{"Statement": []}'}, GOOD),
        ("PutRegistryPolicy", {"policyText": "nonsense"}, "InvalidParameterException"),
        ("GetRegistryPolicy", {}, GOOD),
        ("DeleteRegistryPolicy", {}, GOOD),
        ("DeleteRegistryPolicy", {}, "RegistryPolicyNotFoundException"),
        ("GetRegistryPolicy", {}, "RegistryPolicyNotFoundException"),
        ("PutLifecyclePolicy", {"repositoryName": "models", "lifecyclePolicyText": LIFECYCLE}, GOOD),
        ("PutLifecyclePolicy", {"repositoryName": "models", "lifecyclePolicyText": '{"rules": []}'.ljust(100)}, "InvalidParameterException"),
        ("GetLifecyclePolicy", {"repositoryName": "models"}, GOOD),
        ("StartLifecyclePolicyPreview", {"repositoryName": "models"}, GOOD),
        ("StartLifecyclePolicyPreview", {"repositoryName": "missing"}, "RepositoryNotFoundException"),
        ("GetLifecyclePolicyPreview", {"repositoryName": "models"}, GOOD),
        ("GetLifecyclePolicyPreview", {"repositoryName": "missing"}, "RepositoryNotFoundException"),
        ("DeleteLifecyclePolicy", {"repositoryName": "models"}, GOOD),
        ("DeleteLifecyclePolicy", {"repositoryName": "models"}, "LifecyclePolicyNotFoundException"),
        ("GetLifecyclePolicy", {"repositoryName": "models"}, "LifecyclePolicyNotFoundException"),
        ("ListImageReferrers", {"repositoryName": "models", "subjectId": {"imageDigest": DIGEST}}, GOOD),
        ("ListImageReferrers", {"repositoryName": "missing", "subjectId": {"imageDigest": DIGEST}}, "RepositoryNotFoundException"),
        ("GetAccountSetting", {"name": "BASIC_SCAN_TYPE_VERSION"}, GOOD),
        ("GetAccountSetting", {"name": "nonsense"}, "InvalidParameterException"),
        ("PutAccountSetting", {"name": "REGISTRY_POLICY_SCOPE", "value": "V2"}, GOOD),
        ("PutAccountSetting", {"name": "REGISTRY_POLICY_SCOPE", "value": "V1"}, "InvalidParameterException"),
        ("PutRegistryScanningConfiguration", {"scanType": "BASIC", "rules": [{"scanFrequency": "MANUAL", "repositoryFilters": []}]}, GOOD),
        ("PutRegistryScanningConfiguration", {"scanType": "ENHANCED"}, "InvalidParameterException"),
        ("GetRegistryScanningConfiguration", {}, GOOD),
        ("BatchGetRepositoryScanningConfiguration", {"repositoryNames": ["models", "missing"]}, GOOD),
        ("BatchGetRepositoryScanningConfiguration", {"repositoryNames": []}, "InvalidParameterException"),
        ("StartImageScan", {"repositoryName": "models", "imageId": {"imageTag": "none"}}, "ImageNotFoundException"),
        ("DescribeImageScanFindings", {"repositoryName": "models", "imageId": {"imageTag": "none"}}, "ImageNotFoundException"),
        ("PutReplicationConfiguration", {"replicationConfiguration": {"rules": []}}, GOOD),
        ("PutReplicationConfiguration", {"replicationConfiguration": {"rules": [{"destinations": [{"region": "us-east-2", "registryId": "123456789012"}]}]}}, "InvalidParameterException"),
        ("DescribeImageReplicationStatus", {"repositoryName": "models", "imageId": {"imageTag": "none"}}, "ImageNotFoundException"),
        ("CreateRepositoryCreationTemplate", {"prefix": "models", "appliedFor": ["REPLICATION"]}, GOOD),
        ("CreateRepositoryCreationTemplate", {"prefix": "models", "appliedFor": ["REPLICATION"]}, "TemplateAlreadyExistsException"),
        ("DescribeRepositoryCreationTemplates", {"prefixes": ["models"]}, GOOD),
        ("DescribeRepositoryCreationTemplates", {"nextToken": "nonsense"}, "InvalidParameterException"),
        ("UpdateRepositoryCreationTemplate", {"prefix": "models", "description": "x"}, GOOD),
        ("UpdateRepositoryCreationTemplate", {"prefix": "missing"}, "TemplateNotFoundException"),
        ("DeleteRepositoryCreationTemplate", {"prefix": "models"}, GOOD),
        ("DeleteRepositoryCreationTemplate", {"prefix": "models"}, "TemplateNotFoundException"),
        ("RegisterPullTimeUpdateExclusion", {"principalArn": "arn:aws:iam::123456789012:user/models"}, GOOD),
        ("RegisterPullTimeUpdateExclusion", {"principalArn": "arn:aws:iam::123456789012:user/models"}, "ExclusionAlreadyExistsException"),
        ("ListPullTimeUpdateExclusions", {}, GOOD),
        ("DeregisterPullTimeUpdateExclusion", {"principalArn": "arn:aws:iam::123456789012:user/models"}, GOOD),
        ("DeregisterPullTimeUpdateExclusion", {"principalArn": "arn:aws:iam::123456789012:user/models"}, "ExclusionNotFoundException"),
        ("CreatePullThroughCacheRule", {"ecrRepositoryPrefix": "models", "upstreamRegistryUrl": "public.ecr.aws"}, GOOD),
        ("CreatePullThroughCacheRule", {"ecrRepositoryPrefix": "models", "upstreamRegistryUrl": "public.ecr.aws"}, "PullThroughCacheRuleAlreadyExistsException"),
        ("DescribePullThroughCacheRules", {"ecrRepositoryPrefixes": ["models"]}, GOOD),
        ("DescribePullThroughCacheRules", {"ecrRepositoryPrefixes": ["missing"]}, "PullThroughCacheRuleNotFoundException"),
        ("UpdatePullThroughCacheRule", {"ecrRepositoryPrefix": "missing"}, "PullThroughCacheRuleNotFoundException"),
        ("UpdatePullThroughCacheRule", {"ecrRepositoryPrefix": "models"}, "InvalidParameterException"),
        ("ValidatePullThroughCacheRule", {"ecrRepositoryPrefix": "missing"}, "PullThroughCacheRuleNotFoundException"),
        ("DeletePullThroughCacheRule", {"ecrRepositoryPrefix": "models"}, GOOD),
        ("DeletePullThroughCacheRule", {"ecrRepositoryPrefix": "models"}, "PullThroughCacheRuleNotFoundException"),
        ("DeleteRepository", {"repositoryName": "models", "force": True}, GOOD),
        ("DeleteRepository", {"repositoryName": "models"}, "RepositoryNotFoundException"),
    ],
}
CASES["elbv2"] = elbv2.CASES
CASES["iam"] = iam.CASES


@pytest.mark.parametrize("service", CASES)
def test_every_answer_fits_the_model(api, service):
    client = api.client(service, parameter_validation=False, inject_host_prefix=False)
    judge = Judge(client)
    # What earlier cases were answered, for the parameters that are taken or computed from it.
    wrong, answers = [], {"client": api.client}
    for operation, parameters, expected in CASES[service]:
        method = getattr(client, _method(client, operation))
        parameters = parameters(answers) if callable(parameters) else _filled(parameters, answers)
        try:
            answer = method(**parameters)
            answers |= {k: v for k, v in answer.items() if k not in ("ResponseMetadata", "Tags")} | {operation: answer}
            found = GOOD
        except botocore.exceptions.ClientError as error:
            found = error.response["Error"]["Code"]
        if found != expected:
            wrong.append(f"{operation} {parameters}: expected {expected}, found {found}")
    assert judge.judged >= len(CASES[service])
    assert not wrong and not judge.faults, "\n".join(wrong + judge.faults)


def test_every_served_operation_has_its_case():
    table = (ROOT / "docs" / "compatibility.md").read_text()
    names = {"ecs": "ECS", "ecr": "ECR", "logs": "CloudWatch Logs", "sts": "STS", "ec2": "EC2", "elbv2": "Elastic Load Balancing v2",
             "servicediscovery": "ServiceDiscovery", "iam": "IAM"}
    for service, title in names.items():
        section = re.search(rf"^## {re.escape(title)}\b.*?(?=^## |\Z)", table, re.MULTILINE | re.DOTALL)
        assert section, f"docs/compatibility.md has no section {title}"
        served = set(re.findall(r"^- (\w+)$|\| `?(\w+)`? \| served", section.group(0), re.MULTILINE))
        served = {a or b for a, b in served}
        assert served, f"{title}: no served operation found"
        missing = served - {operation for operation, _, _ in CASES[service]}
        assert not missing, f"{title}: no case for {sorted(missing)}"


def _filled(value, answers):
    """A copy in which each "$A.B" is what an earlier answer held under A, then B."""
    if isinstance(value, dict):
        return {key: _filled(inner, answers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, answers) for inner in value]
    if isinstance(value, str) and value.startswith("$"):
        for part in value[1:].split("."):
            answers = answers[part]
        return answers
    return value


def _method(client, operation):
    return next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)

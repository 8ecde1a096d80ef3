"""Several users of one account: what policies let them do, by API, by registry, in tasks and as roles."""

import json

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.longshore import VENV, Longshore
from support.process import run, wait_until

PARK = "trap 'exit 0' TERM; echo up; while :; do sleep 0.2; done"
ACCOUNT = "123456789012"
TASKS_TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions, resource="*", **more):
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def refused(call, code, *words, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as told:
        call(**arguments)
    error = told.value.response["Error"]
    assert error["Code"] == code, error
    for word in words:
        assert word in error["Message"], error


class Somebody:
    """A user with a key, or anybody else with credentials."""

    def __init__(self, longshore, key, secret, token=None):
        self.longshore = longshore
        self.credentials = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_session_token": token}

    def client(self, service):
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
        return boto3.client(service, endpoint_url=self.longshore.endpoint, region_name=self.longshore.region, config=config,
                            **self.credentials)

    def aws(self, *argv, check=True):
        """The AWS command line from PyPI, by environment variables alone."""
        env = {name: value for name, value in self.longshore.environment().items() if not name.startswith("AWS_")}
        env |= {name.upper(): value for name, value in self.credentials.items() if value}
        env |= {"AWS_ENDPOINT_URL": self.longshore.endpoint, "AWS_DEFAULT_REGION": self.longshore.region, "AWS_PAGER": ""}
        return run([VENV / "aws", *argv], env=env, timeout=120, check=check)


class Account:
    """The root's hands: users and roles with their policies."""

    def __init__(self, longshore):
        self.longshore = longshore
        self.iam = longshore.client("iam")

    def user(self, name, *statements, managed=()):
        self.iam.create_user(UserName=name)
        self.may(name, *statements)
        for policy in managed:
            self.iam.attach_user_policy(UserName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return Somebody(self.longshore, key["AccessKeyId"], key["SecretAccessKey"])

    def may(self, name, *statements):
        if statements:
            self.iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))

    def role(self, name, trust, *statements):
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return role["Arn"]


@pytest.fixture(scope="module")
def account(longshore):
    return Account(longshore)


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "iam")
    cluster.ecr.create_repository(repositoryName="iambox")
    cluster.layout = busybox_layout(tmp_path_factory.mktemp("box") / "layout")
    cluster.image = push(longshore, cluster.layout, "iambox")
    return cluster


def box(cluster, script, **more):
    return {"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "essential": True, **more}


def test_nothing_is_allowed_until_a_policy_says_so(account):
    eve = account.user("eve")
    arn = f"arn:aws:iam::{ACCOUNT}:user/eve"
    assert eve.client("sts").get_caller_identity()["Arn"] == arn
    why = "because no identity-based policy allows the ecs:ListClusters action"
    refused(eve.client("ecs").list_clusters, "AccessDeniedException", f"User: {arn} is not authorized", "on resource: *", why)
    refused(eve.client("iam").list_users, "AccessDenied", "iam:ListUsers")
    refused(eve.client("ec2").describe_vpcs, "UnauthorizedOperation", "ec2:DescribeVpcs")
    refused(eve.client("logs").describe_log_groups, "AccessDeniedException", "logs:DescribeLogGroups")
    account.may("eve", allow("ecs:List*", "iam:GetUser"))
    eve.client("ecs").list_clusters()
    assert json.loads(eve.aws("ecs", "list-clusters"))["clusterArns"] is not None
    assert eve.client("iam").get_user()["User"]["UserName"] == "eve"
    account.may("eve", allow("*"), {"Effect": "Deny", "Action": "ecs:List*", "Resource": "*"})
    refused(eve.client("ecs").list_clusters, "AccessDeniedException", "with an explicit deny in an identity-based policy")
    eve.client("ecs").describe_clusters()


def test_keys_can_be_turned_off_and_are_gone_with_their_user(account):
    iam, ann = account.iam, account.user("ann", allow("ecs:*"))
    [key] = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    ann.client("ecs").list_clusters()
    def used():
        return iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"].get("ServiceName") == "ecs"
    wait_until("the use is noted", used, 30)
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused(ann.client("ecs").list_clusters, "UnrecognizedClientException")
    iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Active")
    ann.client("ecs").list_clusters()
    temporary = ann.client("sts").get_session_token()["Credentials"]
    session = Somebody(account.longshore, temporary["AccessKeyId"], temporary["SecretAccessKey"], temporary["SessionToken"])
    session.client("ecs").list_clusters()
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    refused(ann.client("sts").get_caller_identity, "InvalidClientTokenId")
    iam.delete_user_policy(UserName="ann", PolicyName="own")
    iam.delete_user(UserName="ann")
    refused(session.client("ecs").list_clusters, "UnrecognizedClientException")


def test_roles_are_taken_by_whom_they_trust(account):
    joe = account.user("joe", allow("sts:AssumeRole"))
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/joe"}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"sts:ExternalId": "harbour"}}}
    role = account.role("auditor", trust, allow("ecs:List*", "ecs:Describe*"))
    sts = joe.client("sts")
    ask = {"RoleArn": role, "RoleSessionName": "night"}
    refused(sts.assume_role, "AccessDenied", "sts:AssumeRole", role, **ask)
    refused(account.longshore.client("sts").assume_role, "AccessDenied", "root", **ask)
    refused(sts.assume_role, "ValidationError", "MaxSessionDuration", **ask, ExternalId="harbour", DurationSeconds=7200)
    answer = sts.assume_role(**ask, ExternalId="harbour", Policy=document(allow("ecs:List*")))
    made = answer["Credentials"]
    session = Somebody(account.longshore, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    who = session.client("sts").get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/auditor/night"
    session.client("ecs").list_clusters()
    refused(session.client("ecs").describe_clusters, "AccessDeniedException", "because no session policy allows the ecs:DescribeClusters")
    refused(session.client("ecs").create_cluster, "AccessDeniedException", "because no identity-based policy allows")
    # A condition of the trust policy on the account leaves it to the caller's own policies.
    account.iam.update_assume_role_policy(RoleName="auditor", PolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}))
    sts.assume_role(**ask)
    account.may("joe", allow("sts:GetCallerIdentity"))
    refused(sts.assume_role, "AccessDenied", "because no identity-based policy allows the sts:AssumeRole action", **ask)


def test_a_role_is_passed_by_whom_may(account, cluster):
    role = account.role("passed", TASKS_TRUST)
    register = {"family": "passing", "containerDefinitions": [{"name": "c", "image": "c", "memory": 64}], "taskRoleArn": role}
    account.user("pat")
    pat = Somebody(account.longshore, *_new_key(account, "pat"))
    account.may("pat", allow("ecs:*"))
    refused(pat.client("ecs").register_task_definition, "AccessDeniedException", "iam:PassRole on resource: " + role, **register)
    tasks_only = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    account.may("pat", allow("ecs:*"), allow("iam:PassRole", resource=role, Condition=tasks_only))
    pat.client("ecs").register_task_definition(**register)


def _new_key(account, name):
    key = account.iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_clusters_and_tags_bound_what_a_user_may(account, cluster):
    mine = f"arn:aws:ecs:us-east-2:{ACCOUNT}:cluster/iam"
    only = {"ArnEquals": {"ecs:cluster": mine}}
    tim = account.user("tim", allow("ecs:ListTasks", "ecs:StopTask", Condition=only), allow("ecs:CreateCluster", "ecs:TagResource",
                       Condition={"StringEquals": {"aws:RequestTag/team": "red"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}))
    ecs = tim.client("ecs")
    ecs.list_tasks(cluster="iam")
    refused(ecs.list_tasks, "AccessDeniedException", "ecs:ListTasks", cluster="other")
    red = [{"key": "team", "value": "red"}]
    refused(ecs.create_cluster, "AccessDeniedException", clusterName="tagged")
    refused(ecs.create_cluster, "AccessDeniedException", clusterName="tagged", tags=red + [{"key": "x", "value": "y"}])
    ecs.create_cluster(clusterName="tagged", tags=red)


def test_a_user_without_rights_gets_no_shell(account, cluster):
    [arn] = cluster.run(cluster.register("iam-exec", [box(cluster, PARK)]), enableExecuteCommand=True)
    cluster.wait([arn], "RUNNING")
    command = {"cluster": "iam", "task": arn, "command": "true", "interactive": True}
    mia = account.user("mia", allow("ecs:Describe*", "ecs:List*"))
    refused(mia.client("ecs").execute_command, "AccessDeniedException", f"ecs:ExecuteCommand on resource: {arn}", **command)
    account.may("mia", allow("ecs:ExecuteCommand", resource=f"arn:aws:ecs:us-east-2:{ACCOUNT}:task/iam/*",
                             Condition={"StringEquals": {"ecs:container-name": "main"}}))
    refused(mia.client("ecs").execute_command, "AccessDeniedException", **command)
    assert mia.client("ecs").execute_command(**command, container="main")["session"]["sessionId"]
    cluster.stop([arn])


def skopeo(somebody, *argv, check=True):
    [entry] = somebody.client("ecr").get_authorization_token()["authorizationData"]
    import base64
    creds = base64.b64decode(entry["authorizationToken"]).decode()
    flags = ["--src-tls-verify=false", f"--src-creds={creds}"] if argv[0].startswith("docker:") else ["--dest-tls-verify=false", f"--dest-creds={creds}"]
    return run(["skopeo", "copy", "--insecure-policy", *flags, *argv], timeout=120, check=check)


def test_a_reader_pulls_and_does_not_push(account, cluster, tmp_path):
    rob = account.user("rob", managed=["AmazonEC2ContainerRegistryReadOnly"])
    image, oci = f"docker://{cluster.image}", f"oci:{cluster.layout}:latest"
    skopeo(rob, image, f"dir:{tmp_path}/pulled")
    with pytest.raises(Exception, match="(?s)denied.*ecr:InitiateLayerUpload|is not authorized to perform: ecr:"):
        skopeo(rob, oci, image.rsplit(":", 1)[0] + ":pushed")
    refused(rob.client("ecr").delete_repository, "AccessDeniedException", "ecr:DeleteRepository", repositoryName="iambox")


def test_repository_policies_give_and_deny(account, cluster, tmp_path):
    kim = account.user("kim", allow("ecr:GetAuthorizationToken"))
    image, ecr = f"docker://{cluster.image}", cluster.ecr
    pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    with pytest.raises(Exception, match="denied|not authorized"):
        skopeo(kim, image, f"dir:{tmp_path}/none")
    def policy(effect, principal):
        return document({"Sid": "one", "Effect": effect, "Principal": principal, "Action": pull})
    ecr.set_repository_policy(repositoryName="iambox", policyText=policy("Allow", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/kim"}))
    skopeo(kim, image, f"dir:{tmp_path}/given")
    assert kim.client("ecr").batch_get_image(repositoryName="iambox", imageIds=[{"imageTag": "latest"}])["images"]
    account.may("kim", allow("ecr:*"))
    ecr.set_repository_policy(repositoryName="iambox", policyText=policy("Deny", {"AWS": f"arn:aws:iam::{ACCOUNT}:user/kim"}))
    refused(kim.client("ecr").batch_get_image, "AccessDeniedException", "with an explicit deny in a resource-based policy",
            repositoryName="iambox", imageIds=[{"imageTag": "latest"}])
    ecr.delete_repository_policy(repositoryName="iambox")
    skopeo(kim, image, f"dir:{tmp_path}/again")


def test_an_execution_role_must_be_allowed_to_pull_and_to_log(account, cluster):
    role = account.role("puller", TASKS_TRUST, allow("ecr:BatchGetImage"))
    definition = cluster.register("iam-pull", [box(cluster, "true")])
    def end(words):
        [arn] = cluster.run(definition, overrides={"executionRoleArn": role})
        [task] = cluster.wait([arn], "STOPPED", 120)
        reasons = f"{task['stoppedReason']} {task['containers'][0].get('reason')}"
        assert all(word in reasons for word in words), reasons
        return task
    user = "assumed-role/puller/"
    end(["CannotPullContainerError", "AccessDeniedException", user, "ecr:GetAuthorizationToken"])
    account.iam.put_role_policy(RoleName="puller", PolicyName="own", PolicyDocument=document(allow("ecr:GetAuthorizationToken")))
    end(["CannotPullContainerError", user, "not authorized to perform: ecr:BatchGetImage"])
    account.iam.attach_role_policy(RoleName="puller", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
    end(["failed to create Cloudwatch log stream", user, "not authorized to perform: logs:CreateLogGroup"])
    account.iam.put_role_policy(RoleName="puller", PolicyName="own", PolicyDocument=document(allow("logs:CreateLogGroup")))
    assert end(["Essential container in task exited"])["containers"][0]["exitCode"] == 0


SHOW = "wget -q -O - http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; echo; echo path $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; " + PARK


def test_a_task_acts_as_its_role(account, cluster):
    role = account.role("worker", TASKS_TRUST, allow("ecs:ListClusters"))
    definition = cluster.register("iam-role", [box(cluster, SHOW)], taskRoleArn=role)
    [arn] = cluster.run(definition)
    cluster.wait([arn], "RUNNING")
    def shown():
        found = [line for line in cluster.messages("iam-role", arn, "main") if line.startswith("{")]
        assert found
        return json.loads(found[0])
    made = wait_until("the credentials are shown", shown, 60)
    assert set(made) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"} and made["RoleArn"] == role
    task = Somebody(cluster.longshore, made["AccessKeyId"], made["SecretAccessKey"], made["Token"])
    task_id = arn.rsplit("/", 1)[1]
    assert task.client("sts").get_caller_identity()["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/{task_id}"
    task.client("ecs").list_clusters()
    refused(task.client("ecs").create_cluster, "AccessDeniedException", "because no identity-based policy allows")
    # The path is worth nothing in another task, even in one of the same role.
    path = f"http://169.254.170.2/v2/credentials/{credentials_id(cluster, arn)}"
    definition = cluster.register("iam-thief", [box(cluster, f"wget -O - {path} && exit 3; exit 0")], taskRoleArn=role)
    [thief] = cluster.run(definition)
    [ended] = cluster.wait([thief], "STOPPED", 120)
    assert ended["containers"][0]["exitCode"] == 0
    # Who takes the role from ECS takes it from the tasks that have it, too.
    account.iam.delete_role_policy(RoleName="worker", PolicyName="own")
    refused(task.client("ecs").list_clusters, "AccessDeniedException", "ecs:ListClusters")
    account.iam.delete_role(RoleName="worker")
    refused(task.client("ecs").list_clusters, "UnrecognizedClientException")
    cluster.stop([arn])


def credentials_id(cluster, arn):
    [line] = [line for line in cluster.messages("iam-role", arn, "main") if line.startswith("path ")]
    return line.split()[1].rsplit("/", 1)[1]


def test_a_task_on_the_nodes_network_finds_its_role_at_its_own_address(account, cluster):
    role = account.role("host", TASKS_TRUST)
    container = box(cluster, "wget -q -O - $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo", memory=64,
                    logConfiguration=cluster.log_configuration("iam-host"))
    cluster.ecs.register_task_definition(family="iam-host", containerDefinitions=[container], networkMode="host", taskRoleArn=role)
    cluster.ecs.create_cluster()
    wait_until("the node has joined", lambda: cluster.ecs.list_container_instances()["containerInstanceArns"], 60)
    [task] = cluster.ecs.run_task(taskDefinition="iam-host", cluster="default")["tasks"]
    wait_until("the task has ended", lambda: cluster.ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"][0]["lastStatus"] == "STOPPED", 90)
    def shown():
        found = [line for line in cluster.messages("iam-host", task["taskArn"], "main") if line.startswith("{")]
        assert found
        return json.loads(found[0])
    assert wait_until("the credentials are shown", shown, 90)["RoleArn"] == role


def test_a_role_that_ecs_cannot_take_starts_nothing(account, cluster):
    account.role("distrustful", {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    for name in ("distrustful", "missing"):
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        definition = cluster.register(f"iam-{name}", [box(cluster, PARK)], taskRoleArn=role)
        refused(cluster.run, "ClientException", f"ECS was unable to assume the role '{role}'", definition=definition)
    service = {"cluster": "iam", "service": "untrusted"}
    cluster.ecs.create_service(cluster="iam", serviceName="untrusted", taskDefinition=definition, desiredCount=1,
                               launchType="FARGATE", networkConfiguration=cluster.network)
    def told():
        events = cluster.ecs.describe_services(cluster="iam", services=["untrusted"])["services"][0]["events"]
        return any("failed to launch a task with (error ECS was unable to assume the role" in event["message"] for event in events)
    wait_until("the service tells", told, 60)
    cluster.ecs.delete_service(**service, force=True)


def test_users_and_sessions_outlive_a_restart():
    longshore = Longshore(node=False).start()
    try:
        account = Account(longshore)
        lee = account.user("lee", allow("ecs:List*", "sts:AssumeRole"))
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/lee"}, "Action": "sts:AssumeRole"}
        role = account.role("lasting", trust, allow("ecs:List*"))
        made = lee.client("sts").assume_role(RoleArn=role, RoleSessionName="night")["Credentials"]
        session = Somebody(longshore, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        stored = b"".join(path.read_bytes() for path in (longshore.data / "state").iterdir() if path.is_file())
        assert lee.credentials["aws_access_key_id"].encode() in stored
        assert lee.credentials["aws_secret_access_key"].encode() not in stored
        longshore.kill()
        longshore.start()
        for somebody in (lee, session):
            somebody.client("ecs").list_clusters()
            refused(somebody.client("ecs").create_cluster, "AccessDeniedException")
    finally:
        longshore.remove()

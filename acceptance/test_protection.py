"""A task protects itself through ECS_AGENT_URI with what its role allows, and outlives scale-in and a rollout."""

import json

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.process import wait_until
from test_services import CHECK, create, delete, describe, messages, tasks, waits_for

# Asks the agent by hand: busybox's wget knows no PUT. Prints the status and the body of each answer in one line.
SCRIPT = r"""
host=169.254.170.2; path=${ECS_AGENT_URI#http://$host}/task-protection/v1/state
ask() {
    printf '%s %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %s\r\n\r\n%s' "$1" "$path" "$host" "${#2}" "$2" |
        nc "$host" 80 | tr -d '\r' | sed -n -e '1s/^[^ ]* \([0-9]*\).*/\1/p' -e '$p' | tr '\n' ' '
}
say() { echo "$1: $(ask "$2" "$3")"; }
say get GET
say empty PUT '{}'
say nonsense PUT nonsense
say denied PUT '{"ProtectionEnabled":true}'
until ask PUT '{"ProtectionEnabled":true,"ExpiresInMinutes":10}' | grep -q '^200'; do sleep 1; done
say protected GET
say long PUT '{"ProtectionEnabled":true,"ExpiresInMinutes":2881}'
trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done
"""


@pytest.fixture(scope="module")
def cluster(longshore, tmp_path_factory):
    cluster = Cluster(longshore, "protection")
    cluster.ecr.create_repository(repositoryName="protection-box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "protection-box")
    return cluster


def allow(iam, action):
    iam.put_role_policy(RoleName="protector", PolicyName=action, PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": f"ecs:{action}", "Resource": "*"}]}))


def answers(cluster, family, task):
    """What the script has printed: status and body of the answers by what was asked."""
    lines = [line.split(": ", 1) for line in cluster.messages(family, task["taskArn"], "main") if ": " in line]
    split = {name: answer.split(" ", 1) for name, answer in lines}
    return {name: (int(status), json.loads(body)) for name, (status, body) in split.items()}


def test_a_task_protects_itself_with_its_role_and_outlives_scale_in_and_a_rollout(cluster):
    iam = cluster.longshore.client("iam")
    role = iam.create_role(RoleName="protector", AssumeRolePolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))["Role"]["Arn"]
    allow(iam, "GetTaskProtection")

    def definition():
        return cluster.register("protects", [{
            "name": "main", "image": cluster.image, "command": ["sh", "-c", SCRIPT], "essential": True,
            "stopTimeout": 2, "healthCheck": CHECK}], taskRoleArn=role)
    create(cluster, "self", definition(), 1)
    waits_for(cluster, "self", "runs", lambda s: s["runningCount"] == 1)
    [task] = tasks(cluster, "self")
    arn, id = task["taskArn"], task["taskArn"].rsplit("/", 1)[1]
    cluster.wait_for_message("protects", arn, "main", "^denied: ", 60)
    told = answers(cluster, "protects", task)
    assert told["get"] == (200, {"protection": {"ProtectionEnabled": False, "TaskArn": arn}})
    assert told["empty"] == (400, {"error": {
        "Arn": arn, "Code": "InvalidParameterException", "Message": "Invalid request: does not contain 'ProtectionEnabled' field"}})
    assert told["nonsense"] == (400, {"error": {
        "Code": "InvalidParameterException", "Message": "UpdateTaskProtection: failed to decode request"}})
    who = f"arn:aws:sts::{cluster.longshore.account}:assumed-role/protector/{id}"
    assert told["denied"] == (400, {"error": {"Arn": arn, "Code": "AccessDeniedException", "Message":
        f"User: {who} is not authorized to perform: ecs:UpdateTaskProtection on resource: {arn} "
        "because no identity-based policy allows the ecs:UpdateTaskProtection action"}})

    allow(iam, "UpdateTaskProtection")
    cluster.wait_for_message("protects", arn, "main", "^long: ", 60)
    told = answers(cluster, "protects", task)
    status, body = told["protected"]
    assert (status, body["protection"]["ProtectionEnabled"], body["protection"]["TaskArn"]) == (200, True, arn)
    [known] = cluster.ecs.get_task_protection(cluster=cluster.name, tasks=[arn])["protectedTasks"]
    assert known["protectionEnabled"]
    assert known["expirationDate"].strftime("%Y-%m-%dT%H:%M:%SZ") == body["protection"]["ExpirationDate"]
    status, body = told["long"]
    assert (status, body["error"]["Code"]) == (400, "InvalidParameterException")

    # Neither a rollout nor scale-in takes it, and the service says why it is not steady.
    cluster.ecs.update_service(cluster=cluster.name, service="self", taskDefinition=definition())
    service = waits_for(cluster, "self", "tells of the protected task", lambda s: any(
        "tasks under protection" in message for message in messages(s)))
    old = next(d["id"] for d in service["deployments"] if d["status"] == "ACTIVE")
    assert (f"(service self) was unable to reach steady state because (taskSet {old}) was unable to scale in due to "
            "(reason 1 tasks under protection)") in messages(service)
    wait_until("two tasks run", lambda: len([t for t in tasks(cluster, "self") if t["lastStatus"] == "RUNNING"]) == 2, 60)
    [new] = [task for task in tasks(cluster, "self") if task["taskArn"] != arn]
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=[new["taskArn"]], protectionEnabled=False)
    cluster.ecs.update_service(cluster=cluster.name, service="self", desiredCount=0)
    cluster.wait_for_message("protects", new["taskArn"], "main", "^protected: ", 60)
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=[new["taskArn"]], protectionEnabled=False)
    cluster.wait([new["taskArn"]], "STOPPED")
    assert [task["lastStatus"] for task in cluster.describe([arn])] == ["RUNNING"]
    cluster.ecs.update_task_protection(cluster=cluster.name, tasks=[arn], protectionEnabled=False)
    cluster.wait([arn], "STOPPED")
    waits_for(cluster, "self", "is steady", lambda s: "steady state." in s["events"][0]["message"] and len(s["deployments"]) == 1)
    assert describe(cluster, "self")["runningCount"] == 0
    delete(cluster, "self")
    for action in ("GetTaskProtection", "UpdateTaskProtection"):
        iam.delete_role_policy(RoleName="protector", PolicyName=action)
    iam.delete_role(RoleName="protector")

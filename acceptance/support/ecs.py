"""The everyday ECS calls of a test, with bounded waits."""

import json
import re

from .process import wait_until


class Cluster:
    """One cluster of a Longshore, with a repository for its images."""

    def __init__(self, longshore, name="test"):
        self.longshore = longshore
        self.name = name
        self.ecs = longshore.client("ecs")
        self.ecr = longshore.client("ecr")
        self.logs = longshore.client("logs")
        self.ecs.create_cluster(clusterName=name)
        subnets = longshore.client("ec2").describe_subnets()["Subnets"]
        self.network = {"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}}

    def register(self, family, containers, cpu="256", memory="512", **more):
        """Registers a Fargate task definition whose containers log to `/test/FAMILY`."""
        for container in containers:
            container.setdefault("logConfiguration", self.log_configuration(family))
        return self.ecs.register_task_definition(
            family=family, containerDefinitions=containers, requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc", cpu=cpu, memory=memory,
            executionRoleArn=f"arn:aws:iam::{self.longshore.account}:role/ecsTaskExecutionRole", **more)["taskDefinition"]["taskDefinitionArn"]

    def log_configuration(self, family):
        return {"logDriver": "awslogs", "options": {
            "awslogs-group": f"/test/{family}", "awslogs-region": self.longshore.region,
            "awslogs-stream-prefix": "t", "awslogs-create-group": "true"}}

    def run(self, definition, count=1, **more):
        answer = self.ecs.run_task(cluster=self.name, taskDefinition=definition, launchType="FARGATE", count=count,
                                   networkConfiguration=self.network, **more)
        assert not answer["failures"], answer["failures"]
        return [task["taskArn"] for task in answer["tasks"]]

    def describe(self, arns):
        found = []
        for at in range(0, len(arns), 100):
            answer = self.ecs.describe_tasks(cluster=self.name, tasks=arns[at:at + 100])
            assert not answer["failures"], answer["failures"]
            found += answer["tasks"]
        return found

    def wait(self, arns, status, timeout=60):
        """Waits until all tasks have the status; a task that stops on the way to RUNNING fails at once."""
        def reached():
            tasks = self.describe(arns)
            stopped = [t for t in tasks if t["lastStatus"] == "STOPPED"]
            if status == "RUNNING" and stopped:
                raise StoppedEarly(json.dumps([(t.get("stoppedReason"), [c.get("reason") for c in t["containers"]])
                                               for t in stopped]))
            return all(t["lastStatus"] == status for t in tasks) and tasks
        try:
            return wait_until(f"{len(arns)} tasks are {status}", reached, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{summary(self.describe(arns))}\n{self.longshore.process.tail(6000)}")

    def stop(self, arns, timeout=90):
        for arn in arns:
            self.ecs.stop_task(cluster=self.name, task=arn)
        return self.wait(arns, "STOPPED", timeout)

    def messages(self, family, task_arn, container):
        """All messages of a container's log stream, in order."""
        stream = f"t/{container}/{task_arn.rsplit('/', 1)[1]}"
        messages, token = [], None
        while True:
            page = self.logs.get_log_events(logGroupName=f"/test/{family}", logStreamName=stream, startFromHead=True,
                                            **({"nextToken": token} if token else {}))
            messages += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                return messages
            token = page["nextForwardToken"]

    def wait_for_message(self, family, task_arn, container, pattern, timeout=30):
        def seen():
            try:
                messages = self.messages(family, task_arn, container)
            except self.logs.exceptions.ResourceNotFoundException:
                return None
            return messages if any(re.search(pattern, m) for m in messages) else None
        return wait_until(f"{container} logs {pattern!r}", seen, timeout)


class StoppedEarly(Exception):
    """A task that was to run has stopped."""


def address(task):
    details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
    return details["privateIPv4Address"]


def summary(tasks):
    lines = [(t["taskArn"][-8:], t["lastStatus"], t["desiredStatus"], t.get("stoppedReason"),
              [(c["name"], c["lastStatus"], c.get("exitCode"), c.get("reason")) for c in t["containers"]]) for t in tasks]
    return "\n".join(map(str, lines))

"""Service Connect: tasks of a namespace reach its services by name, through a proxy that passes failing tasks over."""

import os
import signal
import subprocess
import time

import botocore.exceptions
import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import agent_dir, processes
from support.process import run, wait_until
from test_services import create, delete, describe, pid_of, tasks, waits_for

# Answers with its task's host name, or says that it cannot once somebody made it bad.
STORE = ("mkdir -p /tmp/www/cgi-bin; printf '#!/bin/sh\\n"
         "[ -e /tmp/bad ] && printf \"Status: 503 Bad\\\\r\\\\n\\\\r\\\\n\" && exit\\n"
         "printf \"\\\\r\\\\n\"; hostname\\n' > /tmp/www/cgi-bin/name; chmod +x /tmp/www/cgi-bin/name; "
         "exec httpd -f -p 8080 -h /tmp/www")
# The client serves on the very port that it connects to: a proxy must not be in its way.
CLIENT = "mkdir /tmp/www; echo mine > /tmp/www/index.html; exec httpd -f -p 9090 -h /tmp/www"


class Namespace:
    """A namespace with two services: `store`, of two tasks, and `shop`, which calls it."""

    def __init__(self, longshore, layout):
        self.longshore = longshore
        self.discovery = longshore.client("servicediscovery")
        self.discovery.create_http_namespace(Name="inside")
        self.cluster = Cluster(longshore, "connected")
        self.cluster.ecr.create_repository(repositoryName="connected-box")
        self.cluster.image = push(longshore, layout, "connected-box")
        port = {"containerPort": 8080, "name": "web", "appProtocol": "http"}
        self.store = create(self.cluster, "store", self.define("store", STORE, [port]), 2, serviceConnectConfiguration={
            "enabled": True, "namespace": "inside", "services": [{
                "portName": "web", "discoveryName": "store", "clientAliases": [{"port": 9090, "dnsName": "store"}]}]})
        waits_for(self.cluster, "store", "runs", lambda service: service["runningCount"] == 2)
        create(self.cluster, "shop", self.define("shop", CLIENT, []), 1,
               serviceConnectConfiguration={"enabled": True, "namespace": "inside"})
        waits_for(self.cluster, "shop", "runs", lambda service: service["runningCount"] == 1)

    def define(self, family, script, ports):
        return self.cluster.register(family, [{
            "name": "main", "image": self.cluster.image, "command": ["sh", "-c", script], "essential": True,
            "stopTimeout": 2, "portMappings": ports}])

    def enter(self, task):
        """The command that runs another one in a task's container."""
        apart = [pid for pid in pid_of(self.cluster, task) if os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")]
        return ["nsenter", "-t", apart[0], "-m", "-n", "-u", "-p"]

    def inside(self, task, *argv):
        """Runs something in a task's container."""
        return run([*self.enter(task), *argv], check=False)

    def ask(self, times, url="http://store:9090/cgi-bin/name"):
        """Asks so often from within the shop; what failed is told as such."""
        [shop] = tasks(self.cluster, "shop")
        script = f"i=0; while [ $i -lt {times} ]; do wget -q -O - {url} || echo failed; i=$((i+1)); done"
        return self.inside(shop, "sh", "-c", script).stdout.split()

    def hosts(self):
        """The host names of the store's tasks."""
        details = [detail for task in tasks(self.cluster, "store") for detail in task["attachments"][0]["details"]]
        return {detail["value"] for detail in details if detail["name"] == "privateDnsName"}


@pytest.fixture(scope="module")
def namespace(longshore, tmp_path_factory):
    return Namespace(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"))


def test_a_name_leads_to_every_task_of_a_service(namespace):
    cluster = namespace.cluster
    answers = namespace.ask(20)
    assert set(answers) == namespace.hosts() and len(set(answers)) == 2, answers
    assert namespace.ask(1, "http://127.0.0.1:9090/") == ["mine"]
    deployment = describe(cluster, "store")["deployments"][0]
    [service] = deployment["serviceConnectConfiguration"]["services"]
    assert service == {"portName": "web", "discoveryName": "store", "clientAliases": [{"port": 9090, "dnsName": "store"}]}
    [resource] = deployment["serviceConnectResources"]
    assert resource["discoveryName"] == "store"
    found = namespace.discovery.discover_instances(NamespaceName="inside", ServiceName="store")["Instances"]
    assert {it["Attributes"]["AWS_INSTANCE_PORT"] for it in found} == {"8080"} and len(found) == 2
    listed = cluster.ecs.list_services_by_namespace(namespace="inside")["serviceArns"]
    assert sorted(arn.rsplit("/", 1)[1] for arn in listed) == ["shop", "store"]
    with pytest.raises(botocore.exceptions.ClientError, match="already in use"):
        create(cluster, "other", describe(cluster, "store")["taskDefinition"], 0, serviceConnectConfiguration={
            "enabled": True, "namespace": "inside", "services": [{
                "portName": "web", "discoveryName": "other", "clientAliases": [{"port": 9090, "dnsName": "store"}]}]})


def test_a_killed_task_costs_no_repeatable_request(namespace):
    cluster = namespace.cluster
    victim = tasks(cluster, "store")[0]
    before = namespace.hosts()
    [shop] = tasks(cluster, "shop")
    script = "i=0; while [ $i -lt 400 ]; do wget -q -O - http://store:9090/cgi-bin/name || echo failed; i=$((i+1)); done"
    asking = subprocess.Popen([*namespace.enter(shop), "sh", "-c", script], stdout=subprocess.PIPE, text=True)
    first = [asking.stdout.readline().strip() for _ in range(20)]
    run(["kill", "-9", *pid_of(cluster, victim)])
    rest = asking.communicate(timeout=120)[0].split()
    assert "failed" not in first + rest, f"{(first + rest).count('failed')} of {len(first + rest)}"
    waits_for(cluster, "store", "is whole again", lambda s: s["runningCount"] == 2 and len(namespace.hosts() - before) == 1)
    wait_until("the new task is asked", lambda: set(namespace.ask(10)) == namespace.hosts(), 30)


def test_a_task_that_fails_is_left_out(namespace):
    bad = tasks(namespace.cluster, "store")[0]
    assert namespace.inside(bad, "touch", "/tmp/bad").returncode == 0
    try:
        answers = namespace.ask(40)
        failed = answers.count("failed")
        assert 1 <= failed <= 5, answers
        assert "failed" not in answers[-20:] and len(set(answers[-20:])) == 1
    finally:
        namespace.inside(bad, "rm", "/tmp/bad")


def test_a_killed_balancer_is_replaced_and_listens_for_the_same_tasks(namespace):
    longshore = namespace.longshore
    [balancer] = processes(longshore, "balancer")
    os.kill(balancer, signal.SIGKILL)
    killed = time.monotonic()
    wait_until("another balancer runs", lambda: processes(longshore, "balancer") - {balancer}, 30)
    answer = wait_until("it answers", lambda: [a for a in namespace.ask(1) if a != "failed"], 30)
    assert set(answer) <= namespace.hosts()
    print(f"answers {time.monotonic() - killed:.2f} s after kill -9")


def test_a_deleted_service_leaves_cloud_map(namespace):
    for name in ("shop", "store"):
        delete(namespace.cluster, name)
    left = namespace.discovery.list_services()["Services"]
    assert [it["Name"] for it in left if it["Name"] == "store"] == []
    wait_until("nothing is left of the tasks", lambda: list((agent_dir(namespace.longshore) / "proxied").iterdir()) == [])

"""The awslogs driver with real containers: beside Docker's own, with a log store that is away, and killed at random."""

import json
import os
import random
import re
import signal
import time

import pytest

from support.docker import Docker
from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import processes
from support.longshore import POOLS, Longshore
from support.process import run, wait_until

# What a container writes, with options of the driver: Docker's own driver must make the same events of it.
CASES = {
    "lines": ({}, r"echo one; echo; printf 'two\r\n'; printf 'no end'"),
    "odd": ({}, r"printf 'nul \000 in it\n'; printf '\033[1m bold\n'; printf 'caf\303\251\n'"),
    "long": ({}, "for n in 16384 16385 70000 262118 262119 600000; do head -c $n /dev/zero | tr '\\0' x; echo; done"),
    "endless": ({}, "head -c 600000 /dev/zero | tr '\\0' y"),
    "multiline": ({"awslogs-multiline-pattern": "^(INFO|ERROR)"},
                  r"echo lost; echo 'ERROR a'; echo '  at x'; echo; echo '  at y'; echo 'INFO b'; printf '  c'"),
    "datetime": ({"awslogs-datetime-format": r"\[%b %d, %Y %H:%M:%S\]"},
                 "echo '[May 01, 2017 19:00:01] first'; echo more; echo '[Mai 01] and'; echo '[May 01, 2017 19:00:04] next'"),
    "datetime-unknown": ({"awslogs-datetime-format": "%Q%Y-%m-%d"}, "echo '2026-01-02 a'; echo b; echo '2026-01-03 c'"),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1]).start()
    cluster = Cluster(longshore, "drivers")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.layout = busybox_layout(tmp_path_factory.mktemp("box") / "layout")
    cluster.image = push(longshore, cluster.layout, "box")
    yield cluster
    longshore.remove()


def start(cluster, family, script, options=(), **more):
    container = {"name": "main", "image": cluster.image, "command": ["sh", "-c", script], "stopTimeout": 2, **more}
    logs = cluster.log_configuration(family)
    logs["options"] |= dict(options)
    [arn] = cluster.run(cluster.register(family, [container | {"logConfiguration": logs}]))
    return arn


def test_events_are_those_of_dockers_driver(cluster, tmp_path):
    longshore, logs = cluster.longshore, cluster.logs
    logs.create_log_group(logGroupName="/docker")
    arns = {name: start(cluster, name, script, options) for name, (options, script) in CASES.items()}
    key, secret = longshore.credentials()
    os.environ |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    try:
        docker = Docker().start()
    finally:
        del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    try:
        run(["skopeo", "copy", "--insecure-policy", f"oci:{cluster.layout}:latest", f"docker-archive:{tmp_path}/box.tar:box:latest"])
        docker.run("load", "-i", str(tmp_path / "box.tar"))
        for name, (options, script) in CASES.items():
            told = {"awslogs-endpoint": longshore.endpoint, "awslogs-region": longshore.region, "awslogs-group": "/docker",
                    "awslogs-stream": name} | options
            # Detached: what it writes need not be text.
            docker.run("run", "--detach", "--name", name, "--network=none", "--log-driver=awslogs",
                       *(f"--log-opt={option}={value}" for option, value in told.items()), "box", "sh", "-c", script)
        for name in CASES:
            docker.run("wait", name)
            docker.run("rm", name)
    finally:
        docker.remove()
    cluster.wait(list(arns.values()), "STOPPED", 120)
    def theirs(name):
        messages, token = [], None
        while True:
            page = logs.get_log_events(logGroupName="/docker", logStreamName=name, startFromHead=True,
                                       **({"nextToken": token} if token else {}))
            messages += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                return messages
            token = page["nextForwardToken"]
    for name, arn in arns.items():
        expected = theirs(name)
        assert expected, name
        wait_until(f"all of {name}", lambda: len(cluster.messages(name, arn, "main")) >= len(expected), 30)
        found = cluster.messages(name, arn, "main")
        shown = [[(len(text), text[:60], text[-20:]) for text in side] for side in (found, expected)]
        assert found == expected, f"{name}: ours {shown[0]}, Docker's {shown[1]}"


def test_what_is_no_text_is_replaced(cluster):
    script = r"printf 'a\377\376b\n'; printf 'cut \342\202\n'; head -c 100000 /dev/zero | tr '\000' '\377'"
    arn = start(cluster, "junk", script)
    cluster.wait([arn], "STOPPED")
    # A replaced byte counts as three: the last line comes in two events.
    wait_until("four events", lambda: len(cluster.messages("junk", arn, "main")) == 4, 30)
    first, second, *rest = cluster.messages("junk", arn, "main")
    assert (first, second) == ("a\ufffd\ufffdb", "cut \ufffd") and "".join(rest) == "\ufffd" * 100_000


def test_a_log_store_that_is_away_stops_only_who_must_not_lose(cluster):
    # Thirty times the smaller buffer, and a tenth of what a blocking container may be ahead.
    script = "echo up; while [ ! -e /gate/open ]; do sleep 0.1; done; i=0; while [ $i -lt 400000 ]; do i=$((i+1)); echo \"line $i {pad}\"; done; " \
             "touch /gate/done-{name}; while [ ! -e /gate/back ]; do sleep 0.1; done; echo last".replace("{pad}", "x" * 40)
    gate = cluster.longshore.dir / "gate"
    gate.mkdir()
    logs = {"drops": {"mode": "non-blocking", "max-buffer-size": "1m"}, "keeps": {"mode": "blocking"}}
    cluster.ecs.create_cluster(clusterName="default")
    arns = {}
    for name, options in logs.items():
        configuration = cluster.log_configuration(name)
        configuration["options"] |= options
        cluster.ecs.register_task_definition(
            family=name, networkMode="none", volumes=[{"name": "gate", "host": {"sourcePath": str(gate)}}],
            containerDefinitions=[{"name": "main", "image": cluster.image, "memory": 64, "logConfiguration": configuration,
                                   "command": ["sh", "-c", script.replace("{name}", name)],
                                   "mountPoints": [{"sourceVolume": "gate", "containerPath": "/gate"}]}])
        answer = cluster.ecs.run_task(cluster="default", taskDefinition=name, launchType="EC2")
        assert not answer["failures"], answer["failures"]
        arns[name] = answer["tasks"][0]["taskArn"]
    def messages(name):
        try:
            return cluster.messages(name, arns[name], "main")
        except cluster.logs.exceptions.ResourceNotFoundException:
            return []
    for name in logs:
        wait_until(f"{name} is up", lambda: messages(name) == ["up"], 60)
    cluster.longshore.kill()
    (gate / "open").touch()
    wait_until("both went on without a log store", lambda: all((gate / f"done-{name}").exists() for name in logs), 120)
    cluster.longshore.start(120)
    wait_until("the blocking one's lines", lambda: len(messages("keeps")) >= 400_001, 120, 1)
    (gate / "back").touch()
    wait_until("both ended", lambda: all(messages(name)[-1] == "last" for name in logs), 60, 1)
    numbers = {name: [int(text.split()[1]) for text in messages(name)[1:-1]] for name in logs}
    assert numbers["keeps"] == list(range(1, 400_001)), "a blocking container loses nothing"
    drops = numbers["drops"]
    assert drops == sorted(set(drops)) and drops[:5000] == list(range(1, 5001)), "the oldest are kept, none is doubled"
    assert 5_000 < len(drops) < 60_000, f"{len(drops)} lines in a buffer of a megabyte"
    assert "lines were dropped" in cluster.longshore.process.tail(200_000)


def test_killed_at_every_step_no_line_is_lost(cluster):
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1, 10_000)
    print(f"SEED={seed}")
    chance = random.Random(seed)
    arn = start(cluster, "killed", "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo line $i; [ $((i % 100)) = 0 ] && sleep 0.01; done",
                {"mode": "blocking"})
    cluster.wait([arn], "RUNNING")
    for _ in range(25):
        what = chance.choice(["logger", "logger", "logger", "longshore", "pause"])
        if what == "longshore":
            cluster.longshore.kill()
            time.sleep(chance.random() * 0.3)
            cluster.longshore.start(120)
        elif what == "logger":
            # Only one of a guard and its worker may die at once: the two hold the container's pipe.
            def pair():
                pids = sorted(processes(cluster.longshore, "logger"))
                return pids if len(pids) == 2 else cluster.describe([arn])[0]["lastStatus"] == "STOPPED" and [0]
            pid = chance.choice(wait_until("a guard and its worker", pair, 60, 0.02))
            if pid:
                os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() * 0.3)
    cluster.wait([arn], "STOPPED", 120)
    wait_until("the last line", lambda: cluster.messages("killed", arn, "main")[-1] == "line 60000", 60)
    found = cluster.messages("killed", arn, "main")
    assert found == [f"line {n}" for n in range(1, 60_001)], f"{len(found)} lines"


def test_the_mode_is_the_accounts_where_none_is_named(cluster):
    """With a buffer of nothing to speak of, a container that may drop lines does."""
    script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done"
    count = {}
    for mode in ("non-blocking", "blocking"):
        cluster.ecs.put_account_setting_default(name="defaultLogDriverMode", value=mode)
        arn = start(cluster, mode, script, {"max-buffer-size": "1k"})
        cluster.wait([arn], "STOPPED", 60)
        wait_until("some lines", lambda: cluster.messages(mode, arn, "main"), 30)
        count[mode] = lambda mode=mode, arn=arn: len(cluster.messages(mode, arn, "main"))
    cluster.ecs.delete_account_setting(name="defaultLogDriverMode")
    wait_until("all lines", lambda: count["blocking"]() == 3000, 30)
    assert 0 < count["non-blocking"]() < 3000


def test_the_execution_role_must_be_allowed_to_log(cluster):
    iam = cluster.longshore.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="quiet", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    def allow(*actions):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ecr:*", *actions], "Resource": "*"}]}
        iam.put_role_policy(RoleName="quiet", PolicyName="quiet", PolicyDocument=json.dumps(policy))
    def define(family, **more):
        container = {"name": "main", "image": cluster.image, "memory": 64, "command": ["sh", "-c", "echo said"],
                     "logConfiguration": cluster.log_configuration(family)}
        cluster.ecs.register_task_definition(family=family, containerDefinitions=[container], executionRoleArn=role, **more)
        return family
    fargate = define("quiet", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512")
    denied = (r"failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/quiet/\S+ is not "
              r"authorized to perform: logs:CreateLogStream on resource: arn:aws:logs:us-east-2:123456789012:log-group:/test/quiet")
    def reason_on_fargate():
        [task] = cluster.wait(cluster.run(fargate), "STOPPED")
        return task["containers"][0]["reason"]
    allow("logs:PutLogEvents")
    reason = reason_on_fargate()
    assert re.search("ResourceInitializationError: failed to validate logger args: .*" + denied, reason), reason
    allow("logs:CreateLogStream")
    reason = reason_on_fargate()
    assert "is not authorized to perform: logs:CreateLogGroup" in reason, reason
    allow("logs:*")
    [arn] = cluster.run(fargate)
    cluster.wait_for_message("quiet", arn, "main", "said")
    allow("logs:PutLogEvents")
    cluster.ecs.create_cluster(clusterName="default")
    [task] = cluster.ecs.run_task(cluster="default", taskDefinition=define("quiet-ec2", networkMode="none"), launchType="EC2")["tasks"]
    def stopped():
        [found] = cluster.ecs.describe_tasks(cluster="default", tasks=[task["taskArn"]])["tasks"]
        return found if found["lastStatus"] == "STOPPED" else None
    reason = wait_until("the task stopped", stopped, 60)["containers"][0]["reason"]
    assert re.search("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
                     + denied.replace("/test/quiet", "/test/quiet-ec2"), reason), reason

"""Docker's log drivers beside awslogs, with real containers, and receivers of the test's own on the loopback."""

import gzip
import json
import os
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.ecs import Cluster
from support.forward import Forward
from support.images import ROOT, base_tar, busybox_layout, file_layer, push, tar_layout
from support.longshore import POOLS, Longshore, binary
from support.process import free_port, wait_until
from support.process import run as command

JOURNAL = Path("/run/systemd/journal/socket")
LINES = "echo out; echo err >&2; echo; echo last"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    longshore = Longshore(network_pool=POOLS[1], options=["--instance-cluster", "outlets"]).start()
    cluster = Cluster(longshore, "outlets")
    cluster.ecr.create_repository(repositoryName="box")
    cluster.image = push(longshore, busybox_layout(tmp_path_factory.mktemp("box") / "layout"), "box")
    yield cluster
    longshore.remove()


def register(cluster, family, driver, options, script, **more):
    container = {"name": "main", "image": cluster.image, "memory": 64, "command": ["sh", "-c", script], "stopTimeout": 2,
                 "logConfiguration": {"logDriver": driver, "options": options}, **more}
    cluster.ecs.register_task_definition(family=family, networkMode="host", containerDefinitions=[container])
    return family


def run(cluster, family, driver, options, script, **more):
    definition = register(cluster, family, driver, options, script, **more)
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType="EC2")
    assert not answer["failures"], answer["failures"]
    return answer["tasks"][0]["taskArn"]


def finish(cluster, arn):
    [task] = cluster.wait([arn], "STOPPED", 90)
    return task["containers"][0]


def datagrams(sock):
    """All that comes within a moment of the last one."""
    found = []
    sock.settimeout(2)
    while True:
        try:
            found.append(sock.recv(1 << 16))
        except TimeoutError:
            return found


def test_json_file_lies_on_the_node(cluster):
    more = {"environment": [{"name": "STAGE", "value": "live"}], "dockerLabels": {"team": "red", "other": "x"}}
    options = {"labels": "team", "env-regex": "^STA", "tag": "{{.ImageName}}"}
    arn = run(cluster, "file", "json-file", options, LINES, **more)
    container = finish(cluster, arn)
    path = cluster.longshore.data / "agent" / "containers" / container["runtimeId"] / f"{container['runtimeId']}-json.log"
    def entries():
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    wait_until("four lines", lambda: len(entries()) == 4, 30)
    by_stream = {name: [e["log"] for e in entries() if e["stream"] == name] for name in ("stdout", "stderr")}
    assert by_stream == {"stdout": ["out\n", "\n", "last\n"], "stderr": ["err\n"]}
    shown = command([binary(), "logs", arn, "--data-dir", cluster.longshore.data], env=cluster.longshore.environment())
    assert sorted(shown.splitlines()) == ["", "err", "last", "out"]
    assert entries()[0]["attrs"] == {"team": "red", "STAGE": "live", "tag": cluster.image}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entries()[0]["time"])


def test_json_files_rotate(cluster):
    script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo \"line $i\"; done"
    container = finish(cluster, run(cluster, "rotate", "json-file", {"max-size": "50k", "max-file": "3", "compress": "true"}, script))
    path = cluster.longshore.data / "agent" / "containers" / container["runtimeId"] / f"{container['runtimeId']}-json.log"
    def numbers():
        files = [path.with_name(path.name + ".2.gz"), path.with_name(path.name + ".1.gz"), path]
        text = b"".join(gzip.open(f).read() if f.suffix == ".gz" else f.read_bytes() for f in files if f.exists())
        return [int(json.loads(line)["log"].split()[1]) for line in text.splitlines()]
    wait_until("the last line", lambda: path.exists() and numbers()[-1:] == [3000], 30)
    assert numbers() == list(range(numbers()[0], 3001)), "what is kept has no gap"
    assert len(list(path.parent.iterdir())) == 3 and path.stat().st_size < 51_000


def test_fluentd_gets_what_dockers_driver_sends(cluster):
    receiver = Forward(("127.0.0.1", 0))
    options = {"fluentd-address": f"127.0.0.1:{receiver.address[1]}", "fluentd-sub-second-precision": "true",
               "fluentd-request-ack": "true", "tag": "app.{{.Name}}", "labels": "team"}
    script = LINES + "; head -c 20000 /dev/zero | tr '\\0' x; echo"
    arn = run(cluster, "fluent", "fluentd", options, script, dockerLabels={"team": "red"})
    container = finish(cluster, arn)
    wait_until("six messages", lambda: len(receiver.messages) == 6, 30)
    receiver.close()
    tag, at, record, option = receiver.messages[0]
    assert tag.startswith("app.ecs-fluent-1-main-") and abs(time.time() - at) < 120 and option["chunk"]
    assert (record["container_id"], record["container_name"], record["team"]) == (container["runtimeId"], "/" + tag[4:], "red")
    lines = [(m[2]["source"], m[2]["log"]) for m in receiver.messages if "partial_message" not in m[2]]
    assert sorted(lines) == [("stderr", "err"), ("stdout", ""), ("stdout", "last"), ("stdout", "out")]
    parts = [m[2] for m in receiver.messages if "partial_message" in m[2]]
    assert [(len(p["log"]), p["partial_ordinal"], p["partial_last"]) for p in parts] == [(16384, "1", "false"), (3616, "2", "true")]
    assert parts[0]["partial_id"] == parts[1]["partial_id"]


def test_fluentd_must_be_there_unless_it_is_asynchronous(cluster):
    port = free_port()
    address = {"fluentd-address": f"tcp://127.0.0.1:{port}"}
    reason = finish(cluster, run(cluster, "refused", "fluentd", address, "echo never"))["reason"]
    assert reason == ("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
                      f"dial tcp 127.0.0.1:{port}: connect: connection refused")
    arn = run(cluster, "async", "fluentd", address | {"fluentd-async": "true", "tag": "late", "fluentd-retry-wait": "100ms"},
              "echo early; while :; do sleep 0.1; done")
    cluster.wait([arn], "RUNNING")
    receiver = Forward(("127.0.0.1", port))
    wait_until("what waited", lambda: receiver.lines("late") == ["early"], 30)
    cluster.stop([arn])
    receiver.close()


def test_a_receiver_that_comes_back_gets_what_was_written(cluster, tmp_path):
    path = str(tmp_path / "f.sock")
    receiver = Forward(path)
    options = {"fluentd-address": f"unix://{path}", "tag": "t", "fluentd-retry-wait": "100ms", "mode": "blocking"}
    script = f"i=0; while [ ! -e {tmp_path}/end ]; do i=$((i+1)); echo $i; sleep 0.02; done; echo end"
    cluster.ecs.register_task_definition(
        family="back", networkMode="host", volumes=[{"name": "gate", "host": {"sourcePath": str(tmp_path)}}],
        containerDefinitions=[{"name": "main", "image": cluster.image, "memory": 64, "command": ["sh", "-c", script],
                               "mountPoints": [{"sourceVolume": "gate", "containerPath": str(tmp_path)}],
                               "logConfiguration": {"logDriver": "fluentd", "options": options}}])
    [task] = cluster.ecs.run_task(cluster=cluster.name, taskDefinition="back", launchType="EC2")["tasks"]
    wait_until("lines", lambda: len(receiver.messages) >= 5, 60)
    receiver.close()
    os.unlink(path)
    # It is away, and so is the node's agent for a while.
    cluster.longshore.kill()
    cluster.longshore.start(120)
    again = Forward(path)
    wait_until("more lines", lambda: len(again.messages) >= 5, 60)
    (tmp_path / "end").touch()
    cluster.wait([task["taskArn"]], "STOPPED", 60)
    wait_until("the end", lambda: again.lines()[-1:] == ["end"], 30)
    again.close()
    found = [int(text) for text in receiver.lines() + again.lines()[:-1]]
    assert sorted(set(found)) == list(range(1, max(found) + 1)), "nothing is missing"
    assert len(found) - len(set(found)) < 200, "only what was under way is sent twice"


def test_a_receiver_that_does_not_read_stops_no_container_that_may_drop(cluster):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        options = {"fluentd-address": f"127.0.0.1:{deaf.getsockname()[1]}", "mode": "non-blocking", "max-buffer-size": "1m"}
        script = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); head -c 1000000 /dev/zero | tr '\\0' 'x' | fold -w 100; done; exit 7"
        container = finish(cluster, run(cluster, "deaf", "fluentd", options, script))
        assert container["exitCode"] == 7, container


def collector():
    """A server that takes whatever comes by TCP: the server, and what has come."""
    server, received = socket.create_server(("127.0.0.1", 0)), []
    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            while chunk := connection.recv(1 << 16):
                received.append(chunk)
    threading.Thread(target=serve, daemon=True).start()
    return server, received


def test_syslog_in_all_its_formats(cluster, tmp_path):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    local.bind(str(tmp_path / "log"))
    tcp, received = collector()
    host = socket.gethostname()
    common = {"tag": "app", "syslog-facility": "local1"}
    arns = [
        run(cluster, "udp", "syslog", common | {"syslog-address": f"udp://127.0.0.1:{udp.getsockname()[1]}", "syslog-format": "rfc5424micro"}, LINES),
        run(cluster, "tcp", "syslog", common | {"syslog-address": f"tcp://127.0.0.1:{tcp.getsockname()[1]}", "syslog-format": "rfc3164"}, LINES),
        run(cluster, "unix", "syslog", {"tag": "app", "syslog-address": f"unixgram://{tmp_path}/log"}, LINES),
    ]
    cluster.wait(arns, "STOPPED", 90)
    # Facility 17: priority 142 for what is said, 139 for errors. Docker leaves empty lines out.
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)"
    found = sorted(each.decode() for each in datagrams(udp))
    assert len(found) == 3, found
    for text, (priority, line) in zip(found, [(139, "err"), (142, "last"), (142, "out")]):
        assert re.fullmatch(rf"<{priority}>1 {stamp} {host} app \d+ app - {line}\n", text), text
    wait_until("three lines", lambda: b"".join(received).count(b"\n") == 3, 30)
    tcp.close()
    for text, (priority, line) in zip(sorted(b"".join(received).decode().splitlines()), [(139, "err"), (142, "last"), (142, "out")]):
        assert re.fullmatch(rf"<{priority}>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d {host} app\[\d+\]: {line}", text), text
    found = sorted(each.decode() for each in datagrams(local))
    assert [re.fullmatch(r"<(\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d app\[\d+\]: (\w+)\n", text).groups() for text in found] == [
        ("27", "err"), ("30", "last"), ("30", "out")]


def test_gelf_over_udp_and_tcp(cluster):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    udp.bind(("127.0.0.1", 0))
    tcp, received = collector()
    script = "echo small; head -c 12000 /dev/urandom | base64 -w 0; echo"
    udp_arn = run(cluster, "gelf-udp", "gelf", {"gelf-address": f"udp://127.0.0.1:{udp.getsockname()[1]}", "labels": "team"}, script,
                  dockerLabels={"team": "red"})
    tcp_arn = run(cluster, "gelf-tcp", "gelf", {"gelf-address": f"tcp://127.0.0.1:{tcp.getsockname()[1]}", "tag": "x"}, LINES)
    cluster.wait([udp_arn, tcp_arn], "STOPPED", 90)
    plain, chunks = [], {}
    for each in datagrams(udp):
        if each[:2] == b"\x1e\x0f":
            chunks.setdefault(each[2:10], {})[each[10]] = each[12:]
            assert len(each) <= 1420
        else:
            plain.append(json.loads(gzip.decompress(each)))
    assert [(m["short_message"], m["level"], m["_team"]) for m in plain] == [("small", 6, "red")]
    assert plain[0]["_container_name"].startswith("ecs-gelf-udp-1-main-") and plain[0]["_image_name"] == cluster.image
    [pieces] = chunks.values()
    large = json.loads(gzip.decompress(b"".join(pieces[n] for n in range(len(pieces)))))
    assert len(large["short_message"]) == 16000 and large["version"] == "1.1"
    wait_until("three messages", lambda: b"".join(received).count(b"\0") == 3, 30)
    tcp.close()
    found = [json.loads(each) for each in b"".join(received).split(b"\0")[:-1]]
    assert sorted((m["short_message"], m["level"]) for m in found) == [("err", 3), ("last", 6), ("out", 6)]
    assert {m["_tag"] for m in found} == {"x"}


class Splunk:
    """An HTTP event collector that can be told to refuse."""

    def __init__(self):
        self.events, self.asked, self.refusing = [], [], False
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_OPTIONS(self):
                collector.asked.append(self.path)
                self.answer(200)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if collector.refusing or self.headers["Authorization"] != "Splunk token-1":
                    return self.answer(503)
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                decoder, text, at = json.JSONDecoder(), body.decode(), 0
                while at < len(text):
                    event, at = decoder.raw_decode(text, at)
                    collector.events.append(event)
                self.answer(200)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_splunk_collects_events(cluster):
    splunk = Splunk()
    options = {"splunk-url": splunk.url, "splunk-token": "token-1", "splunk-index": "main", "splunk-source": "s",
               "splunk-sourcetype": "t", "splunk-format": "json", "splunk-gzip": "true", "tag": "app", "env": "STAGE"}
    finish(cluster, run(cluster, "splunk", "splunk", options, """echo '{"n": 1}'; echo plain >&2""",
                        environment=[{"name": "STAGE", "value": "live"}]))
    wait_until("two events", lambda: len(splunk.events) == 2, 30)
    by_source = {e["event"]["source"]: e for e in splunk.events}
    assert by_source["stdout"]["event"] == {"line": {"n": 1}, "source": "stdout", "tag": "app", "attrs": {"STAGE": "live"}}
    assert by_source["stderr"]["event"]["line"] == "plain"
    rest = {key: by_source["stdout"][key] for key in ("host", "source", "sourcetype", "index")}
    assert rest == {"host": socket.gethostname(), "source": "s", "sourcetype": "t", "index": "main"}
    assert splunk.asked and set(splunk.asked) == {"/services/collector/event/1.0"}
    splunk.refusing = True
    arn = run(cluster, "splunk-later", "splunk", {"splunk-url": splunk.url, "splunk-token": "token-1", "splunk-format": "raw", "tag": ""}, "echo raw")
    finish(cluster, arn)
    splunk.refusing = False
    wait_until("what was refused at first", lambda: splunk.events[-1]["event"] == "raw", 30)
    away = {"splunk-url": f"http://127.0.0.1:{free_port()}", "splunk-token": "x"}
    assert "failed to initialize logging driver" in finish(cluster, run(cluster, "splunk-away", "splunk", away, "true"))["reason"]


def test_options_that_docker_refuses_fail_the_container(cluster):
    for driver, options, why in [
        ("gelf", {"gelf-address": "udp://127.0.0.1:9", "gelf-compression-level": "10"},
         'unknown value "10" for log opt "gelf-compression-level" for gelf log driver'),
        ("fluentd", {"fluentd-address": "ftp://x"}, "invalid fluentd-address (ftp://x): unsupported scheme: 'ftp'"),
        ("json-file", {"max-file": "0"}, "max-file cannot be less than 1"),
    ]:
        reason = finish(cluster, run(cluster, f"bad-{driver}", driver, options, "true"))["reason"]
        assert reason == f"CannotCreateContainerError: Error response from daemon: {why}"


@pytest.mark.skipif(JOURNAL.exists(), reason="this machine has a journal: nothing must be written into it")
def test_journald_where_the_node_has_a_journal(cluster):
    definition = register(cluster, "journal", "journald", {"tag": "app", "labels": "team"}, "echo out; echo err >&2", dockerLabels={"team": "red"})
    [failure] = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType="EC2")["failures"]
    assert failure["reason"] == "ATTRIBUTE"
    made = [d for d in (JOURNAL.parent.parent, JOURNAL.parent) if not d.exists()]
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        journal.bind(str(JOURNAL))
        cluster.longshore.kill()
        cluster.longshore.start(120)
        def started():
            answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, launchType="EC2")
            return answer["tasks"]
        [task] = wait_until("an instance with the attribute", started, 60)
        cluster.wait([task["taskArn"]], "STOPPED", 60)
        found = sorted(dict(line.split("=", 1) for line in each.decode().splitlines())["MESSAGE"] + each.decode() for each in datagrams(journal))
        assert len(found) == 2, found
        for text, line, priority in ((found[0], "err", 3), (found[1], "out", 6)):
            for field in (f"MESSAGE={line}", f"PRIORITY={priority}", "CONTAINER_TAG=app", "SYSLOG_IDENTIFIER=app", "TEAM=red", f"IMAGE_NAME={cluster.image}"):
                assert field in text, (field, text)
    finally:
        journal.close()
        JOURNAL.unlink(missing_ok=True)
        for directory in reversed(made):
            directory.rmdir()


@pytest.fixture(scope="module")
def router_image(cluster, tmp_path_factory):
    cluster.ecr.create_repository(repositoryName="router")
    directory = tmp_path_factory.mktemp("router")
    program = file_layer(directory / "program.tar", {"router.py": (ROOT / "acceptance" / "support" / "forward.py").read_bytes()})
    layout = tar_layout(directory / "layout", [base_tar("python", "python3", "busybox-static"), program],
                        command=["python3", "/router.py", "/fluent-bit/etc/fluent-bit.conf"])
    return push(cluster.longshore, layout, "router")


def test_firelens_routes_on_fargate(cluster, router_image):
    app = {"name": "app", "image": cluster.image, "essential": True,
           "command": ["sh", "-c", "echo first; echo $FLUENT_HOST:$FLUENT_PORT; sleep 1; echo last"],
           "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "stdout", "include-pattern": "a", "log-driver-buffer-limit": "100"}}}
    router = {"name": "router", "image": router_image, "essential": True, "firelensConfiguration": {"type": "fluentbit"}}
    [arn] = cluster.run(cluster.register("firelens", [app, router]))
    cluster.wait([arn], "STOPPED", 90)
    told = cluster.wait_for_message("firelens", arn, "router", "BYE")
    records = [json.loads(text.split(" ", 1)[1]) for text in told if text.startswith("RECORD")]
    assert [record["log"] for _, _, record in records] == ["first", "127.0.0.1:24224", "last"], "the router outlives who logs"
    task_id = arn.rsplit("/", 1)[1]
    assert {tag for tag, _, _ in records} == {f"app-firelens-{task_id}"}
    [config] = [json.loads(text.split(" ", 1)[1]) for text in told if text.startswith("CONFIG")]
    assert config == f"""
[INPUT]
    Name forward
    Mem_Buf_Limit 25MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 127.0.0.1
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name   grep
    Match app-firelens*
    Regex  log a

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster outlets
    Record ecs_task_arn {arn}
    Record ecs_task_definition firelens:1

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name stdout
    Match app-firelens*
"""


def test_firelens_on_an_instance_with_a_file_from_s3(cluster, router_image, tmp_path):
    longshore = cluster.longshore
    (tmp_path / "extra.conf").write_text("# more\n")
    command([binary(), "files", "put", "arn:aws:s3:::conf/extra.conf", tmp_path / "extra.conf", "--data-dir", longshore.data])
    logs = cluster.log_configuration("firelens-s3")
    script = "cat /fluent-bit/etc/external.conf; exec python3 /router.py /fluent-bit/etc/fluent-bit.conf"
    router = {"name": "router", "image": router_image, "memory": 100, "essential": True, "user": "0", "command": ["sh", "-c", script],
              "logConfiguration": logs, "firelensConfiguration": {"type": "fluentbit", "options": {
                  "enable-ecs-log-metadata": "false", "config-file-type": "s3", "config-file-value": "arn:aws:s3:::conf/extra.conf"}}}
    app = {"name": "app", "image": cluster.image, "memory": 32, "essential": True, "command": ["sh", "-c", "echo hello; echo $FLUENT_HOST"],
           "logConfiguration": {"logDriver": "awsfirelens"}}
    cluster.ecs.register_task_definition(family="firelens-s3", networkMode="bridge", containerDefinitions=[app, router])
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition="firelens-s3", launchType="EC2")
    assert not answer["failures"], answer["failures"]
    arn = answer["tasks"][0]["taskArn"]
    cluster.wait([arn], "STOPPED", 90)
    told = cluster.wait_for_message("firelens-s3", arn, "router", "BYE")
    assert told[0] == "# more"
    [config] = [json.loads(text.split(" ", 1)[1]) for text in told if text.startswith("CONFIG")]
    assert "@INCLUDE /fluent-bit/etc/external.conf" in config and "Mem_Buf_Limit 50MB" in config
    assert "record_modifier" not in config and "Listen 0.0.0.0" in config
    records = [json.loads(text.split(" ", 1)[1])[2]["log"] for text in told if text.startswith("RECORD")]
    assert records[0] == "hello" and re.fullmatch(r"\d+\.\d+\.\d+\.\d+", records[1]), records

"""The balancer by itself: told its routes by hand, asked by plain clients."""

import json
import shlex
import socket
import ssl
import threading

import pytest

from support.balancer import Balancer, Load, Upstream, get
from support.process import free_port, run, wait_until

HEALTH = {"protocol": "HTTP", "path": "/health", "intervalSeconds": 1, "timeoutSeconds": 1,
          "healthyThreshold": 2, "unhealthyThreshold": 2}


@pytest.fixture(scope="module")
def balancer():
    balancer = Balancer().start()
    yield balancer
    balancer.remove()


@pytest.fixture
def own_balancer():
    balancer = Balancer().start()
    yield balancer
    balancer.remove()


@pytest.fixture(scope="module")
def upstreams():
    upstreams = [Upstream(name) for name in ("one", "two")]
    yield upstreams
    for upstream in upstreams:
        upstream.remove()


def group(arn, upstreams, **more):
    targets = [{"id": u.name, "address": "127.0.0.1", "port": u.port} for u in upstreams]
    return {"arn": arn, "protocol": "HTTP", "healthCheck": HEALTH, "targets": targets} | more


def to(*groups, **more):
    weighted = [{"arn": arn, "weight": weight} for arn, weight in groups]
    return {"type": "forward", "targetGroups": weighted} | more


def load_balancer(name, *listeners, kind="application", own=(), **attributes):
    return {"arn": name, "kind": kind, "dnsName": f"{name}.us-east-2.elb.localhost", "addresses": list(own),
            "sharedAddresses": ["127.0.0.1"], "attributes": attributes, "listeners": list(listeners)}


def listener(port, action, protocol="HTTP", **more):
    return {"arn": f"listener-{port}-{protocol}", "port": port, "protocol": protocol, "defaultAction": action} | more


def rule(priority, action, field, **condition):
    return {"arn": f"rule-{priority}", "priority": priority, "conditions": [{"field": field} | condition],
            "action": action}


def fixed(status, body=""):
    return {"type": "fixed-response", "status": status, "contentType": "text/plain", "body": body}


def test_rules_choose_and_headers_say_who_asked(balancer, upstreams):
    one, two = upstreams
    port = free_port()
    rules = [rule(1, to(("b", 1)), "path-pattern", values=["/two/*"]),
             rule(2, fixed(418, "tea"), "host-header", values=["tea.*"]),
             rule(3, {"type": "redirect", "protocol": "HTTPS", "host": "#{host}", "port": "443",
                      "path": "/new/#{path}", "query": "#{query}", "status": 301}, "query-string",
                  values=[{"key": "old", "value": "*"}]),
             rule(4, to(("empty", 1)), "http-header", name="x-empty", values=["yes"])]
    balancer.routes([load_balancer("rules", listener(port, to(("a", 1)), rules=rules))],
                    [group("a", [one]), group("b", [two]), group("empty", [])])
    balancer.healthy(one.port, two.port)
    answer = get(port, "/x?y=1", headers={"X-Forwarded-For": "9.9.9.9", "Connection": "keep-alive, x-mine",
                                          "X-Mine": "1", "Host": "app.test"})
    assert answer.told["name"] == "one" and answer.told["path"] == "/x?y=1"
    assert answer.got("x-forwarded-for") == ["9.9.9.9, 127.0.0.1"] and answer.got("x-mine") == []
    assert answer.got("x-forwarded-proto") == ["http"] and answer.got("x-forwarded-port") == [str(port)]
    assert answer.got("x-amzn-trace-id")[0].startswith("Root=1-") and answer.got("host") == [f"app.test:{port}"]
    assert get(port, "/two/x").told["name"] == "two"
    tea = get(port, headers={"Host": "tea.test"})
    assert (tea.status, tea.body, tea.headers["server"]) == (418, b"tea", "awselb/2.0")
    moved = get(port, "/a?old=1", headers={"Host": f"web.test:{port}"})
    assert (moved.status, moved.headers["location"]) == (301, "https://web.test:443/new/a?old=1")
    nobody = get(port, headers={"X-Empty": "yes"})
    assert nobody.status == 503 and b"<h1>503 Service Temporarily Unavailable</h1>" in nobody.body


def test_requests_are_logged_as_elb_writes_them(own_balancer, upstreams):
    port, arn = free_port(), "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/log/0123456789abcdef"
    rules = [rule(7, {"type": "redirect", "protocol": "HTTPS", "host": "#{host}", "port": "443", "path": "/new",
                      "query": "", "status": 302}, "path-pattern", values=["/old"])]
    logged = load_balancer(arn, listener(port, to(("a", 1)), rules=rules), accessLog=True) | {"dnsName": "log.test"}
    own_balancer.routes([logged], [group("a", upstreams[:1])])
    own_balancer.healthy(upstreams[0].port)
    got = get(port, "/x?y=1", method="POST", body=b"z" * 1000, headers={"User-Agent": 'a "b"', "Host": "app.test"})
    assert get(port, "/old").status == 302
    lines = wait_until("both are logged", lambda: len(own_balancer.link.lines) == 2 and own_balancer.link.lines)
    assert {line["loadBalancer"] for line in lines} == {arn}
    first, second = [shlex.split(line["line"]) for line in lines]
    assert len(first) == len(second) == 33
    assert (first[0], first[2], first[4]) == ("http", "app/log/0123456789abcdef", f"127.0.0.1:{upstreams[0].port}")
    assert all(float(time) >= 0 for time in first[5:8]) and first[8:10] == ["200", "200"]
    assert 1000 < int(first[10]) < 1300 and len(got.body) < int(first[11]) < len(got.body) + 300
    assert first[12:14] == [f"POST http://app.test:{port}/x?y=1 HTTP/1.1", r"a \x22b\x22"]
    assert first[14:17] == ["-", "-", "a"] and first[17] == got.got("x-amzn-trace-id")[0]
    assert first[20] == "0" and first[22:24] == ["forward", "-"] and first[29].startswith("TID_")
    assert second[4:10] == ["-", "-1", "-1", "-1", "302", "-"] and second[20] == "7"
    assert second[22:24] == ["redirect", "https://127.0.0.1:443/new"]


def test_bodies_stream_both_ways(balancer, upstreams):
    port = free_port()
    balancer.routes([load_balancer("bodies", listener(port, to(("a", 1))))], [group("a", upstreams[:1])])
    assert get(port, "/bytes/5000000").body == b"x" * 5_000_000
    assert get(port, method="POST", body=b"y" * 3_000_000).told["length"] == 3_000_000
    chunks = iter([b"z" * 70_000] * 10)
    assert get(port, method="POST", body=chunks).told["length"] == 700_000


def test_targets_that_fail_are_answered_for(balancer, upstreams):
    closed, port = free_port(), free_port()
    dead = {"arn": "dead", "protocol": "HTTP", "targets": [{"id": "d", "address": "127.0.0.1", "port": closed}]}
    rules = [rule(1, to(("dead", 1)), "path-pattern", values=["/dead"])]
    balancer.routes([load_balancer("fails", listener(port, to(("a", 1)), rules=rules), idleTimeoutSeconds=1)],
                    [group("a", upstreams[:1]), dead])
    assert get(port, "/dead").status == 502
    late = get(port, "/hang")
    assert late.status == 504 and b"<h1>504 Gateway Time-out</h1>" in late.body


def test_weights_are_kept_and_cookies_too(balancer, upstreams):
    one, two = upstreams
    port, sticky = free_port(), free_port()
    cookie = {"type": "lb_cookie", "durationSeconds": 60}
    balancer.routes([load_balancer("weights", listener(port, to(("a", 90), ("b", 10))), listener(sticky, to(("c", 1))))],
                    [group("a", [one]), group("b", [two]), group("c", [one, two], stickiness=cookie)])
    balancer.healthy(one.port, two.port)
    names = [get(port).told["name"] for _ in range(200)]
    assert 17 <= names.count("two") <= 23
    given = get(sticky)
    value = given.headers["set-cookie"].partition(";")[0]
    assert value.startswith("AWSALB=")
    assert {get(sticky, headers={"Cookie": value}).told["name"] for _ in range(10)} == {given.told["name"]}


def test_unhealthy_targets_get_nothing(balancer, upstreams):
    one, two = upstreams
    port = free_port()
    balancer.routes([load_balancer("health", listener(port, to(("a", 1))))], [group("a", [one, two])])
    balancer.healthy(one.port, two.port)
    one.ask("/status/500")
    try:
        seen = balancer.target(one.port, lambda target: target["state"] == "unhealthy")
        assert seen["reason"] == "Target.ResponseCodeMismatch"
        assert seen["description"] == "Health checks failed with these codes: [500]"
        assert {get(port).told["name"] for _ in range(10)} == {"two"}
    finally:
        one.ask("/status/200")
    balancer.healthy(one.port)
    assert {get(port).told["name"] for _ in range(10)} == {"one", "two"}


def test_a_draining_target_finishes_what_it_has(balancer, upstreams):
    one, two = upstreams
    port = free_port()
    routes = lambda draining: balancer.routes([load_balancer("drain", listener(port, to(("a", 1))))], [
        group("a", [one, two], targets=[
            {"id": "one", "address": "127.0.0.1", "port": one.port, "draining": draining},
            {"id": "two", "address": "127.0.0.1", "port": two.port}])])
    routes(False)
    balancer.healthy(one.port, two.port)
    held = []
    clients = [threading.Thread(target=lambda: held.append(get(port, "/hold"))) for _ in range(2)]
    for client in clients:
        client.start()
    def both_hold():
        # Only a change makes a report.
        routes(False)
        routes(True)
        return all(target["inFlight"] == 1 for target in balancer.link.report["targets"])
    wait_until("both hold", both_hold)
    assert balancer.target(one.port, lambda target: target["state"] == "draining")["inFlight"] == 1
    assert {get(port).told["name"] for _ in range(6)} == {"two"}
    one.ask("/release")
    balancer.target(one.port, lambda target: target["inFlight"] == 0)
    two.ask("/release")
    for client in clients:
        client.join(60)
    assert sorted(answer.told["name"] for answer in held) == ["one", "two"]


def test_connections_outlive_changes(balancer, upstreams):
    port, other = free_port(), free_port()
    first = load_balancer("stay", listener(port, to(("a", 1))))
    balancer.routes([first], [group("a", upstreams)])
    balancer.healthy(*(u.port for u in upstreams))
    with Load(port) as load:
        for step in range(10):
            more = [load_balancer(f"more-{step}", listener(other, fixed(200)))] if step % 2 else []
            rules = [rule(1, fixed(200), "path-pattern", values=[f"/{step}"])]
            balancer.routes([load_balancer("stay", listener(port, to(("a", 1)), rules=rules))] + more,
                            [group("a", upstreams)])
            load.more(10)
    assert load.failures == []
    balancer.routes([], [])
    with pytest.raises(OSError):
        get(port)


def certificate(directory, name):
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert])
    return {"arn": name, "chainPem": cert.read_text(), "keyPem": key.read_text(), "names": [name]}


def test_one_port_is_shared_by_name(balancer, upstreams, tmp_path):
    port, secure = free_port(), free_port()
    blue, green = (f"{name}.us-east-2.elb.localhost" for name in ("blue", "green"))
    def both(name, host):
        return load_balancer(name, listener(port, fixed(200, name)) | {"arn": f"{name}-http"},
                             listener(secure, to(("a", 1)), "HTTPS", certificates=[certificate(tmp_path, host)])
                             | {"arn": f"{name}-https"})
    balancer.routes([both("blue", blue), both("green", green)], [group("a", upstreams[:1])])
    assert [get(port, headers={"Host": host}).body for host in (blue, green, "other")] == [b"blue", b"green", b"blue"]
    for host in (blue, green):
        curl = ["curl", "-sS", "--cacert", tmp_path / f"{host}.pem", "--resolve", f"{host}:{secure}:127.0.0.1",
                "-w", "\n%{http_version}", f"https://{host}:{secure}/"]
        body, version = run(curl).rsplit("\n", 1)
        told = dict(json.loads(body)["headers"])
        assert (version, told["x-forwarded-proto"], told["host"]) == ("2", "https", f"{host}:{secure}")
        assert run(curl[:1] + ["--http1.1"] + curl[1:]).endswith("\n1.1")


def test_tcp_and_tls_carry_bytes(balancer, upstreams, tmp_path):
    port, secure = free_port(), free_port()
    tcp = lambda **more: group("t", upstreams[:1], protocol="TCP", healthCheck=None, **more)
    cert = certificate(tmp_path, "tcp.test")
    listeners = [listener(port, to(("t", 1)), "TCP"), listener(secure, to(("t", 1)), "TLS", certificates=[cert])]
    balancer.routes([load_balancer("tcp", *listeners, kind="network")], [tcp()])
    assert get(port).told["name"] == "one"
    context = ssl.create_default_context(cafile=tmp_path / "tcp.test.pem")
    with context.wrap_socket(socket.create_connection(("127.0.0.1", secure)), server_hostname="tcp.test") as stream:
        stream.sendall(b"GET /secure HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b'"path": "/secure"' in b"".join(iter(lambda: stream.recv(65536), b""))


def test_switched_connections_echo(balancer, upstreams):
    port = free_port()
    balancer.routes([load_balancer("ws", listener(port, to(("a", 1))))], [group("a", upstreams[:1])])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst")
        head = b""
        while b"first" not in head:
            head += client.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 ") and b"upgrade: websocket" in head.lower()
        balancer.routes([], [])
        client.sendall(b"still here")
        assert client.recv(4096) == b"still here"


def test_a_taken_port_is_told_and_tried_again(balancer):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], free_port()
        balancer.routes([load_balancer("taken", listener(taken, fixed(200)), listener(free, fixed(201)))], [])
        failures = {l["arn"]: l["failures"] for l in balancer.link.report["listeners"]}
        assert f"port {taken} of 127.0.0.1 is taken" in failures[f"listener-{taken}-HTTP"][0]
        assert failures[f"listener-{free}-HTTP"] == [] and get(free).status == 201
    wait_until("the port is ours", lambda: get(taken).status == 200)


def test_a_killed_target_costs_what_ran_on_it(balancer):
    upstreams = [Upstream(name) for name in ("one", "two", "three")]
    port, clients = free_port(), 4
    try:
        balancer.routes([load_balancer("kill", listener(port, to(("a", 1))))], [group("a", upstreams)])
        balancer.healthy(*(u.port for u in upstreams))
        with Load(port, clients) as load:
            upstreams[0].process.kill()
            load.more(100)
        assert len(load.failures) <= clients, load.failures
    finally:
        for upstream in upstreams:
            upstream.remove()


def test_a_successor_takes_over_without_a_failure(own_balancer, upstreams):
    port = free_port()
    own_balancer.routes([load_balancer("next", listener(port, to(("a", 1))))], [group("a", upstreams)])
    own_balancer.healthy(*(u.port for u in upstreams))
    old = own_balancer.process
    with Load(port) as load:
        own_balancer.start()
        load.more(100)
        wait_until("the predecessor has ended", lambda: not old.alive(), 60)
        load.more(50)
    assert load.failures == []
    assert own_balancer.link.hello["serial"] == own_balancer.serial, "the successor serves the kept routes"


def test_a_killed_balancer_starts_again_with_its_routes(own_balancer):
    port = free_port()
    own_balancer.routes([load_balancer("again", listener(port, fixed(200, "kept")))], [])
    own_balancer.process.kill()
    own_balancer.start()
    assert get(port).body == b"kept"

"""The balancer beside nginx and HAProxy: the same upstreams, the same load, in turn; part of `make bench`.

Requests per second and latency by wrk; the proxy's own CPU per request, which a busy machine disturbs least; memory
per idle WebSocket. Everything runs on loopback, with data under /var/tmp, and is removed again.

    python benches/balancer.py [requests] [sockets]
"""

import os
import re
import resource
import selectors
import socket
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "acceptance"))
os.environ.setdefault("LONGSHORE_BINARY", str(ROOT / "target" / "release" / "longshore"))

from support.balancer import Balancer, get  # noqa: E402
from support.process import Started, free_port, run, wait_until  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS", "5"))
CLIENTS = int(os.environ.get("CLIENTS", "64"))
SOCKETS = int(os.environ.get("SOCKETS", "10000"))
THREADS = min(os.cpu_count(), 4)
# The key and the answer to it are the example of RFC 6455.
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SWITCHED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
# wrk finds p99 among its percentiles; the body is what a small API answers.
BODY = "x" * 256


class Peer:
    """A proxy: how it is started, and which processes' cost is its cost."""

    def __init__(self, name, port, pids):
        self.name, self.port, self.pids = name, port, pids

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        """Proportional, so that what nginx's processes share counts once."""
        text = "".join(Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids())
        return sum(int(kib) for kib in re.findall(r"^Pss:\s+(\d+)", text, re.M))


class Bench:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="longshore-bench-", dir="/var/tmp"))
        self.started = []
        self.balancer = Balancer()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        self.targets = [free_port(), free_port()]
        self.sockets = free_port()
        servers = "".join(f"server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 {BODY}; }} }}\n"
                          for port in self.targets)
        self.nginx("upstream", servers)
        echo = [sys.executable, __file__, "echo", self.sockets]
        self.started.append(Started(echo, self.dir / "echo.log"))
        wait_until("the sockets' upstream listens", lambda: socket.create_connection(("127.0.0.1", self.sockets)).close() is None)
        self.peers = [self.start_longshore(), self.start_nginx(), self.start_haproxy()]
        for peer in self.peers:
            wait_until(f"{peer.name} answers", lambda: get(peer.port).body == BODY.encode())
        return self

    def __exit__(self, *_):
        for process in self.started:
            process.stop(20)
        self.balancer.remove()
        run(["rm", "-rf", self.dir])

    def nginx(self, name, servers, more=""):
        config = self.dir / f"{name}.conf"
        # It changes to its own user, who cannot write where we can.
        config.write_text(
            f"daemon off; pid {self.dir}/{name}.pid; worker_processes {THREADS}; worker_rlimit_nofile 65536;\n"
            f"error_log stderr error; user root;\nevents {{ worker_connections 32768; }}\n"
            f"http {{ access_log off; keepalive_requests 100000000; {more}\n{servers} }}\n")
        process = Started(["nginx", "-c", config, "-p", self.dir], self.dir / f"{name}.log")
        self.started.append(process)
        return process

    def start_longshore(self):
        self.balancer.start()
        port = free_port()
        group = lambda arn, ports: {"arn": arn, "protocol": "HTTP", "targets": [
            {"id": str(port), "address": "127.0.0.1", "port": port} for port in ports]}
        forward = lambda arn: {"type": "forward", "targetGroups": [{"arn": arn, "weight": 1}]}
        rules = [{"arn": "r", "priority": 1, "action": forward("sockets"),
                  "conditions": [{"field": "path-pattern", "values": ["/socket"]}]}]
        self.balancer.routes([{
            "arn": "bench", "kind": "application", "dnsName": "bench.elb.localhost", "addresses": ["127.0.0.1"],
            "attributes": {"idleTimeoutSeconds": 4000}, "listeners": [{
                "arn": "l", "port": port, "protocol": "HTTP", "rules": rules, "defaultAction": forward("plain")}]}],
            [group("plain", self.targets), group("sockets", [self.sockets])])
        return Peer("longshore", port, lambda: [self.balancer.process.pid])

    def start_nginx(self):
        port = free_port()
        upstream = "".join(f"server 127.0.0.1:{target};" for target in self.targets)
        process = self.nginx(
            "proxy",
            f"server {{ listen 127.0.0.1:{port} backlog=4096;\n"
            "proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;\n"
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_read_timeout 1h;\n"
            "location / { proxy_pass http://plain; proxy_set_header Connection ''; }\n"
            f"location /socket {{ proxy_pass http://127.0.0.1:{self.sockets}; proxy_set_header Upgrade $http_upgrade;\n"
            "proxy_set_header Connection upgrade; } }",
            f"upstream plain {{ {upstream} keepalive 512; keepalive_requests 100000000; }}")
        return Peer("nginx", port, lambda: children(process.pid))

    def start_haproxy(self):
        port, config = free_port(), self.dir / "haproxy.cfg"
        servers = "".join(f"  server s{target} 127.0.0.1:{target}\n" for target in self.targets)
        config.write_text(
            f"global\n  nbthread {THREADS}\n"
            "defaults\n  mode http\n  timeout client 1h\n  timeout server 1h\n  timeout connect 5s\n  timeout tunnel 1h\n"
            f"  option forwardfor\n  http-reuse always\nfrontend f\n  bind 127.0.0.1:{port} backlog 4096\n"
            "  use_backend sockets if { path /socket }\n  default_backend plain\n"
            f"backend plain\n{servers}backend sockets\n  server echo 127.0.0.1:{self.sockets}\n")
        process = Started(["haproxy", "-db", "-f", config], self.dir / "haproxy.log")
        self.started.append(process)
        return Peer("HAProxy", port, lambda: [process.pid])

    def requests(self):
        """Each proxy in turn, round by round, so that what disturbs the machine disturbs all alike."""
        figures = {peer.name: [] for peer in self.peers}
        for _ in range(ROUNDS):
            for peer in self.peers:
                figures[peer.name].append(self.wrk(peer))
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
        print(f"{'proxy':<12} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'CPU µs/request':>15}")
        for name, (rate, p50, p99, cpu) in medians.items():
            print(f"{name:<12} {rate:>11.0f} {p50:>8.2f} {p99:>8.2f} {cpu:>15.1f}")
        mine, peers = medians.pop("longshore"), medians.values()
        print(f"requests/s of the better: {mine[0] / max(p[0] for p in peers):.2f} (aim 0.8); "
              f"p99: {mine[2] / min(p[2] for p in peers):.2f}; CPU: {mine[3] / min(p[3] for p in peers):.2f}")

    def wrk(self, peer):
        before = peer.cpu_seconds()
        out = run(["wrk", f"-t{THREADS}", f"-c{CLIENTS}", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{peer.port}/"])
        cpu = peer.cpu_seconds() - before
        assert "Non-2xx" not in out and "Socket errors" not in out, out
        total = int(re.search(r"(\d+) requests in", out)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        percentile = lambda p: milliseconds(re.search(rf"^\s+{p}%\s+(\S+)", out, re.M)[1])
        return rate, percentile(50), percentile(99), cpu / total * 1e6

    def hold_sockets(self, count):
        """Opens WebSockets, lets them idle, and proves that each still carries bytes."""
        print(f"{'proxy':<12} {'WebSockets':>11} {'KiB each':>9}")
        for peer in self.peers:
            before = peer.memory_kib()
            clients = open_sockets(peer.port, count)
            held = peer.memory_kib() - before
            echoed = ask_all(clients)
            for client in clients:
                client.close()
            print(f"{peer.name:<12} {echoed:>11} {held / count:>9.2f}", flush=True)
            assert echoed == count


def raise_descriptor_limit():
    """As many as we may have; a container's root may not have more than it was given."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (max(most, 1 << 18), most):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, OSError):
            continue


def children(pid):
    return [pid] + [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def open_sockets(port, count):
    clients = []
    for begin in range(0, count, 100):
        batch = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(min(100, count - begin))]
        for client in batch:
            client.sendall(UPGRADE)
        for client in batch:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(4096)
                assert part, f"refused after {len(clients)}: {head}"
                head += part
            assert head.startswith(b"HTTP/1.1 101"), head
        clients += batch
    return clients


def ask_all(clients):
    echoed = 0
    for client in clients:
        client.sendall(b"still there?")
        echoed += client.recv(64) == b"still there?"
    return echoed


def echo(port):
    """The upstream of WebSockets: switches, then echoes."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                selector.register(client, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(4096)
            except OSError:
                data = b""
            if data:
                key.fileobj.sendall(SWITCHED if data.startswith(b"GET ") else data)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def main(wanted):
    most = raise_descriptor_limit()
    if wanted[:1] == ["echo"]:
        return echo(int(wanted[1]))
    with Bench() as bench:
        if not wanted or "requests" in wanted:
            bench.requests()
        if not wanted or "sockets" in wanted:
            # Each costs a proxy two descriptors.
            bench.hold_sockets(min(SOCKETS, (most - 200) // 2))


if __name__ == "__main__":
    main(sys.argv[1:])

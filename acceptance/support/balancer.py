"""A `longshore balancer` by itself, told its routes over its control socket."""

import json
import shutil
import socket
import struct
import sys
import tempfile
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from .longshore import binary
from .process import Started, free_port, wait_until


class Balancer:
    """The processes of one data directory; `start` while one runs replaces it."""

    def __init__(self):
        self.data = Path(tempfile.mkdtemp(prefix="longshore-balancer-", dir="/var/tmp"))
        self.directory = self.data / "balancer"
        self.serial = 0
        self.processes = []
        self.link = None

    def start(self):
        process = Started([binary(), "balancer", "--data-dir", self.data], self.data / "log")
        self.processes.append(process)

        def answers():
            assert process.alive(), process.tail()
            link = Link(self.directory / "control.sock")
            return link if link.hello["pid"] == process.pid else link.close()
        self.link = wait_until("the balancer answers", answers, 60)
        return self

    @property
    def process(self):
        return self.processes[-1]

    def routes(self, load_balancers, target_groups):
        """Serves these, and waits until it does."""
        self.serial += 1
        self.link.send({"type": "Routes", "message": {
            "version": 1, "serial": self.serial, "loadBalancers": load_balancers, "targetGroups": target_groups}})
        wait_until("the routes are served", lambda: self.link.report and self.link.report["serial"] == self.serial)

    def target(self, port, condition, timeout=60):
        """Waits until the report of the target at `port` is as wanted."""
        def look():
            found = [t for t in self.link.report["targets"] if t["port"] == port]
            return found[0] if found and condition(found[0]) else None
        return wait_until(f"target {port} is as wanted", look, timeout)

    def healthy(self, *ports):
        for port in ports:
            self.target(port, lambda target: target["state"] == "healthy")

    def remove(self):
        for process in self.processes:
            process.kill()
        shutil.rmtree(self.data, ignore_errors=True)


class Link:
    """The control socket; the newest report is in `report`, lines of access logs in `lines`."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.report = None
        self.lines = []
        self.hello = self.read()["message"]
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        while frame := self.read():
            if frame["type"] == "Report":
                self.report = frame["message"]
            elif frame["type"] == "Access":
                self.lines += frame["message"]
                self.send({"type": "AccessStored"})

    def read(self):
        try:
            file = self.socket.makefile("rb")
            head = file.read(4)
            return json.loads(file.read(struct.unpack(">I", head)[0])) if len(head) == 4 else None
        except (OSError, ValueError):
            return None

    def send(self, message):
        data = json.dumps(message).encode()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def close(self):
        self.socket.close()


class Upstream:
    """A target in a process of its own."""

    def __init__(self, name, port=None, address="127.0.0.1"):
        self.name, self.port, self.address = name, port or free_port(), address
        self.log = Path(tempfile.mkstemp(prefix="longshore-upstream-")[1])
        script = Path(__file__).with_name("upstream.py")
        self.process = Started([sys.executable, script, self.port, name, address], self.log)
        wait_until(f"{name} answers", lambda: get(self.port, "/health", address=address))

    def ask(self, path):
        return get(self.port, path, address=self.address)

    def remove(self):
        self.process.kill()
        self.log.unlink(missing_ok=True)


class Answer:
    """A response that was read to its end."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def told(self):
        return json.loads(self.body)

    def got(self, name):
        """A header as the target got it."""
        return [value for key, value in self.told["headers"] if key == name]


def get(port, path="/", method="GET", body=None, headers=(), address="127.0.0.1"):
    """One request on a connection of its own."""
    connection = HTTPConnection(address, port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Load:
    """Requests without a pause from a few keep-alive connections; what fails is counted."""

    def __init__(self, port, clients=4, path="/"):
        self.ended = threading.Event()
        self.counts, self.failures, self.names = [0] * clients, [], set()
        self.threads = [threading.Thread(target=self.repeat, args=(port, path, number)) for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more(20)
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(90)

    def more(self, count):
        """Waits until `count` more requests have been answered."""
        goal = sum(self.counts) + count
        wait_until(f"{count} requests more", lambda: sum(self.counts) >= goal, 60)

    def repeat(self, port, path, number):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        while not self.ended.is_set():
            try:
                connection.request("GET", path)
                answer = Answer(connection.getresponse())
                if answer.status == 200:
                    self.names.add(answer.told["name"])
                else:
                    self.failures.append(answer.status)
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            self.counts[number] += 1

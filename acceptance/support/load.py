"""Requests without a pause, by wrk: bounded in connections, stopped by the test, every failure counted."""

import re
import signal
import subprocess


class Load:
    """wrk against one URL between `with` and its end; then `requests` and `failures` are known."""

    def __init__(self, url, connections=6, host=None, limit_s=300):
        header = ["-H", f"Host: {host}"] if host else []
        self.argv = ["wrk", "-t1", f"-c{connections}", f"-d{limit_s}s", "--timeout", "20s", *header, url]

    def __enter__(self):
        self.child = subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        self.output, _ = self.child.communicate(timeout=60)
        self.requests = int(re.search(r"(\d+) requests in", self.output)[1])
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", self.output)
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", self.output)
        self.socket_errors = sum(map(int, errors.groups())) if errors else 0
        self.bad_answers = int(refused[1]) if refused else 0
        self.failures = self.socket_errors + self.bad_answers

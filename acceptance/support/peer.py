"""Debian's docker-registry: the peer of benchmarks, and the other registry of pull-through caches."""

import shutil
import tempfile
from pathlib import Path

import requests

from .process import Started, free_port, wait_until


class Peer:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="longshore-peer-", dir="/var/tmp"))
        self.port = free_port()
        self.registry = f"127.0.0.1:{self.port}"

    def start(self):
        config = self.dir / "config.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self.dir}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: '{self.registry}'}}\n")
        self.process = Started(["docker-registry", "serve", config], self.dir / "log")

        def ready():
            assert self.process.alive(), f"docker-registry ended:\n{self.process.tail()}"
            return requests.get(f"http://{self.registry}/v2/", timeout=2).status_code == 200
        wait_until("docker-registry answers", ready, 60)
        return self

    def stop(self):
        if self.process.alive():
            self.process.stop()

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

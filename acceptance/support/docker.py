"""A dockerd of the test's own, for `docker build` and `docker push`: no bridge, no iptables rules."""

import os
import shutil
import tempfile
from pathlib import Path

from .process import Started, run, wait_until


class Docker:
    def __init__(self, bridge=False):
        self.dir = Path(tempfile.mkdtemp(prefix="longshore-docker-", dir="/var/tmp"))
        self.socket = f"unix://{self.dir}/docker.sock"
        self.bridge = bridge

    def start(self):
        network = [] if self.bridge else ["--bridge=none", "--iptables=false"]
        self.process = Started(
            ["dockerd", "--data-root", self.dir / "root", "--exec-root", self.dir / "exec", "-H", self.socket,
             "--pidfile", self.dir / "pid", *network], self.dir / "dockerd.log")
        def ready():
            assert self.process.alive(), f"dockerd ended:\n{self.process.tail()}"
            return run(["docker", "-H", self.socket, "version"], check=False).returncode == 0
        wait_until("dockerd answers", ready, 60, 0.2)
        return self

    def environment(self):
        return {"DOCKER_HOST": self.socket, "DOCKER_CONFIG": str(self.dir / "config"),
                "PATH": os.environ["PATH"], "HOME": str(self.dir)}

    def run(self, *argv, **options):
        return run(["docker", *argv], env=self.environment(), **options)

    def remove(self):
        self.process.stop(60)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(self.dir))), reverse=True):
            run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

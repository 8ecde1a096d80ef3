"""A Longshore of the test's own: data directory, port, containerd, networks."""

import configparser
import os
import shutil
import tempfile
from ipaddress import ip_network
from pathlib import Path

import boto3
import botocore.config
import requests

from .process import Started, free_port, run, wait_until

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv" / "bin"
# Two Longshores may run at once, each in its half of the pool.
POOLS = [str(half) for half in ip_network(os.environ.get("LONGSHORE_TEST_POOL", "10.112.0.0/12")).subnets()]


def binary():
    """The binary under test: LONGSHORE_BINARY, or the debug build."""
    path = Path(os.environ.get("LONGSHORE_BINARY", ROOT / "target" / "debug" / "longshore"))
    assert path.exists(), f"{path} is missing: run 'cargo build' first"
    return path


class Longshore:
    """One `longshore up`. `start` and `kill` may be called any number of times on the same data."""

    def __init__(self, node=True, options=(), network_pool=None, variables=None, account="123456789012"):
        # Under /var/tmp and not /tmp: overlayfs needs a real file system below it.
        self.dir = Path(tempfile.mkdtemp(prefix="longshore-test-", dir="/var/tmp"))
        self.port = free_port()
        self.region = "us-east-2"
        self.account = account
        self.node = node
        self.options = list(options)
        self.variables = variables or {}
        self.network_pool = network_pool or POOLS[0]
        self.process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def registry(self):
        return f"127.0.0.1:{self.port}"

    @property
    def data(self):
        return self.dir / "data"

    def environment(self):
        """The environment of a client that knows Longshore by its profile alone."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LONGSHORE_"))}
        return keep | {
            "AWS_CONFIG_FILE": str(self.dir / "aws" / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.dir / "aws" / "credentials"),
            "AWS_PROFILE": "longshore",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "HOME": str(self.dir / "home"),
            "PATH": f"{VENV}:{os.environ['PATH']}",
        }

    def start(self, timeout=60):
        (self.dir / "home").mkdir(exist_ok=True)
        argv = [binary(), "up", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}",
                "--region", self.region, "--account-id", self.account, "--network-pool", self.network_pool]
        argv += [] if self.node else ["--no-node"]
        self.process = Started(argv + self.options, self.dir / "longshore.log", env=self.environment() | self.variables)
        def ready():
            assert self.process.alive(), f"longshore ended:\n{self.process.tail()}"
            return requests.get(f"{self.endpoint}/_longshore/health", timeout=2).status_code == 200
        try:
            wait_until("longshore answers", ready, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.process.tail()}")
        return self

    def log(self):
        """All that it has logged."""
        return (self.dir / "longshore.log").read_text(errors="replace")

    def kill(self):
        """kill -9."""
        self.process.kill()

    def stop(self, *, stop_tasks=False):
        if self.process and self.process.alive():
            self.process.stop(120)

    def remove(self):
        """Stops everything this Longshore started and removes its data."""
        if self.process and self.process.alive():
            self.process.stop(120)
        run([binary(), "down", "--data-dir", self.data], env=self.environment(), timeout=180, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def credentials(self):
        ini = configparser.ConfigParser()
        ini.read(self.dir / "aws" / "credentials")
        section = ini["longshore"]
        return section["aws_access_key_id"], section["aws_secret_access_key"]

    def session(self, **overrides):
        key, secret = self.credentials()
        return boto3.Session(**{"aws_access_key_id": key, "aws_secret_access_key": secret,
                                "region_name": self.region} | overrides)

    def client(self, service, region=None, **config):
        # Host prefixes (`stream-`, `data-`) do not resolve before an address.
        settings = {"retries": {"total_max_attempts": 1}, "inject_host_prefix": False, "connect_timeout": 5, "read_timeout": 60} | config
        return self.session().client(service, endpoint_url=self.endpoint, region_name=region or self.region,
                                     config=botocore.config.Config(**settings))

    def aws(self, *argv, check=True, timeout=180):
        """The AWS command line from PyPI, by profile alone."""
        return run([VENV / "aws", *argv], env=self.environment(), timeout=timeout, check=check)

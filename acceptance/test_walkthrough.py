"""The README's walkthrough, word for word: what a newcomer types is what is tested."""

import re
import socket

import pytest

from support.docker import Docker
from support.longshore import POOLS, ROOT, Longshore
from support.process import run


def blocks():
    """The `sh` blocks of README.md in their order, as one script."""
    text = (ROOT / "README.md").read_text()
    found = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(found) >= 5, "the walkthrough has lost its blocks"
    return "\n".join(found)


def default_port_is_free():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return s.connect_ex(("127.0.0.1", 4566)) != 0


@pytest.fixture
def docker():
    docker = Docker().start()
    yield docker
    docker.remove()


def test_walkthrough_word_for_word(docker):
    longshore = Longshore(network_pool=POOLS[1])
    if default_port_is_free():
        longshore.port = 4566
    longshore.start()
    try:
        script = blocks().replace("127.0.0.1:4566", longshore.registry)
        env = longshore.environment() | docker.environment() | {"HOME": str(longshore.dir / "home")}
        env["PATH"] = longshore.environment()["PATH"]
        shell = ["bash", "-euxo", "pipefail", "-c", f"cd {ROOT}\n{script}"]
        done = run(shell, env=env, timeout=540, check=False)
        seen = done.stdout + done.stderr
        assert done.returncode == 0, seen + longshore.process.tail()
        for expected in ["Hello, Flask on Docker!", "Hello, Longshore!", "Hello, balancer!", "has started 2 tasks", "GET /greet/Longshore HTTP/1.1",
                         "Login Succeeded", "Essential container in task exited\t7"]:
            assert expected in done.stdout, f"{expected!r} is missing in:\n{seen}"
    finally:
        longshore.remove()

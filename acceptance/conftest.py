"""Shared fixtures. Every test that changes a node's fate asks for a Longshore of its own."""

import os

import pytest

from support.longshore import POOLS, Longshore


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the acceptance tests start containers: run them as root")


@pytest.fixture(scope="module")
def api():
    """A Longshore without a node, for the tests of one file."""
    longshore = Longshore(node=False).start()
    yield longshore
    longshore.remove()


@pytest.fixture(scope="session")
def longshore():
    """A Longshore with its node, shared by tests that leave it as they found it."""
    longshore = Longshore().start()
    yield longshore
    longshore.remove()


@pytest.fixture
def own_longshore():
    """A Longshore with its node for one test alone, which may kill it."""
    longshore = Longshore(network_pool=POOLS[1]).start()
    yield longshore
    longshore.remove()

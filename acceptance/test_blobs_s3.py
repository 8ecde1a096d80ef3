"""Layers and log segments in S3-compatible object storage: pushed, pulled, filtered, killed, swept."""

import os
import time

import pytest

from support.longshore import POOLS, Longshore, binary
from support.objects import ObjectStorage
from support.oci import OCI_LAYER, OCI_MANIFEST, Repository, descriptor, digest_of, encode, password
from support.process import free_port, run, wait_until


@pytest.fixture(scope="module")
def storage():
    storage = ObjectStorage()
    yield storage
    storage.remove()


@pytest.fixture(scope="module")
def remote(storage):
    longshore = Longshore(node=False, network_pool=POOLS[1], options=storage.options("a/b")).start()
    yield longshore
    longshore.remove()


def push(repository, *layers):
    config = encode({"architecture": "amd64", "os": "linux"})
    for blob in (*layers, config):
        place = repository.begin()
        sign = "&" if "?" in place else "?"
        repository.ask("PUT", f"{place}{sign}digest={digest_of(blob)}", 201, data=blob, headers={"Content-Type": "application/octet-stream"})
    manifest = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
                       "layers": [descriptor(layer, OCI_LAYER) for layer in layers]})
    repository.on("PUT", "manifests/one", 201, data=manifest, headers={"Content-Type": OCI_MANIFEST})


def test_images_are_pushed_and_pulled(storage, remote):
    remote.client("ecr").create_repository(repositoryName="app")
    repository = Repository(remote.registry, "app", password(remote))
    # The large one goes up in parts.
    small, large = os.urandom(100_000), os.urandom(20 << 20)
    push(repository, small, large)
    for layer in (small, large):
        assert repository.on("GET", f"blobs/{digest_of(layer)}", 200).content == layer
    part = repository.on("GET", f"blobs/{digest_of(large)}", 206, headers={"Range": "bytes=9000000-9000099"}).content
    assert part == large[9_000_000:9_000_100]
    sizes = storage.sizes("a/b/registry/")
    assert {len(small), len(large)} <= set(sizes) and len(sizes) == 4, sizes
    # A second push of the same leaves nothing twice.
    push(repository, small, large)
    assert sorted(storage.sizes("a/b/registry/")) == sorted(sizes)
    local = [p for p in (remote.data / "blobs").rglob("*") if p.is_file() and p.name != "bucket"]
    assert local == []


def test_log_segments_survive_a_kill_and_orphans_are_swept(storage, remote):
    logs = remote.client("logs")
    logs.create_log_group(logGroupName="/s3")
    logs.create_log_stream(logGroupName="/s3", logStreamName="s")
    first, total = int(time.time() * 1000) - 60_000, 0
    # Enough for tables to be written out.
    for batch in range(24):
        events = [{"timestamp": first + batch, "message": f"line {batch * 1000 + n} " + os.urandom(400).hex()} for n in range(1000)]
        logs.put_log_events(logGroupName="/s3", logStreamName="s", logEvents=events)
        total += len(events)
    wait_until("segments are in the bucket", lambda: storage.names("a/b/logs/"), 60, 0.2)
    storage.client.put_object(Bucket=storage.bucket, Key="a/b/logs/local/00000000ffffffff", Body=b"orphan")
    remote.kill()
    remote.start()
    assert "a/b/logs/local/00000000ffffffff" not in storage.names("a/b/")
    logs = remote.client("logs")
    found = logs.filter_log_events(logGroupName="/s3", filterPattern='"line 17 "')["events"]
    assert len(found) == 1
    seen, token = 0, {}
    while True:
        page = logs.filter_log_events(logGroupName="/s3", **token)
        seen += len(page["events"])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen == total
    logs.delete_log_group(logGroupName="/s3")
    wait_until("their segments are gone", lambda: not storage.names("a/b/logs/"), 60, 0.2)
    repository = Repository(remote.registry, "app", password(remote))
    assert repository.on("GET", "manifests/one", 200).json()["layers"]


def test_a_prefix_belongs_to_one_longshore_and_a_longshore_to_one_prefix(storage, remote, tmp_path):
    stranger = [binary(), "up", "--no-node", "--no-profile", "--data-dir", tmp_path / "data", "--listen", f"127.0.0.1:{free_port()}"]
    told = run([*stranger, *storage.options("a/b")], check=False)
    assert told.returncode != 0 and "belong to another Longshore" in told.stderr
    told = run([binary(), "files", "--data-dir", remote.data, "list", "arn:aws:s3:::any/thing"], check=False)
    assert told.returncode != 0 and "name it with --blobs" in told.stderr
    run([binary(), "files", "--data-dir", remote.data, *storage.options("a/b"), "list", "arn:aws:s3:::any/thing"])

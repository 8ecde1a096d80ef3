"""Images on a node: collected when the disk fills up or nobody uses them, zstd layers, and pulls that go on where they
were cut."""

import http.server
import json
import os
import threading
from pathlib import Path

import pytest

from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import containerd_socket
from support.longshore import POOLS, Longshore, binary
from support.process import run, wait_until

PATIENCE = 120
SLEEP = ("sleep", "3600")


def noise(mib):
    return os.urandom(mib << 20)


def layout(directory, mib, command=SLEEP):
    return busybox_layout(directory, command=command, files={"noise": noise(mib)})


def definition(cluster, name, image, **more):
    return cluster.register(name, [{"name": "main", "image": image, "stopTimeout": 2} | more])


def images(longshore):
    """The repositories of the images that containerd keeps."""
    listed = run(["ctr", "--address", containerd_socket(longshore), "--namespace", "longshore", "images", "list", "-q"])
    return {name.rsplit("@", 1)[0].rsplit("/", 1)[1] for name in listed.split()}


def used_percent(disk):
    found = os.statvfs(disk)
    return 100 - found.f_bavail * 100 // found.f_blocks


def three_images(longshore, cluster, tmp_path, mib):
    """One that runs, and two that have run."""
    arns = {}
    for name, command in (("runs", SLEEP), ("ran", ("true",)), ("ran-too", ("true",))):
        cluster.ecr.create_repository(repositoryName=name)
        image = push(longshore, layout(tmp_path / name, mib, command), name)
        [arns[name]] = cluster.run(definition(cluster, name, image), enableExecuteCommand=True)
        cluster.wait([arns[name]], "RUNNING" if name == "runs" else "STOPPED", PATIENCE)
    return arns


def checksum(longshore, arn):
    """What is read of an image's file now, past the page cache."""
    Path("/proc/sys/vm/drop_caches").write_text("1")
    return run([binary(), "exec", arn, "--", "md5sum", "/noise"], env=longshore.environment()).split()[0]


@pytest.fixture
def small_disk():
    """A Longshore whose node has a disk of 240 MB."""
    longshore = Longshore(network_pool=POOLS[1], options=["--image-cleanup-interval", "1", "--image-minimum-cleanup-age", "3"])
    disk = longshore.data / "agent"
    disk.mkdir(parents=True)
    image = longshore.dir / "disk.img"
    run(["truncate", "-s", "240M", image])
    run(["mkfs.ext4", "-q", "-m", "0", image])
    run(["mount", "-o", "loop", image, disk])
    yield longshore.start(), disk
    if longshore.process.alive():
        longshore.process.stop(120)
    run([binary(), "down", "--data-dir", longshore.data], env=longshore.environment(), check=False)
    run(["umount", disk], check=False)
    longshore.remove()


def test_a_disk_that_fills_up_loses_what_nobody_uses_and_nothing_else(small_disk, tmp_path):
    longshore, disk = small_disk
    cluster = Cluster(longshore, "images")
    arns = three_images(longshore, cluster, tmp_path, 15)
    before = checksum(longshore, arns["runs"])
    assert used_percent(disk) < 85 and images(longshore) == {"runs", "ran", "ran-too"}
    def some_are_gone():
        # containerd may still be collecting the archives of layers: what it frees is taken, too.
        with open(disk / "ballast", "ab") as ballast:
            while used_percent(disk) < 88:
                ballast.write(noise(1))
                ballast.flush()
        return images(longshore) != {"runs", "ran", "ran-too"}
    wait_until("an image that nobody uses is gone", some_are_gone, PATIENCE, 0.5)
    wait_until("its room is free", lambda: used_percent(disk) < 85, PATIENCE)
    assert "runs" in images(longshore)
    assert cluster.describe([arns["runs"]])[0]["lastStatus"] == "RUNNING"
    assert checksum(longshore, arns["runs"]) == before, "what runs keeps its files"
    (disk / "ballast").unlink()
    [again] = cluster.run("ran")
    assert cluster.wait([again], "STOPPED", PATIENCE)[0]["containers"][0]["exitCode"] == 0
    cluster.stop([arns["runs"]])


@pytest.fixture(scope="module")
def place():
    longshore = Longshore(network_pool=POOLS[1], options=[
        "--image-cleanup-interval", "1", "--image-minimum-cleanup-age", "1", "--image-unused-after", "8"]).start()
    longshore.cluster = Cluster(longshore, "images")
    yield longshore
    longshore.remove()


def test_what_nobody_uses_goes_by_age_and_what_runs_stays(place, tmp_path):
    arns = three_images(place, place.cluster, tmp_path, 1)
    before = checksum(place, arns["runs"])
    wait_until("the unused are gone", lambda: not images(place) & {"ran", "ran-too"}, PATIENCE)
    assert images(place) == {"runs"} and checksum(place, arns["runs"]) == before
    place.cluster.stop([arns["runs"]])


def test_layers_in_zstd_are_unpacked(place, tmp_path):
    cluster = place.cluster
    cluster.ecr.create_repository(repositoryName="zstd")
    run(["skopeo", "copy", "--insecure-policy", "--dest-compress", "--dest-compress-format", "zstd",
         f"oci:{layout(tmp_path / 'plain', 1)}:latest", f"oci:{tmp_path / 'zstd'}:latest"])
    index = json.loads((tmp_path / "zstd" / "index.json").read_text())
    manifest = json.loads((tmp_path / "zstd" / "blobs" / "sha256" / index["manifests"][0]["digest"].split(":")[1]).read_text())
    assert [layer["mediaType"].rsplit("+", 1)[1] for layer in manifest["layers"]] == ["zstd"]
    image = push(place, tmp_path / "zstd", "zstd")
    [arn] = cluster.run(definition(cluster, "zstd", image, command=["sh", "-c", "md5sum < /noise"]))
    cluster.wait([arn], "STOPPED", PATIENCE)
    expected = run(["sh", "-c", f"tar -xO -f {_layer(tmp_path / 'plain')} noise | md5sum"]).strip()
    wait_until("the line is there", lambda: cluster.messages("zstd", arn, "main") == [expected], PATIENCE)


def _layer(directory):
    return max((directory / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)


class Registry(http.server.ThreadingHTTPServer):
    """A registry of one image whose big layer is cut in the middle; it notes from where it was asked."""

    daemon_threads = True

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs = directory / "blobs" / "sha256"
        self.manifest = json.loads((directory / "index.json").read_text())["manifests"][0]
        self.asked_from, self.holds, self.cuts = [], threading.Event(), 1
        self.going_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def name(self):
        return f"127.0.0.1:{self.server_address[1]}/box:latest"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        registry, last = self.server, self.path.rsplit("/", 1)[-1]
        if "/manifests/" in self.path:
            data = (registry.blobs / registry.manifest["digest"].split(":")[1]).read_bytes()
            return self.answer(200, data, registry.manifest["mediaType"])
        if "/blobs/" not in self.path:
            return self.answer(200, b"{}", "application/json")
        data = (registry.blobs / last.split(":")[1]).read_bytes()
        if len(data) < 1 << 20:
            return self.answer(200, data, "application/octet-stream")
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-").split("-")[0]) if asked else 0
        registry.asked_from.append(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if len(registry.asked_from) > registry.cuts:
            self.wfile.write(data[start:])
            return None
        self.wfile.write(data[start:start + (len(data) - start) // 2])
        self.wfile.flush()
        registry.holds.set()
        registry.going_on.wait(PATIENCE)
        self.close_connection = True
        return self.connection.shutdown(2)

    do_HEAD = do_GET

    def answer(self, status, data, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("killed", [False, True], ids=["a cut connection", "a killed longshore"])
def test_a_pull_goes_on_where_it_was_cut(place, tmp_path, killed):
    cluster = place.cluster
    registry = Registry(layout(tmp_path / "layout", 24, command=("true",)))
    [arn] = cluster.run(definition(cluster, f"cut-{killed}".lower(), registry.name))
    assert registry.holds.wait(PATIENCE), "the layer is asked for"
    if killed:
        ingested = lambda: [line.split() for line in run(
            ["ctr", "--address", containerd_socket(place), "--namespace", "longshore", "content", "active"]).splitlines()[1:]]
        wait_until("a part is stored", lambda: ingested() and "0 B" not in " ".join(ingested()[0]), PATIENCE)
        place.kill()
        place.start()
    registry.going_on.set()
    task = cluster.wait([arn], "STOPPED", PATIENCE)[0]
    assert task["containers"][0]["exitCode"] == 0, task
    assert registry.asked_from[0] == 0 and registry.asked_from[-1] > 1 << 20, registry.asked_from
    registry.shutdown()

"""Push and pull beside Debian's `docker-registry` in the same run, and memory during ten pushes at once.

Images are OCI layouts of random bytes, pushed and pulled by one client of a few lines that keeps no copy in
memory and hashes nothing but what the protocol asks for, so that the registries are measured and not the client.
"""

import hashlib
import http.client
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "acceptance"))
os.environ.setdefault("LONGSHORE_BINARY", str(ROOT / "target" / "release" / "longshore"))

from support.longshore import Longshore  # noqa: E402
from support.oci import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, descriptor, encode, password  # noqa: E402
from support.peer import Peer  # noqa: E402

RUNS = int(os.environ.get("RUNS", "5"))
PART = 1 << 20
MIB = 1 << 20


class Client:
    """One connection that pushes and pulls."""

    def __init__(self, registry, secret):
        import base64
        self.http = http.client.HTTPConnection(registry, timeout=120)
        basic = base64.b64encode(f"AWS:{secret}".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}"} if secret else {}

    def ask(self, method, path, body=None, headers=None, into=None):
        self.http.request(method, path, body=body, headers=self.headers | (headers or {}))
        answer = self.http.getresponse()
        if into is None:
            data = answer.read()
        else:
            data = bytearray(PART)
            while count := answer.readinto(data):
                into.update(memoryview(data)[:count])
        return answer.status, answer.headers, data

    def blob(self, name, path, digest):
        status, headers, _ = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        assert status == 202, status
        location = headers["Location"]
        location = location[location.index("/v2/"):]
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            status, headers, text = self.ask("PATCH", location, file, {"Content-Length": str(size), "Content-Type": "application/octet-stream"})
        assert status == 202, (status, text)
        location = headers["Location"]
        location = location[location.index("/v2/"):]
        status, _, text = self.ask("PUT", location + ("&" if "?" in location else "?") + f"digest={digest}")
        assert status == 201, (status, text)


class Image:
    """A config, layers of random bytes, a manifest."""

    def __init__(self, directory, count, size):
        self.layers, self.size = [], count * size
        directory.mkdir(parents=True)
        entries = []
        for number in range(count):
            path, hasher = directory / str(number), hashlib.sha256()
            with open(path, "wb") as file:
                for start in range(0, size, PART):
                    data = os.urandom(min(PART, size - start))
                    hasher.update(data)
                    file.write(data)
            self.layers.append((path, f"sha256:{hasher.hexdigest()}"))
            entries.append({"mediaType": OCI_LAYER, "digest": self.layers[-1][1], "size": size})
        config = json.dumps({"made": os.urandom(8).hex()}).encode()
        (directory / "config").write_bytes(config)
        self.layers.append((directory / "config", descriptor(config, OCI_CONFIG)["digest"]))
        self.manifest = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG), "layers": entries})

    def push(self, registry, secret, name, workers=3):
        """As docker does: a few layers at a time, then the manifest."""
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda layer: Client(registry, secret).blob(name, *layer), self.layers))
        status, _, text = Client(registry, secret).ask("PUT", f"/v2/{name}/manifests/latest", self.manifest, {"Content-Type": OCI_MANIFEST})
        assert status == 201, (status, text)

    def pull(self, registry, secret, name, workers=3):
        def one(layer):
            _, digest = layer
            hasher = hashlib.sha256()
            status, _, _ = Client(registry, secret).ask("GET", f"/v2/{name}/blobs/{digest}", into=hasher)
            assert status == 200 and f"sha256:{hasher.hexdigest()}" == digest, digest
        status, _, data = Client(registry, secret).ask("GET", f"/v2/{name}/manifests/latest", headers={"Accept": OCI_MANIFEST})
        assert (status, data) == (200, self.manifest)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, self.layers))


def resident(pid, field="VmRSS"):
    """MiB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def timed(work):
    os.sync()
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def measure(longshore, peer, secret, directory, label, count, size):
    """Medians of push and pull, each of a new image, ours and theirs in turns."""
    took = {"push": ([], []), "pull": ([], [])}
    ecr = longshore.client("ecr")
    for run in range(RUNS):
        image, name = Image(directory / "image", count, size), f"bench/{label.split()[0]}-{run}"
        ecr.create_repository(repositoryName=name)
        sides = [(0, longshore.registry, secret), (1, peer.registry, None)]
        # Who goes first changes, so that neither always finds the file cache warm.
        for side, registry, login in sides if run % 2 else reversed(sides):
            took["push"][side].append(timed(lambda: image.push(registry, login, name)))
            took["pull"][side].append(timed(lambda: image.pull(registry, login, name)))
        ecr.delete_repository(repositoryName=name, force=True)
        shutil.rmtree(directory / "image")
        print(f"\r{label} {run + 1}/{RUNS} ", end="", file=sys.stderr, flush=True)
    return [(f"{verb} of {label}, median ms", statistics.median(took[verb][0]), "docker-registry", statistics.median(took[verb][1]), 1)
            for verb in ("push", "pull")]


def parallel(longshore, secret, directory):
    """Resident memory, at its highest, while ten images of 200 MB are pushed at once."""
    ecr, images = longshore.client("ecr"), []
    for number in range(10):
        images.append((f"bench/parallel-{number}", Image(directory / f"parallel-{number}", 5, 40 * MIB)))
        ecr.create_repository(repositoryName=images[-1][0])
    before, highest, done = resident(longshore.process.pid), [0.0], threading.Event()

    def watch():
        while not done.wait(0.01):
            highest[0] = max(highest[0], resident(longshore.process.pid))
    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda pair: pair[1].push(longshore.registry, secret, pair[0]), images))
    done.set()
    watcher.join()
    print(f"\nresident before {before:.0f} MiB", file=sys.stderr)
    return "highest resident memory of 10 pushes at once, MiB", highest[0], "aim", 100, 1


def main():
    longshore, peer = Longshore(node=False), Peer()
    directory = Path(tempfile.mkdtemp(prefix="longshore-bench-", dir="/var/tmp"))
    try:
        longshore.start()
        peer.start()
        secret = password(longshore)
        rows = measure(longshore, peer, secret, directory, "200 MB in 5 layers", 5, 40 * MIB)
        rows += measure(longshore, peer, secret, directory, "40 layers of 100 kB", 40, 100_000)
        rows.append(parallel(longshore, secret, directory))
        show(rows)
    finally:
        longshore.remove()
        peer.remove()
        shutil.rmtree(directory, ignore_errors=True)


def show(rows):
    print(file=sys.stderr)
    print(f"{'figure':<52} {'longshore':>10} {'beside':<16} {'figure':>10} {'ratio':>7} {'aim':>5}")
    for figure, mine, beside, theirs, aim in rows:
        print(f"{figure:<52} {mine:>10.1f} {beside:<16} {theirs:>10.1f} {mine / theirs:>7.2f} {aim:>5}")


if __name__ == "__main__":
    main()

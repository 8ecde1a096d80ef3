"""Images made on the spot: no public registry is needed."""

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from .process import run

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "images"


def base_tar(name, *packages):
    """A root file system from Debian packages, made once and kept under .cache/."""
    path = CACHE / f"{name}.tar"
    if not path.exists():
        run([ROOT / "examples" / "base-image", path, *packages], timeout=600)
    return path


def wheels_tar(name, *requirements, prune=()):
    """Python packages below /opt/python, made once and kept under .cache/; `prune` names what is left out of them."""
    path = CACHE / f"{name}.tar"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            target = Path(work) / "opt" / "python"
            run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", "--only-binary", ":all:",
                 "--target", target, *requirements], timeout=600)
            for pattern in prune:
                for unwanted in target.glob(pattern):
                    shutil.rmtree(unwanted)
            run(["tar", "-C", work, "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-cf", f"{path}.part", "opt"])
        Path(f"{path}.part").rename(path)
    return path


def tar_layout(directory: Path, layers, command=("sh",), env=()):
    """Writes an OCI image layout of given uncompressed layers."""
    return _layout(directory, [Path(layer).read_bytes() for layer in layers], {"Cmd": list(command), "Env": list(env)})


def busybox_layout(directory: Path, command=("sh",), entrypoint=None, env=(), user=None, files=None):
    """Writes an OCI image layout with a static busybox in it; push it with `skopeo copy oci:DIR:latest`."""
    config = {"Cmd": list(command), "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *env]}
    if entrypoint:
        config["Entrypoint"] = list(entrypoint)
    if user:
        config["User"] = user
    return _layout(directory, [_busybox_layer(files or {})], config)


def hostile_layout(directory: Path):
    """An image whose layer would write outside of its root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("../../etc/passwd")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"evil\n"))
    return _layout(directory, [out.getvalue()], {"Cmd": ["sh"]})


def flask_layout(directory: Path):
    """The example application on the base image of the walkthrough, built without docker."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(ROOT / "examples" / "flask" / "app.py", "app/app.py")
    base = base_tar("python-flask", "python3-flask", "busybox-static").read_bytes()
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return _layout(directory, [base, out.getvalue()], {"Cmd": ["python", "/app/app.py"], "Env": [path, "PYTHONUNBUFFERED=1"]})


def file_layer(path: Path, files):
    """Writes a layer of a few files."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return path


def _layout(directory: Path, layers, config):
    shutil.rmtree(directory, ignore_errors=True)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    image = {"architecture": "amd64" if os.uname().machine == "x86_64" else "arm64", "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}, "history": []}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(image).encode())},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(layer)} for layer in layers]}
    entry = {"mediaType": manifest["mediaType"], **blob(json.dumps(manifest).encode()),
             "annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return directory


def _busybox_layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, data=b"", mode=0o755, kind=tarfile.REGTYPE, link=""):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.type, info.linkname = len(data), mode, kind, link
            tar.addfile(info, io.BytesIO(data))
        for directory in ("bin", "etc", "proc", "sys", "dev", "root", "var", "usr"):
            add(directory, kind=tarfile.DIRTYPE)
        add("tmp", kind=tarfile.DIRTYPE, mode=0o1777)
        add("bin/busybox", Path("/bin/busybox").read_bytes())
        for applet in run(["/bin/busybox", "--list"]).split():
            if applet != "busybox":
                add(f"bin/{applet}", kind=tarfile.SYMTYPE, link="/bin/busybox")
        add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644)
        add("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
        for name, data in files.items():
            add(name.lstrip("/"), data.encode() if isinstance(data, str) else data)
    return out.getvalue()


def push(longshore, layout: Path, repository, tag="latest"):
    """Pushes a layout into Longshore's registry with skopeo and returns the image's name."""
    password = longshore.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    import base64
    user, _, secret = base64.b64decode(password).decode().partition(":")
    name = f"{longshore.registry}/{repository}:{tag}"
    run(["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--dest-creds", f"{user}:{secret}",
         f"oci:{layout}:latest", f"docker://{name}"])
    return name

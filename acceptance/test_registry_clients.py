"""Pushes, pulls, copies, mounts, lists, artifacts and deletes with docker, skopeo, podman, buildah, containerd and oras, unmodified."""

import base64
import json
import os
import shutil
import tarfile
import tempfile

import pytest
from oras.client import OrasClient

from support.docker import Docker
from support.images import busybox_layout, push
from support.kernel import containerd_socket
from support.oci import Repository, password
from support.process import run

MARKER = "made on the spot"


@pytest.fixture(scope="module")
def secret(api):
    return password(api)


@pytest.fixture(scope="module")
def ecr(api):
    return api.client("ecr")


@pytest.fixture(scope="module")
def login(api, secret):
    """A login file, as skopeo, podman and buildah read it."""
    path = api.dir / "auth.json"
    encoded = base64.b64encode(f"AWS:{secret}".encode()).decode()
    path.write_text(json.dumps({"auths": {api.registry: {"auth": encoded}}}))
    return str(path)


@pytest.fixture(scope="module")
def layout(api):
    return busybox_layout(api.dir / "layout", command=("echo", "hi"), files={"etc/marker": MARKER})


@pytest.fixture
def repository(api, ecr, request):
    name = "clients/" + request.node.name.replace("test_", "").replace("_", "-")
    ecr.create_repository(repositoryName=name)
    return f"{api.registry}/{name}"


@pytest.fixture(scope="module")
def docker(api, secret):
    docker = Docker().start()
    docker.run("login", "-u", "AWS", "--password-stdin", api.registry, input=secret)
    yield docker
    docker.remove()


def name_of(repository):
    return repository.partition("/")[2]


def tags(ecr, repository):
    images = ecr.describe_images(repositoryName=name_of(repository))["imageDetails"]
    return sorted(tag for image in images for tag in image.get("imageTags", []))


@pytest.fixture(scope="module")
def skopeo(login):
    def skopeo(verb, *argv, **options):
        flags = {"copy": ["--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"],
                 "sync": ["--insecure-policy", "--src-tls-verify=false", "--dest-tls-verify=false"]}
        return run(["skopeo", verb, *flags.get(verb, ["--tls-verify=false"]), "--authfile", login, *argv], **options)
    return skopeo


def test_skopeo_copies_inspects_lists_and_deletes(ecr, skopeo, layout, repository, tmp_path):
    skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:v1")
    seen = json.loads(skopeo("inspect", f"docker://{repository}:v1"))
    assert seen["RepoTags"] == ["v1"] and seen["Os"] == "linux"
    skopeo("copy", f"docker://{repository}:v1", f"docker://{repository}:v2")
    skopeo("copy", "--format", "v2s2", f"docker://{repository}:v1", f"docker://{repository}:docker")
    assert json.loads(skopeo("list-tags", f"docker://{repository}"))["Tags"] == ["docker", "v1", "v2"]
    skopeo("copy", f"docker://{repository}@{seen['Digest']}", f"dir:{tmp_path}/dir")
    assert json.loads((tmp_path / "dir" / "manifest.json").read_text())["schemaVersion"] == 2
    skopeo("delete", f"docker://{repository}:docker")
    assert tags(ecr, repository) == ["v1", "v2"]


def test_skopeo_mounts_what_another_repository_has(api, ecr, skopeo, layout, repository):
    skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:v1")
    ecr.create_repository(repositoryName="clients/copies")
    skopeo("copy", "--all", f"docker://{repository}:v1", f"docker://{api.registry}/clients/copies:v1")
    [one] = ecr.describe_images(repositoryName="clients/copies")["imageDetails"]
    [other] = ecr.describe_images(repositoryName=name_of(repository))["imageDetails"]
    assert one["imageDigest"] == other["imageDigest"]


def test_skopeo_syncs_a_repository_to_disk(skopeo, layout, repository, tmp_path):
    for tag in ("a", "b"):
        skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:{tag}")
    skopeo("sync", "--src", "docker", "--dest", "dir", repository, str(tmp_path))
    assert sorted(path.name.rpartition(":")[2] for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_wrong_password_is_refused_by_every_client(api, docker, repository, tmp_path):
    wrong = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    for client, flags in (("skopeo", []), ("podman", storage("/var/tmp/ls-wrong")), ("buildah", storage("/var/tmp/ls-wrong"))):
        done = run([client, *flags, "login", "--tls-verify=false", "-u", "AWS", "-p", "wrong", api.registry], env=wrong, check=False)
        assert done.returncode != 0 and "403" in done.stderr, f"{client}: {done.stderr}"
    shutil.rmtree("/var/tmp/ls-wrong", ignore_errors=True)
    done = run(["docker", "login", "-u", "AWS", "-p", "wrong", api.registry],
               env=docker.environment() | {"DOCKER_CONFIG": str(tmp_path / "config")}, check=False)
    assert done.returncode != 0


def test_docker_builds_pushes_and_pulls(ecr, docker, layout, repository, tmp_path):
    run(["skopeo", "copy", "--insecure-policy", f"oci:{layout}:latest", f"docker-archive:{tmp_path}/box.tar:box:latest"])
    docker.run("load", "-i", str(tmp_path / "box.tar"))
    (tmp_path / "Dockerfile").write_text("FROM box:latest\nCOPY Dockerfile /Dockerfile\nLABEL a=b\n")
    docker.run("build", "-t", f"{repository}:v1", str(tmp_path))
    docker.run("tag", f"{repository}:v1", f"{repository}:v2")
    docker.run("push", "--all-tags", repository)
    assert tags(ecr, repository) == ["v1", "v2"]
    docker.run("rmi", f"{repository}:v1", f"{repository}:v2")
    docker.run("pull", "--all-tags", repository)
    assert json.loads(docker.run("inspect", f"{repository}:v2"))[0]["Config"]["Labels"] == {"a": "b"}
    # The same layers under another name are mounted, not sent again.
    ecr.create_repository(repositoryName="clients/docker-again")
    other = repository.replace(name_of(repository), "clients/docker-again")
    docker.run("tag", f"{repository}:v1", f"{other}:v1")
    assert "Mounted from" in docker.run("push", f"{other}:v1")
    docker.run("rmi", "-f", f"{other}:v1", f"{repository}:v1", f"{repository}:v2", "box:latest")


def test_buildkit_builds_from_the_registry_and_caches_there(ecr, docker, skopeo, layout, repository, tmp_path):
    def build(tag, *flags):
        # The engine's BuildKit by the client that needs no plugin for it.
        env = docker.environment() | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        done = run(["/usr/bin/docker", "build", "-t", f"{repository}:{tag}", *flags, str(tmp_path)], env=env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr
    skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:base")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {repository}:base AS tools\nCOPY Dockerfile /tool\nFROM {repository}:base\nCOPY --from=tools /tool /tool\n")
    build("v1", "--build-arg", "BUILDKIT_INLINE_CACHE=1")
    docker.run("push", f"{repository}:v1")
    docker.run("rmi", "-f", f"{repository}:v1")
    docker.run("builder", "prune", "--all", "--force")
    assert "CACHED" in build("v2", "--cache-from", f"{repository}:v1", "--build-arg", "BUILDKIT_INLINE_CACHE=1")
    docker.run("push", f"{repository}:v2")
    assert tags(ecr, repository) == ["base", "v1", "v2"]
    docker.run("rmi", "-f", f"{repository}:v2")


def test_docker_makes_a_manifest_list(docker, skopeo, layout, repository):
    skopeo("copy", "--format", "v2s2", f"oci:{layout}:latest", f"docker://{repository}:amd64")
    docker.run("manifest", "create", "--insecure", f"{repository}:all", f"{repository}:amd64")
    docker.run("manifest", "push", "--insecure", f"{repository}:all")
    raw = json.loads(skopeo("inspect", "--raw", f"docker://{repository}:all"))
    assert raw["mediaType"].endswith("manifest.list.v2+json") and len(raw["manifests"]) == 1


def storage(directory):
    return ["--root", f"{directory}/root", "--runroot", f"{directory}/run", "--storage-driver", "vfs"]


@pytest.fixture
def podman(login):
    # podman takes a short path only.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="ls-", ignore_cleanup_errors=True) as directory:
        def podman(*argv):
            env = os.environ | {"REGISTRY_AUTH_FILE": login, "HOME": directory}
            return run(["podman", *storage(directory), *argv], env=env)
        yield podman
        run(["podman", *storage(directory), "rmi", "--all", "--force"], check=False)


def test_podman_pushes_and_pulls(ecr, podman, layout, repository):
    podman("pull", f"oci:{layout}:latest")
    image = podman("images", "--quiet", "--no-trunc").split()[0]
    podman("push", "--tls-verify=false", image, f"{repository}:oci")
    podman("push", "--tls-verify=false", "--format", "v2s2", image, f"{repository}:docker")
    podman("rmi", "--all", "--force")
    podman("pull", "--tls-verify=false", f"{repository}:oci")
    podman("pull", "--tls-verify=false", f"{repository}:docker")
    assert tags(ecr, repository) == ["docker", "oci"]


def test_podman_pushes_an_index(podman, layout, skopeo, repository):
    skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:amd64")
    podman("manifest", "create", "all")
    podman("manifest", "add", "--tls-verify=false", "all", f"docker://{repository}:amd64")
    podman("manifest", "push", "--tls-verify=false", "--all", "all", f"docker://{repository}:all")
    raw = json.loads(skopeo("inspect", "--raw", f"docker://{repository}:all"))
    assert len(raw["manifests"]) == 1


def test_buildah_builds_from_scratch_and_pushes(ecr, login, repository, tmp_path):
    def buildah(*argv):
        env = os.environ | {"REGISTRY_AUTH_FILE": login, "HOME": str(tmp_path), "BUILDAH_ISOLATION": "chroot"}
        return run(["buildah", *storage(tmp_path), *argv], env=env).strip()
    (tmp_path / "hello").write_text(MARKER)
    container = buildah("from", "scratch")
    buildah("add", container, str(tmp_path / "hello"), "/hello")
    buildah("config", "--label", "who=buildah", container)
    buildah("commit", container, "made")
    for form in ("oci", "docker"):
        buildah("push", "--tls-verify=false", "--format", form, "made", f"docker://{repository}:{form}")
    buildah("rm", container)
    buildah("rmi", "--all", "--force")
    container = buildah("from", "--tls-verify=false", f"{repository}:oci")
    assert json.loads(buildah("inspect", container))["OCIv1"]["config"]["Labels"]["who"] == "buildah"
    buildah("rm", container)
    assert tags(ecr, repository) == ["docker", "oci"]
    shutil.rmtree(tmp_path / "root", ignore_errors=True)


def test_oras_pushes_pulls_lists_and_deletes_artifacts(api, ecr, secret, repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.txt").write_text(MARKER)
    (tmp_path / "big.bin").write_bytes(os.urandom(3_000_000))
    client = OrasClient(hostname=api.registry, insecure=True, auth_backend="basic")
    client.login(username="AWS", password=secret, hostname=api.registry, config_path=str(tmp_path / "config.json"))
    client.push(target=f"{repository}:v1", files=["report.txt:text/plain"], manifest_annotations={"by": "oras"})
    client.push(target=f"{repository}:chunked", files=["big.bin"], do_chunked=True, chunk_size=1 << 20)
    assert sorted(client.get_tags(repository)) == ["chunked", "v1"]
    client.pull(target=f"{repository}:v1", outdir=str(tmp_path / "out"))
    client.pull(target=f"{repository}:chunked", outdir=str(tmp_path / "out"))
    assert (tmp_path / "out" / "report.txt").read_text() == MARKER
    assert (tmp_path / "out" / "big.bin").read_bytes() == (tmp_path / "big.bin").read_bytes()
    manifest = client.get_manifest(f"{repository}:v1")
    assert manifest["annotations"] == {"by": "oras"}
    client.delete_tags(repository, ["chunked"])
    assert tags(ecr, repository) == ["v1"]


def test_an_artifact_refers_to_what_docker_pushed(api, ecr, secret, skopeo, layout, repository):
    skopeo("copy", f"oci:{layout}:latest", f"docker://{repository}:v1")
    plain = Repository(api.registry, name_of(repository), secret)
    manifest = plain.on("GET", "manifests/v1", 200)
    subject = {"mediaType": manifest.headers["Content-Type"], "digest": manifest.headers["Docker-Content-Digest"],
               "size": len(manifest.content)}
    digest = plain.artifact("application/vnd.example.sbom", subject)
    [listed] = ecr.list_image_referrers(repositoryName=name_of(repository), subjectId={"imageDigest": subject["digest"]})["referrers"]
    assert listed["digest"] == digest and listed["artifactType"] == "application/vnd.example.sbom"


def test_what_is_pulled_is_what_was_pushed(skopeo, layout, repository, tmp_path):
    skopeo("copy", "--preserve-digests", f"oci:{layout}:latest", f"docker://{repository}:v1")
    skopeo("copy", "--preserve-digests", f"docker://{repository}:v1", f"oci:{tmp_path}/back:latest")
    blobs = {path.name for path in (layout / "blobs" / "sha256").iterdir()}
    assert {path.name for path in (tmp_path / "back" / "blobs" / "sha256").iterdir()} <= blobs
    config = json.loads((tmp_path / "back" / "index.json").read_text())["manifests"][0]["digest"].partition(":")[2]
    [layer] = json.loads((tmp_path / "back" / "blobs" / "sha256" / config).read_text())["layers"]
    with tarfile.open(tmp_path / "back" / "blobs" / "sha256" / layer["digest"].partition(":")[2]) as tar:
        assert tar.extractfile("etc/marker").read().decode() == MARKER


def test_containerd_pulls_and_pushes(own_longshore, tmp_path):
    """`ctr` over a containerd that is there anyway, in a namespace of its own."""
    ecr = own_longshore.client("ecr")
    for name in ("box", "copy"):
        ecr.create_repository(repositoryName=name)
    image = push(own_longshore, busybox_layout(tmp_path / "layout"), "box")
    copy = f"{own_longshore.registry}/copy:v1"
    login = ["--plain-http", "--user", f"AWS:{password(own_longshore)}"]
    def ctr(*argv, **options):
        return run(["ctr", "--address", containerd_socket(own_longshore), "--namespace", "client", *argv], **options)
    ctr("images", "pull", *login, image)
    ctr("images", "tag", image, copy)
    for _ in range(2):
        ctr("images", "push", *login, copy)
    ctr("images", "rm", "--sync", image, copy)
    ctr("images", "pull", *login, copy)
    assert copy in ctr("images", "list", "-q").split()
    assert ctr("images", "pull", "--plain-http", "--user", "AWS:wrong", copy, check=False).returncode != 0
    [box], [pushed] = (ecr.describe_images(repositoryName=name)["imageDetails"] for name in ("box", "copy"))
    assert pushed["imageTags"] == ["v1"] and pushed["imageDigest"] == box["imageDigest"]
    ctr("images", "rm", "--sync", copy)

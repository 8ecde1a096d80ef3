"""The distribution specification 1.1, behaviour by behaviour, over plain HTTP requests."""

import os
import uuid

import pytest
import requests

from support.oci import (DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST,
                         Repository, descriptor, digest_of, encode, password)

ALGORITHMS = ("sha256", "sha512")
MISSING = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def secret(api):
    return password(api)


@pytest.fixture(scope="module")
def ecr(api):
    return api.client("ecr")


@pytest.fixture
def make(api, ecr, secret):
    def make():
        name = f"oci/{uuid.uuid4().hex}"
        ecr.create_repository(repositoryName=name)
        return Repository(api.registry, name, secret)
    return make


@pytest.fixture
def repo(make):
    return make()


def refused(answer, status, code):
    """Every error has the body of the specification."""
    assert answer.status_code == status, answer.text
    [error] = answer.json()["errors"]
    assert error["code"] == code and error["message"]
    return error


# Who asks

def test_the_base_says_that_this_is_a_registry(repo):
    assert repo.ask("GET", "/v2/", 200).json() == {}


def test_nobody_is_let_in_without_a_token(api):
    answer = requests.get(f"{api.endpoint}/v2/", timeout=10)
    refused(answer, 401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="http://')


def test_a_wrong_token_is_denied(api):
    refused(Repository(api.registry, "oci/none", "wrong").ask("GET", "/v2/"), 403, "DENIED")


@pytest.mark.parametrize("form", ["plain", "encoded"])
def test_a_token_is_taken_as_bearer_too(api, secret, form):
    encoded = api.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    header = {"Authorization": f"Bearer {secret if form == 'plain' else encoded}"}
    assert requests.get(f"{api.endpoint}/v2/", headers=header, timeout=10).status_code == 200


# Blobs: pushing

@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_is_pushed_by_one_post(repo, algorithm):
    data = os.urandom(1000)
    digest = digest_of(data, algorithm)
    answer = repo.on("POST", f"blobs/uploads/?digest={digest}", 201, data=data)
    assert answer.headers["Docker-Content-Digest"] == digest
    assert repo.ask("GET", answer.headers["Location"], 200).content == data


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_is_pushed_by_post_and_put(repo, algorithm):
    data = os.urandom(1000)
    location = repo.begin(f"?digest-algorithm={algorithm}")
    answer = repo.finish(location, digest_of(data, algorithm), data=data)
    assert repo.ask("GET", answer.headers["Location"], 200).content == data


@pytest.mark.parametrize("last_in_put", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blob_is_pushed_in_chunks(repo, algorithm, last_in_put):
    data, location = os.urandom(2500), repo.begin()
    for start in (0, 1000) if last_in_put else (0, 1000, 2000):
        end = min(start + 1000, len(data))
        headers = {"Content-Range": f"{start}-{end - 1}", "Content-Type": "application/octet-stream"}
        answer = repo.ask("PATCH", location, 202, data=data[start:end], headers=headers)
        assert answer.headers["Range"] == f"0-{end - 1}"
        location = answer.headers["Location"]
    last = {"data": data[2000:], "headers": {"Content-Range": "2000-2499"}} if last_in_put else {}
    repo.finish(location, digest_of(data, algorithm), **last)
    assert repo.on("GET", f"blobs/{digest_of(data, algorithm)}", 200).content == data


def test_a_blob_is_streamed_without_length(repo):
    data, location = os.urandom(300_000), repo.begin()
    pieces = (data[at:at + 10_000] for at in range(0, len(data), 10_000))
    answer = repo.ask("PATCH", location, 202, data=pieces)
    repo.finish(answer.headers["Location"], digest_of(data))
    assert repo.on("GET", f"blobs/{digest_of(data)}", 200).content == data


def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(repo):
    data, location = os.urandom(2000), repo.begin()
    answer = repo.ask("PATCH", location, 416, data=data[1000:], headers={"Content-Range": "1000-1999"})
    assert answer.headers["Range"] == "0-0"
    repo.ask("PATCH", location, 202, data=data[:1000], headers={"Content-Range": "0-999"})
    repo.ask("PATCH", location, 416, data=data[:1000], headers={"Content-Range": "0-999"})
    location = repo.ask("GET", location, 204).headers["Location"]
    repo.ask("PATCH", location, 202, data=data[1000:], headers={"Content-Range": "1000-1999"})
    repo.finish(location, digest_of(data))


def test_a_last_chunk_out_of_order_is_refused_in_put_too(repo):
    data, location = os.urandom(2000), repo.begin()
    repo.ask("PATCH", location, 202, data=data[:1000], headers={"Content-Range": "0-999"})
    repo.finish(location, digest_of(data), 416, data=data[1000:], headers={"Content-Range": "1500-2499"})
    repo.finish(location, digest_of(data), 201, data=data[1000:], headers={"Content-Range": "1000-1999"})


def test_a_chunk_must_be_as_long_as_its_range(repo):
    location = repo.begin()
    refused(repo.ask("PATCH", location, data=b"12345", headers={"Content-Range": "0-9"}), 400, "SIZE_INVALID")
    refused(repo.ask("PATCH", location, data=b"12345", headers={"Content-Range": "some"}), 400, "BLOB_UPLOAD_INVALID")


def test_an_upload_says_where_it_stands_and_is_resumed(repo):
    data, location = os.urandom(3000), repo.begin()
    assert repo.ask("GET", location, 204).headers["Range"] == "0-0"
    repo.ask("PATCH", location, 202, data=data[:1234])
    answer = repo.ask("GET", location, 204)
    assert answer.headers["Range"] == "0-1233"
    repo.finish(answer.headers["Location"], digest_of(data), data=data[1234:])


def test_a_broken_connection_keeps_what_arrived(repo):
    data, location = os.urandom(1 << 20), repo.begin()

    def half():
        yield data[:1 << 19]
        raise ConnectionAbortedError
    with pytest.raises((ConnectionAbortedError, requests.ConnectionError)):
        repo.ask("PATCH", location, data=half())
    arrived = int(repo.ask("GET", location, 204).headers["Range"].split("-")[1])
    arrived = arrived + 1 if arrived else 0
    repo.finish(location, digest_of(data), data=data[arrived:])


def test_an_upload_is_cancelled(repo):
    location = repo.begin()
    repo.ask("PATCH", location, 202, data=b"abc")
    repo.ask("DELETE", location, 204)
    refused(repo.ask("GET", location), 404, "BLOB_UPLOAD_UNKNOWN")
    refused(repo.ask("DELETE", location), 404, "BLOB_UPLOAD_UNKNOWN")
    refused(repo.finish(location, digest_of(b"abc"), None), 404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_belongs_to_its_repository(repo, make):
    other = make()
    location = repo.begin().replace(repo.name, other.name)
    refused(other.ask("PATCH", location, data=b"abc"), 404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_digest_is_refused_and_nothing_is_visible(repo, algorithm):
    wrong = digest_of(b"something else", algorithm)
    refused(repo.on("POST", f"blobs/uploads/?digest={wrong}", data=b"data"), 400, "DIGEST_INVALID")
    refused(repo.finish(repo.begin(), wrong, None, data=b"data"), 400, "DIGEST_INVALID")
    refused(repo.on("GET", f"blobs/{wrong}"), 404, "BLOB_UNKNOWN")
    refused(repo.finish(repo.begin(), "sha256:12", None, data=b"data"), 400, "DIGEST_INVALID")
    refused(repo.finish(repo.begin(), digest_of(b"data", "sha1"), None, data=b"data"), 400, "DIGEST_INVALID")
    refused(repo.on("POST", "blobs/uploads/?digest-algorithm=md5"), 400, "DIGEST_INVALID")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", [b"", b"{}"])
def test_the_smallest_blobs_are_blobs(repo, data, algorithm):
    digest = repo.blob(data, algorithm)
    assert repo.on("HEAD", f"blobs/{digest}", 200).headers["Content-Length"] == str(len(data))
    assert repo.on("GET", f"blobs/{digest}", 200).content == data


# Blobs: mounting

def test_a_blob_is_mounted_from_another_repository(repo, make):
    other, data = make(), os.urandom(100)
    digest = other.blob(data)
    answer = repo.on("POST", f"blobs/uploads/?mount={digest}&from={other.name}", 201)
    assert answer.headers["Docker-Content-Digest"] == digest
    assert repo.ask("GET", answer.headers["Location"], 200).content == data


def test_a_mount_without_source_finds_the_blob(repo, make):
    digest = make().blob(os.urandom(100))
    repo.on("POST", f"blobs/uploads/?mount={digest}", 201)
    repo.on("HEAD", f"blobs/{digest}", 200)


@pytest.mark.parametrize("source", ["oci/missing", "", "No/Name"])
def test_what_cannot_be_mounted_is_uploaded(repo, source):
    data = os.urandom(100)
    answer = repo.on("POST", f"blobs/uploads/?mount={digest_of(data)}&from={source}", 202)
    repo.finish(answer.headers["Location"], digest_of(data), data=data)


# Blobs: pulling and deleting

@pytest.mark.parametrize("wanted, status, part", [
    ("bytes=500-1499", 206, slice(500, 1500)), ("bytes=500-", 206, slice(500, None)), ("bytes=-500", 206, slice(-500, None)),
    ("bytes=2000-5000", 206, slice(2000, None)), ("bytes=0-0", 206, slice(0, 1)), ("bytes=500-0", 416, None),
    ("bytes=5000-10000", 416, None), ("bytes=0-1,5-6", 200, slice(None)), ("lines=1-2", 200, slice(None))])
def test_a_part_of_a_blob_is_pulled(repo, wanted, status, part):
    data = bytes(range(256)) * 8
    digest = repo.blob(data)
    answer = repo.on("GET", f"blobs/{digest}", status, headers={"Range": wanted})
    if part is None:
        assert answer.headers["Content-Range"] == "bytes */2048"
        return
    assert answer.content == data[part] and answer.headers["Content-Length"] == str(len(data[part]))
    if status == 206:
        start, end, _ = part.indices(len(data))
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/2048"


def test_head_shows_what_get_would(repo):
    digest = repo.blob(b"some content")
    head = repo.on("HEAD", f"blobs/{digest}", 200)
    assert (head.headers["Content-Length"], head.headers["Docker-Content-Digest"], head.content) == ("12", digest, b"")
    assert repo.on("HEAD", f"blobs/{MISSING}", 404).content == b""
    refused(repo.on("GET", f"blobs/{MISSING}"), 404, "BLOB_UNKNOWN")
    refused(repo.on("GET", "blobs/sha256:12"), 400, "DIGEST_INVALID")


def test_a_blob_is_deleted_from_one_repository(repo, make):
    other, data = make(), os.urandom(10)
    digest = repo.blob(data)
    other.blob(data)
    repo.on("DELETE", f"blobs/{digest}", 202)
    repo.on("HEAD", f"blobs/{digest}", 404)
    refused(repo.on("DELETE", f"blobs/{digest}"), 404, "BLOB_UNKNOWN")
    assert other.on("GET", f"blobs/{digest}", 200).content == data


def test_a_blob_that_an_image_needs_stays(repo):
    repo.image("v1", layers=(b"needed",))
    refused(repo.on("DELETE", f"blobs/{digest_of(b'needed')}"), 405, "UNSUPPORTED")
    repo.on("HEAD", f"blobs/{digest_of(b'needed')}", 200)


# Manifests

def test_an_image_is_pushed_by_tag_and_pulled_as_it_was(repo):
    data, digest = repo.image("v1")
    for reference in ("v1", digest):
        answer = repo.on("GET", f"manifests/{reference}", 200, headers={"Accept": OCI_MANIFEST})
        assert (answer.content, answer.headers["Content-Type"]) == (data, OCI_MANIFEST)
        assert answer.headers["Docker-Content-Digest"] == digest
        head = repo.on("HEAD", f"manifests/{reference}", 200)
        assert head.headers["Content-Length"] == str(len(data)) and head.headers["Docker-Content-Digest"] == digest


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_image_is_pushed_by_digest_with_tags(repo, algorithm):
    repo.image("first")
    data = repo.on("GET", "manifests/first", 200).content + b" "
    digest = digest_of(data, algorithm)
    answer = repo.put(digest, data, query="?" + "&".join(f"tag=t{number}" for number in range(12)))
    assert answer.headers["Docker-Content-Digest"] == digest
    assert {tag.strip() for tag in answer.headers["OCI-Tag"].split(",")} == {f"t{number}" for number in range(12)}
    assert repo.on("GET", "manifests/t7", 200).headers["Docker-Content-Digest"] == digest
    refused(repo.put(digest, data, query="?tag=.bad", status=None), 400, "TAG_INVALID")
    many = "?" + "&".join(f"tag=t{number}" for number in range(65))
    refused(repo.put(digest, data, query=many, status=None), 414, "TAG_INVALID")


def test_dockers_manifests_and_lists_are_taken(repo):
    repo.blob(b"{}"), repo.blob(b"layer")
    image = encode({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
                    "config": descriptor(b"{}", "application/vnd.docker.container.image.v1+json"),
                    "layers": [descriptor(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")]})
    repo.put("docker", image, DOCKER_MANIFEST)
    listed = encode({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [
        descriptor(image, DOCKER_MANIFEST, platform={"architecture": "amd64", "os": "linux"})]})
    repo.put("list", listed, DOCKER_LIST)
    assert repo.on("GET", "manifests/list", 200).headers["Content-Type"] == DOCKER_LIST


def test_indexes_nest_and_may_be_empty(repo):
    data, _ = repo.image("child")
    inner = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    repo.put("inner", inner, OCI_INDEX)
    repo.put("outer", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(inner, OCI_INDEX)]}, OCI_INDEX)
    repo.put("empty", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}, OCI_INDEX)


def test_images_may_have_no_layers_data_fields_and_fields_of_their_own(repo):
    repo.image("none", layers=())
    repo.image("custom", **{"org.example.field": {"a": [1]}})
    repo.blob(b"{}")
    config = descriptor(b"{}", OCI_EMPTY) | {"data": "e30="}
    data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [config]})
    repo.put("data", data)
    assert repo.on("GET", "manifests/data", 200).content == data


def test_layers_from_elsewhere_need_not_be_there(repo):
    repo.blob(b"{}")
    layer = {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar", "digest": MISSING, "size": 9,
             "urls": ["https://store.example.com/x"]}
    repo.put("foreign", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(b"{}", OCI_CONFIG), "layers": [layer]})


def test_a_large_manifest_is_taken_and_a_larger_one_refused(repo):
    data, _ = repo.image("large", annotations={f"a{number}": "x" * 10_000 for number in range(390)})
    assert repo.on("GET", "manifests/large", 200).content == data
    refused(repo.put("larger", data + b" " * (4 << 20), status=None), 413, "MANIFEST_INVALID")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_manifest_that_is_not_its_digest_is_refused(repo, algorithm):
    data, _ = repo.image("v1")
    refused(repo.put(digest_of(data, algorithm), data + b"  ", status=None), 400, "DIGEST_INVALID")
    refused(repo.put("sha256:baddigeststring", data, status=None), 400, "DIGEST_INVALID")


def test_a_manifest_without_its_blobs_is_refused(repo):
    repo.blob(b"{}")
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(b"{}", OCI_CONFIG),
                "layers": [descriptor(b"absent", OCI_LAYER)]}
    error = refused(repo.put("v1", document, status=None), 404, "MANIFEST_BLOB_UNKNOWN")
    assert error["detail"]["digests"] == [digest_of(b"absent")]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(b"absent", OCI_MANIFEST)]}
    refused(repo.put("v1", index, OCI_INDEX, status=None), 404, "MANIFEST_BLOB_UNKNOWN")


@pytest.mark.parametrize("data, media_type", [
    (b"{", OCI_MANIFEST), (b"[]", OCI_MANIFEST), (b'{"schemaVersion":1}', OCI_MANIFEST),
    (b'{"schemaVersion":2,"mediaType":"text/plain"}', "text/plain"), (b'{"schemaVersion":2,"layers":[]}', OCI_MANIFEST)])
def test_what_is_no_manifest_is_refused(repo, data, media_type):
    refused(repo.put("v1", data, media_type, status=None), 400, "MANIFEST_INVALID")


def test_what_is_not_there_is_unknown(repo):
    refused(repo.on("GET", "manifests/none"), 404, "MANIFEST_UNKNOWN")
    refused(repo.on("GET", f"manifests/{MISSING}"), 404, "MANIFEST_UNKNOWN")
    refused(repo.on("GET", "manifests/.none"), 400, "TAG_INVALID")
    refused(repo.ask("GET", "/v2/oci/missing/manifests/v1"), 404, "NAME_UNKNOWN")
    refused(repo.ask("GET", "/v2/Upper/manifests/v1"), 400, "NAME_INVALID")
    refused(repo.ask("POST", "/v2/oci/missing/blobs/uploads/"), 404, "NAME_UNKNOWN")
    refused(repo.ask("PUT", f"/v2/{repo.name}/tags/list"), 405, "UNSUPPORTED")


def test_a_tag_is_deleted_and_the_image_stays(repo):
    _, digest = repo.image("v1")
    repo.on("DELETE", "manifests/v1", 202)
    refused(repo.on("GET", "manifests/v1"), 404, "MANIFEST_UNKNOWN")
    repo.on("GET", f"manifests/{digest}", 200)
    repo.on("DELETE", "manifests/v1", 404)


def test_an_image_is_deleted_with_its_tags(repo):
    _, digest = repo.image("v1")
    repo.image("v2")
    repo.on("DELETE", f"manifests/{digest}", 202)
    assert repo.tags() == ([], None)
    repo.on("HEAD", f"manifests/{digest}", 404)
    repo.on("DELETE", f"manifests/{digest}", 404)


def test_immutable_tags_stay_where_they_are(ecr, repo):
    _, digest = repo.image("v1")
    filters = [{"filterType": "WILDCARD", "filter": "dev*"}]
    ecr.put_image_tag_mutability(repositoryName=repo.name, imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                                 imageTagMutabilityExclusionFilters=filters)
    other = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    refused(repo.put("v1", other, OCI_INDEX, status=None), 400, "TAG_INVALID")
    assert repo.on("HEAD", "manifests/v1", 200).headers["Docker-Content-Digest"] == digest
    repo.put("dev1", other, OCI_INDEX)
    repo.put("dev1", repo.on("GET", "manifests/v1").content)


# Lists

def test_tags_are_listed_in_order_page_by_page(repo):
    names = sorted(["a", "B", "10", "2", "z_9", "v1.0"])
    data, digest = repo.image(None)
    repo.put(digest, data, query="?" + "&".join(f"tag={name}" for name in names))
    assert repo.tags() == (names, None)
    found, query = [], "?n=4"
    while query:
        page, link = repo.tags(query)
        found += page
        query = link and "?" + link.split("?")[1].split(">")[0]
        assert link is None or link.endswith('>; rel="next"')
    assert found == names
    assert repo.tags("?n=0") == ([], None)
    assert repo.tags("?n=2&last=B") == (names[names.index("B") + 1:][:2], repo.tags("?n=2&last=B")[1])
    assert repo.tags("?last=not-a-tag")[0] == [name for name in names if name > "not-a-tag"]
    repo.on("GET", "tags/list?n=many", 400)
    refused(repo.ask("GET", "/v2/oci/missing/tags/list"), 404, "NAME_UNKNOWN")


def test_repositories_are_listed(repo):
    names = repo.ask("GET", "/v2/_catalog", 200).json()["repositories"]
    assert repo.name in names and names == sorted(names)


# Referrers

def test_referrers_are_listed_with_type_and_annotations(repo):
    data, digest = repo.image("v1")
    subject = descriptor(data, OCI_MANIFEST)
    signature = repo.artifact("application/x-signature", subject, {"by": "me"})
    repo.artifact("application/x-sbom", subject)
    answer = repo.on("GET", f"referrers/{digest}", 200)
    assert answer.headers["Content-Type"] == OCI_INDEX and "OCI-Filters-Applied" not in answer.headers
    assert answer.json()["schemaVersion"] == 2 and len(answer.json()["manifests"]) == 2
    answer = repo.on("GET", f"referrers/{digest}?artifactType=application/x-signature", 200)
    [entry] = answer.json()["manifests"]
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert (entry["digest"], entry["artifactType"], entry["annotations"]) == (signature, "application/x-signature", {"by": "me"})


def test_an_image_about_another_is_listed_by_its_configs_type(repo):
    data, digest = repo.image("v1")
    repo.image("about", layers=(b"other",), subject=descriptor(data, OCI_MANIFEST))
    assert repo.on("GET", f"referrers/{digest}", 200).json()["manifests"][0]["artifactType"] == OCI_CONFIG


def test_a_push_says_that_its_subject_was_understood(repo):
    subject = descriptor(b"not there", OCI_MANIFEST)
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "artifactType": "a/b", "manifests": [], "subject": subject}
    assert repo.put("about", document, OCI_INDEX).headers["OCI-Subject"] == subject["digest"]
    [entry] = repo.on("GET", f"referrers/{subject['digest']}", 200).json()["manifests"]
    assert (entry["mediaType"], entry["artifactType"]) == (OCI_INDEX, "a/b")


def test_nothing_refers_to_what_is_not_there(repo):
    assert repo.on("GET", f"referrers/{MISSING}", 200).json()["manifests"] == []
    refused(repo.on("GET", "referrers/sha256:12"), 400, "DIGEST_INVALID")


def test_a_deleted_referrer_is_listed_no_more(repo):
    data, digest = repo.image("v1")
    artifact = repo.artifact("a/b", descriptor(data, OCI_MANIFEST))
    repo.on("DELETE", f"manifests/{artifact}", 202)
    assert repo.on("GET", f"referrers/{digest}", 200).json()["manifests"] == []


def test_long_annotations_of_referrers_are_listed_page_by_page(repo):
    data, digest = repo.image("v1")
    notes = {repo.artifact("a/b", descriptor(data, OCI_MANIFEST), {"n": str(n), "long": "x" * 1_500_000}) for n in range(3)}
    found, path = set(), f"/v2/{repo.name}/referrers/{digest}?artifactType=a/b"
    while path:
        answer = repo.ask("GET", path, 200)
        assert len(answer.content) < 4 << 20 and answer.headers["OCI-Filters-Applied"] == "artifactType"
        found |= {entry["digest"] for entry in answer.json()["manifests"]}
        path = "Link" in answer.headers and answer.headers["Link"].split("<")[1].split(">")[0]
    assert found == notes


def test_the_tag_fallback_of_older_clients_works(repo):
    """Clients that find no referrers API keep an index under the tag `sha256-HEX`."""
    data, digest = repo.image("v1")
    artifact = repo.artifact("a/b")
    tag = digest.replace(":", "-")
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": OCI_MANIFEST, "digest": artifact, "size": 1, "artifactType": "a/b"}]}
    repo.put(tag, index, OCI_INDEX)
    assert repo.on("GET", f"manifests/{tag}", 200).json()["manifests"][0]["digest"] == artifact

"""ECR beyond pushing and pulling: scans, copies in other regions, templates, settings, pull-through caches."""

import io
import json
import os
import tarfile
import tempfile
import uuid
from pathlib import Path

import botocore.exceptions
import pytest

from support.longshore import Longshore
from support.oci import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Repository, descriptor, encode, password
from support.peer import Peer
from support.process import wait_until

DPKG = """Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u1

Package: bash
Status: install ok installed
Version: 5.2.15-2
"""

OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'

VULNERABILITIES = {
    "debian/DSA-1.json": {
        "id": "DSA-1", "upstream": ["CVE-2024-0001"], "summary": "openssl: something bad",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "references": [{"type": "ADVISORY", "url": "https://example.com/DSA-1"}],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"},
                      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}]}]}]},
    "npm/GHSA-1.json": {
        "id": "GHSA-1", "aliases": ["CVE-2024-0002"], "summary": "left-pad", "database_specific": {"severity": "MODERATE"},
        "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"},
                      "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.3.0"}]}]}]},
    "npm/GHSA-2.json": {
        "id": "GHSA-2", "affected": [{"package": {"ecosystem": "npm", "name": "left-pad"},
                                      "ranges": [{"type": "SEMVER", "events": [{"introduced": "2.0.0"}]}]}]},
}


def layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@pytest.fixture(scope="module")
def peer():
    """The other registry: what is asked of quay.io is asked of it."""
    peer = Peer().start()
    yield peer
    peer.remove()


@pytest.fixture(scope="module")
def cloud(peer):
    with tempfile.TemporaryDirectory() as directory:
        for name, document in VULNERABILITIES.items():
            path = Path(directory) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(document))
        mirror = f"quay.io=http://{peer.registry}"
        longshore = Longshore(node=False, options=["--vulnerability-db", directory, "--registry-mirror", mirror]).start()
        yield longshore
        longshore.remove()


@pytest.fixture(scope="module")
def ecr(cloud):
    return cloud.client("ecr")


@pytest.fixture(scope="module")
def secret(cloud):
    return password(cloud)


@pytest.fixture
def repo(cloud, ecr, secret):
    name = f"team/{uuid.uuid4().hex}"
    ecr.create_repository(repositoryName=name)
    return Repository(cloud.registry, name, secret)


def code(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


# Scans

def scanned(ecr, repo, reference="v1"):
    def ended():
        findings = ecr.describe_image_scan_findings(repositoryName=repo.name, imageId={"imageTag": reference})
        return findings if findings["imageScanStatus"]["status"] != "IN_PROGRESS" else None
    return wait_until("the scan ends", ended, 60)


def test_a_scan_finds_known_vulnerabilities_of_packages_and_lock_files(ecr, repo):
    base = layer({"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": DPKG, "srv/package-lock.json": json.dumps(
        {"packages": {"node_modules/left-pad": {"version": "1.2.0"}}})})
    gone = layer({"srv/.wh.none": ""})
    repo.image("v1", layers=(base, gone))
    started = ecr.start_image_scan(repositoryName=repo.name, imageId={"imageTag": "v1"})
    assert started["imageScanStatus"]["status"] == "IN_PROGRESS"
    ecr.get_waiter("image_scan_complete").wait(
        repositoryName=repo.name, imageId={"imageTag": "v1"}, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    described = scanned(ecr, repo)
    assert described["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 1, "MEDIUM": 1}
    worst, other = described["imageScanFindings"]["findings"]
    assert (worst["name"], worst["severity"], worst["uri"]) == ("CVE-2024-0001", "CRITICAL", "https://example.com/DSA-1")
    attributes = {attribute["key"]: attribute["value"] for attribute in worst["attributes"]}
    assert attributes["package_name"] == "libssl3" and attributes["fixed_in_version"] == "3.0.11-1~deb12u2"
    assert other["name"] == "CVE-2024-0002"
    page = ecr.describe_image_scan_findings(repositoryName=repo.name, imageId={"imageTag": "v1"}, maxResults=1)
    assert page["imageScanFindings"]["findings"] == [worst] and page["nextToken"]
    [detail] = ecr.describe_images(repositoryName=repo.name)["imageDetails"]
    assert detail["imageScanStatus"]["status"] == "COMPLETE"
    assert detail["imageScanFindingsSummary"]["findingSeverityCounts"]["CRITICAL"] == 1


def test_a_scan_leaves_a_bill_of_materials(ecr, repo):
    repo.image("v1", layers=(layer({"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": DPKG}),))
    ecr.start_image_scan(repositoryName=repo.name, imageId={"imageTag": "v1"})
    digest = scanned(ecr, repo)["imageScanStatus"]["description"].rstrip(".").split()[-1]
    bill = repo.on("GET", f"blobs/{digest}", 200).json()
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.5"
    assert "pkg:deb/debian/bash@5.2.15-2" in [component.get("purl") for component in bill["components"]]


def test_pushes_are_scanned_where_the_registry_says_so(ecr, repo):
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[
        {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": repo.name, "filterType": "WILDCARD"}]}])
    configured = ecr.batch_get_repository_scanning_configuration(repositoryNames=[repo.name, "team/none"])
    assert configured["scanningConfigurations"][0]["scanFrequency"] == "SCAN_ON_PUSH"
    assert configured["failures"][0]["failureCode"] == "REPOSITORY_NOT_FOUND"
    repo.image("v1", layers=(layer({"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": DPKG}),))
    assert scanned(ecr, repo)["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 1}
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}


def test_what_cannot_be_scanned_says_so(ecr, repo):
    repo.image("v1", layers=(b"no archive",))
    ecr.start_image_scan(repositoryName=repo.name, imageId={"imageTag": "v1"})
    assert scanned(ecr, repo)["imageScanStatus"]["status"] == "FAILED"
    repo.image("v2", layers=(layer({"hello": "x"}),))
    ecr.start_image_scan(repositoryName=repo.name, imageId={"imageTag": "v2"})
    assert scanned(ecr, repo, "v2")["imageScanStatus"]["status"] == "UNSUPPORTED_IMAGE"
    repo.put("index", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}, OCI_INDEX)
    image = {"imageTag": "index"}
    assert code(ecr.start_image_scan, repositoryName=repo.name, imageId=image) == "UnsupportedImageTypeException"
    assert code(ecr.describe_image_scan_findings, repositoryName=repo.name, imageId=image) == "ScanNotFoundException"


# Templates and settings

def test_a_push_makes_its_repository_where_a_template_says_so(cloud, ecr, secret):
    lifecycle = json.dumps({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}}]})
    ecr.create_repository_creation_template(prefix="made", appliedFor=["CREATE_ON_PUSH"], lifecyclePolicy=lifecycle,
                                            description="by pushing")
    repo = Repository(cloud.registry, "made/by-push", secret)
    repo.image("v1")
    assert ecr.get_lifecycle_policy(repositoryName="made/by-push")["lifecyclePolicyText"] == lifecycle
    Repository(cloud.registry, "maderight/not", secret).on("POST", "blobs/uploads/", 404)
    ecr.update_repository_creation_template(prefix="made", appliedFor=["REPLICATION"])
    Repository(cloud.registry, "made/no-more", secret).on("POST", "blobs/uploads/", 404)
    assert ecr.delete_repository_creation_template(prefix="made")["repositoryCreationTemplate"]["description"] == "by pushing"


def test_mounting_is_switched_off(ecr, repo, cloud, secret):
    assert ecr.get_account_setting(name="BLOB_MOUNTING")["value"] == "ENABLED"
    digest = repo.blob(os.urandom(10))
    ecr.create_repository(repositoryName="team/mounts")
    other = Repository(cloud.registry, "team/mounts", secret)
    ecr.put_account_setting(name="BLOB_MOUNTING", value="DISABLED")
    other.on("POST", f"blobs/uploads/?mount={digest}&from={repo.name}", 202)
    ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    other.on("POST", f"blobs/uploads/?mount={digest}&from={repo.name}", 201)


def test_pulls_of_an_excluded_principal_are_not_recorded(cloud, ecr, repo):
    repo.image("v1")
    pulled = lambda: ecr.describe_images(repositoryName=repo.name)["imageDetails"][0].get("lastRecordedPullTime")
    assert pulled() is None
    repo.on("GET", "manifests/v1", 200)
    assert pulled() is not None
    arn = f"arn:aws:iam::{cloud.account}:user/scanner"
    ecr.register_pull_time_update_exclusion(principalArn=arn)
    assert ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == [arn]
    assert code(ecr.register_pull_time_update_exclusion, principalArn=arn) == "ExclusionAlreadyExistsException"
    ecr.deregister_pull_time_update_exclusion(principalArn=arn)
    assert ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == []


def test_lifecycle_policies_are_previewed(ecr, repo):
    for number in range(4):
        repo.image(f"v{number}", layers=(os.urandom(10),))
    text = json.dumps({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
        "tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": 3}}]})
    ecr.start_lifecycle_policy_preview(repositoryName=repo.name, lifecyclePolicyText=text)
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=repo.name)
    preview = ecr.get_lifecycle_policy_preview(repositoryName=repo.name)
    assert [result["imageTags"] for result in preview["previewResults"]] == [["v0"]]
    assert preview["summary"]["expiringImageTotalCount"] == 1


def test_keys_of_kms_are_refused(ecr):
    encryption = {"encryptionType": "KMS"}
    assert code(ecr.create_repository, repositoryName="kms", encryptionConfiguration=encryption) == "KmsException"


def test_many_images_are_listed_and_deleted_page_by_page(ecr, repo):
    config, images = repo.blob(b"{}"), []
    for number in range(120):
        data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(b"{}", OCI_CONFIG), "layers": [],
                       "annotations": {"n": str(number)}})
        repo.put(f"t{number}", data)
        images.append({"imageTag": f"t{number}"})
    listed = [i for page in ecr.get_paginator("list_images").paginate(repositoryName=repo.name, PaginationConfig={"PageSize": 50})
              for i in page["imageIds"]]
    assert len(listed) == 120 and config
    for start in (0, 100):
        answer = ecr.batch_delete_image(repositoryName=repo.name, imageIds=images[start:start + 100])
        assert not answer["failures"]
    assert ecr.list_images(repositoryName=repo.name)["imageIds"] == []
    assert repo.on("GET", "tags/list", 200).json()["tags"] == [] and OCI_LAYER


# Pull-through caches

@pytest.fixture(scope="module")
def upstream(peer):
    return Repository(peer.registry, "coreos/etcd")


def test_images_are_pulled_through_from_another_registry(cloud, ecr, secret, upstream):
    rule = ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io")
    assert (rule["upstreamRegistry"], rule["upstreamRepositoryPrefix"]) == ("quay", "ROOT")
    assert ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="quay")["isValid"]
    ecr.create_repository_creation_template(prefix="quay", appliedFor=["PULL_THROUGH_CACHE"],
                                            resourceTags=[{"Key": "from", "Value": "quay"}])
    data, digest = upstream.image("v1", layers=(os.urandom(300_000), os.urandom(10)))
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    upstream.put("all", index, OCI_INDEX)
    ours = Repository(cloud.registry, "quay/coreos/etcd", secret)
    assert ours.on("HEAD", "manifests/v1", 200).headers["Docker-Content-Digest"] == digest
    assert ours.on("GET", "manifests/v1", 200).content == data
    for layer_of in json.loads(data)["layers"]:
        assert len(ours.on("GET", f"blobs/{layer_of['digest']}", 200).content) == layer_of["size"]
    assert ours.on("GET", "manifests/all", 200).content == index
    assert ours.on("GET", f"manifests/{digest}", 200).content == data
    [made] = ecr.describe_repositories(repositoryNames=["quay/coreos/etcd"])["repositories"]
    assert ecr.list_tags_for_resource(resourceArn=made["repositoryArn"])["tags"] == [{"Key": "from", "Value": "quay"}]
    ours.on("GET", "manifests/none", 404)
    Repository(cloud.registry, "quay/coreos/none", secret).on("GET", "manifests/v1", 404)
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"][0]["ecrRepositoryPrefix"] == "quay"


def test_an_index_comes_before_its_images(cloud, ecr, secret, upstream):
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="etcd", upstreamRegistryUrl="quay.io", upstreamRepositoryPrefix="coreos")
    data, digest = upstream.image("single", layers=(os.urandom(100),))
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    upstream.put("list", index, OCI_INDEX)
    ours = Repository(cloud.registry, "etcd/etcd", secret)
    assert ours.on("GET", "manifests/list", 200).content == index
    assert [image["imageTags"] for image in ecr.describe_images(repositoryName="etcd/etcd")["imageDetails"]] == [["list"]]
    assert ours.on("GET", f"manifests/{digest}", 200).content == data
    updated = ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="etcd")
    assert updated["upstreamRepositoryPrefix"] == "coreos"
    [shown] = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["etcd"])["pullThroughCacheRules"]
    assert shown["updatedAt"] == updated["updatedAt"] > shown["createdAt"]
    assert ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="etcd")["upstreamRegistryUrl"] == "quay.io"
    assert ours.on("GET", "manifests/list", 200).content == index


def test_what_was_pulled_through_is_there_without_the_other_registry(cloud, ecr, secret, peer, upstream):
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="gone", upstreamRegistryUrl="quay.io")
    data, _ = upstream.image("kept")
    ours = Repository(cloud.registry, "gone/coreos/etcd", secret)
    ours.on("GET", "manifests/kept", 200)
    peer.stop()
    assert ours.on("GET", "manifests/kept", 200).content == data
    ours.on("GET", "manifests/other", 404)
    assert not ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="gone")["isValid"]


def test_unknown_registries_and_secrets_are_refused(ecr):
    rule = {"ecrRepositoryPrefix": "other", "upstreamRegistryUrl": "registry.example.com"}
    assert code(ecr.create_pull_through_cache_rule, **rule) == "UnsupportedUpstreamRegistryException"
    secret = "arn:aws:secretsmanager:us-east-2:123456789012:secret:ecr-pullthroughcache/x"
    rule = {"ecrRepositoryPrefix": "other", "upstreamRegistryUrl": "ghcr.io", "credentialArn": secret}
    assert code(ecr.create_pull_through_cache_rule, **rule) == "SecretNotFoundException"

"""Copies of images: in other regions, in the registry of another Longshore, of what is there already; deletes; the archive."""

import json
import os
import uuid

import botocore.exceptions
import pytest
import requests

from support.longshore import Longshore
from support.oci import OCI_INDEX, OCI_MANIFEST, Repository, descriptor, encode, password
from support.process import wait_until

OTHER = "222222222222"


@pytest.fixture(scope="module")
def other():
    """The Longshore of another account."""
    longshore = Longshore(node=False, account=OTHER).start()
    yield longshore
    longshore.remove()


@pytest.fixture(scope="module")
def cloud(other, tmp_path_factory):
    key = tmp_path_factory.mktemp("peer") / "key"
    user = other.client("iam").create_user(UserName="pusher")["User"]["UserName"]
    other.client("iam").attach_user_policy(
        UserName=user, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess")
    made = other.client("iam").create_access_key(UserName=user)["AccessKey"]
    key.write_text(f"aws_access_key_id = {made['AccessKeyId']}\naws_secret_access_key = {made['SecretAccessKey']}\n")
    longshore = Longshore(node=False, options=[
        "--registry-peer", f"{OTHER}={other.endpoint}", "--registry-peer-key-file", f"{OTHER}={key}"]).start()
    yield longshore
    longshore.remove()


@pytest.fixture(scope="module")
def ecr(cloud):
    return cloud.client("ecr")


@pytest.fixture
def repo(cloud, ecr):
    name = f"team/{uuid.uuid4().hex}"
    ecr.create_repository(repositoryName=name)
    yield Repository(cloud.registry, name, password(cloud))
    ecr.put_replication_configuration(replicationConfiguration={"rules": []})


def code(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


def replicate(ecr, repo, *destinations, **more):
    rule = {"destinations": [{"region": region, "registryId": account} for account, region in destinations],
            "repositoryFilters": [{"filter": repo.name, "filterType": "PREFIX_MATCH"}], **more}
    ecr.put_replication_configuration(replicationConfiguration={"rules": [rule]})
    assert ecr.describe_registry()["replicationConfiguration"]["rules"] == [rule]


def copied(ecr, repo, tag, count=1):
    def complete():
        status = ecr.describe_image_replication_status(repositoryName=repo.name, imageId={"imageTag": tag})
        return [copy["status"] for copy in status["replicationStatuses"]] == ["COMPLETE"] * count
    wait_until("the copy is there", complete, 60)


def tags(client, repo):
    pages = client.get_paginator("list_images").paginate(repositoryName=repo.name)
    return sorted(image["imageTag"] for page in pages for image in page["imageIds"] if "imageTag" in image)


def test_images_are_copied_to_other_regions(cloud, ecr, repo):
    other = cloud.client("ecr", "eu-west-1")
    replicate(ecr, repo, (cloud.account, "eu-west-1"))
    other.create_repository_creation_template(prefix="team", appliedFor=["REPLICATION"], imageTagMutability="IMMUTABLE",
                                              resourceTags=[{"Key": "made", "Value": "by template"}])
    data, digest = repo.image("v1", layers=(os.urandom(1000),))
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    repo.put("all", index, OCI_INDEX)
    copied(ecr, repo, "all")
    assert tags(other, repo) == ["all", "v1"]
    [made] = other.describe_repositories(repositoryNames=[repo.name])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    there = Repository(cloud.registry, repo.name, password(cloud, "eu-west-1"))
    assert there.on("GET", f"manifests/{digest}", 200).content == data
    assert there.on("GET", f"blobs/{json.loads(data)['layers'][0]['digest']}", 200).content
    other.delete_repository_creation_template(prefix="team")


def test_images_are_copied_to_another_longshore(cloud, other, ecr, repo):
    replicate(ecr, repo, (OTHER, "us-east-2"), (OTHER, "eu-west-1"))
    layers = (os.urandom(3_000_000), b"", os.urandom(10))
    data, digest = repo.image("v1", layers=layers)
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    repo.put("all", index, OCI_INDEX)
    copied(ecr, repo, "all", 2)
    copied(ecr, repo, "v1", 2)
    status = ecr.describe_image_replication_status(repositoryName=repo.name, imageId={"imageTag": "v1"})
    assert {(copy["registryId"], copy["region"]) for copy in status["replicationStatuses"]} == {
        (OTHER, "us-east-2"), (OTHER, "eu-west-1")}
    for region in ("us-east-2", "eu-west-1"):
        assert tags(other.client("ecr", region), repo) == ["all", "v1"]
        there = Repository(other.registry, repo.name, password(other, region))
        assert there.on("GET", "manifests/v1", 200).content == data
        for layer, sent in zip(json.loads(data)["layers"], layers):
            assert there.on("GET", f"blobs/{layer['digest']}", 200).content == sent


def test_a_longshore_that_is_down_gets_its_copies_later(cloud, other, ecr, repo):
    replicate(ecr, repo, (OTHER, "us-east-2"))
    other.kill()
    repo.image("v1", layers=(os.urandom(1000),))
    cloud_log = lambda: "was not replicated" in cloud.log()
    wait_until("a copy was tried in vain", cloud_log, 60)
    status = ecr.describe_image_replication_status(repositoryName=repo.name, imageId={"imageTag": "v1"})
    assert [copy["status"] for copy in status["replicationStatuses"]] == ["IN_PROGRESS"]
    other.start()
    copied(ecr, repo, "v1")
    assert tags(other.client("ecr"), repo) == ["v1"]


@pytest.mark.parametrize("where", ["region", "longshore"])
def test_deletes_follow_where_a_rule_says_so(cloud, other, ecr, repo, where):
    account, region = (cloud.account, "eu-west-1") if where == "region" else (OTHER, "us-east-2")
    there = cloud.client("ecr", "eu-west-1") if where == "region" else other.client("ecr")
    replicate(ecr, repo, (account, region), deleteReplication={"enabled": True})
    for tag in ("a", "b", "c"):
        repo.image(tag, layers=(os.urandom(100),))
        copied(ecr, repo, tag)
    ecr.batch_delete_image(repositoryName=repo.name, imageIds=[{"imageTag": "a"}])
    digest = ecr.batch_get_image(repositoryName=repo.name, imageIds=[{"imageTag": "b"}])["images"][0]["imageId"]["imageDigest"]
    ecr.batch_delete_image(repositoryName=repo.name, imageIds=[{"imageDigest": digest}])
    wait_until("the deletes arrive", lambda: tags(there, repo) == ["c"], 60)
    replicate(ecr, repo, (account, region))
    ecr.batch_delete_image(repositoryName=repo.name, imageIds=[{"imageTag": "c"}])
    repo.image("d", layers=(os.urandom(100),))
    copied(ecr, repo, "d")
    assert tags(there, repo) == ["c", "d"]


def test_replication_is_described_and_what_it_cannot_do_refused(cloud, ecr, repo):
    replicate(ecr, repo, (cloud.account, "eu-west-1"))
    for account, region in (("999999999999", "eu-west-1"), (cloud.account, cloud.region)):
        wrong = {"destinations": [{"region": region, "registryId": account}]}
        refused = code(ecr.put_replication_configuration, replicationConfiguration={"rules": [wrong]})
        assert refused == "InvalidParameterException"


# Backfills

def test_a_backfill_copies_what_was_there_before(cloud, ecr, repo):
    data, _ = repo.image("old", layers=(os.urandom(100),))
    repo.put("older", data)
    repo.image(None, layers=(os.urandom(100),))
    destination = {"registryId": cloud.account, "region": "eu-west-1"}
    assert code(ecr.start_replication_backfill, destination=destination) == "InvalidParameterException"
    replicate(ecr, repo, (cloud.account, "eu-west-1"))
    begun = ecr.start_replication_backfill(destination=destination)
    assert begun["status"] == "PREPARING" and begun["destination"] == destination
    wanted = {"replicationBackfillId": begun["replicationBackfillId"]}
    ended = wait_until("the backfill ends", lambda: (
        lambda seen: seen if seen["status"] == "COMPLETE" else None)(ecr.describe_replication_backfill_results(**wanted)), 60)
    assert ended["progress"] == {
        "totalReplicationCount": 3, "completedReplicationCount": 3, "failedReplicationCount": 0, "failureCodes": []}
    assert sorted(result["imageId"].get("imageTag", "") for result in ended["results"]) == ["", "old", "older"]
    page = ecr.describe_replication_backfill_results(**wanted, maxResults=2)
    rest = ecr.describe_replication_backfill_results(**wanted, nextToken=page["nextToken"])
    assert page["results"] + rest["results"] == ended["results"]
    assert not ecr.describe_replication_backfill_results(**wanted, resultStatusFilter="FAILED")["results"]
    assert tags(cloud.client("ecr", "eu-west-1"), repo) == ["old", "older"]
    listed = ecr.list_replication_backfills()["backfills"]
    assert listed[0]["replicationBackfillId"] == wanted["replicationBackfillId"] and listed[0]["status"] == "COMPLETE"
    assert code(ecr.stop_replication_backfill, **wanted) == "ReplicationBackfillInvalidStatusException"


# The archive

def test_an_archived_image_is_shown_but_not_pulled(cloud, ecr, repo):
    data, digest = repo.image("v1", layers=(os.urandom(100),))
    image = {"repositoryName": repo.name, "imageId": {"imageTag": "v1"}}
    assert ecr.update_image_storage_class(**image, targetStorageClass="ARCHIVE")["imageStatus"] == "ARCHIVED"
    repo.on("GET", "manifests/v1", 404)
    repo.on("HEAD", f"manifests/{digest}", 404)
    [failure] = ecr.batch_get_image(repositoryName=repo.name, imageIds=[{"imageTag": "v1"}])["failures"]
    assert failure["failureCode"] == "ImageInaccessible"
    assert ecr.describe_images(repositoryName=repo.name)["imageDetails"] == []
    [shown] = ecr.describe_images(repositoryName=repo.name, filter={"imageStatus": "ARCHIVED"})["imageDetails"]
    assert shown["imageStatus"] == "ARCHIVED" and shown["lastArchivedAt"]
    assert ecr.list_images(repositoryName=repo.name, filter={"imageStatus": "ANY"})["imageIds"]
    assert code(ecr.start_image_scan, **image) == "ImageArchivedException"
    assert ecr.update_image_storage_class(**image, targetStorageClass="STANDARD")["imageStatus"] == "ACTIVE"
    assert repo.on("GET", "manifests/v1", 200).content == data
    ecr.update_image_storage_class(**image, targetStorageClass="ARCHIVE")
    repo.put("v1", data)
    assert repo.on("GET", "manifests/v1", 200).content == data


def test_what_an_index_lists_is_not_archived_before_it(cloud, ecr, repo):
    data, digest = repo.image("v1", layers=(os.urandom(100),))
    index = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(data, OCI_MANIFEST)]})
    repo.put("all", index, OCI_INDEX)
    archive = {"repositoryName": repo.name, "targetStorageClass": "ARCHIVE"}
    refused = code(ecr.update_image_storage_class, **archive, imageId={"imageDigest": digest})
    assert refused == "ImageStorageClassUpdateNotSupportedException"
    ecr.update_image_storage_class(**archive, imageId={"imageTag": "all"})
    ecr.update_image_storage_class(**archive, imageId={"imageDigest": digest})


def test_a_lifecycle_policy_archives(cloud, ecr, repo):
    for tag in ("one", "two"):
        repo.image(tag, layers=(os.urandom(100),))
    policy = json.dumps({"rules": [{
        "rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
        "action": {"type": "transition", "targetStorageClass": "archive"}}]})
    ecr.start_lifecycle_policy_preview(repositoryName=repo.name, lifecyclePolicyText=policy)
    seen = ecr.get_lifecycle_policy_preview(repositoryName=repo.name)
    [result] = seen["previewResults"]
    assert result["imageTags"] == ["one"] and result["storageClass"] == "STANDARD"
    assert result["action"] == {"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}
    assert seen["summary"]["transitioningImageTotalCounts"] == [{"targetStorageClass": "ARCHIVE", "imageTotalCount": 1}]
    assert seen["summary"]["expiringImageTotalCount"] == 0

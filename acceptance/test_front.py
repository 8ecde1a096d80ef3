"""The front door as clients meet it: every protocol, and every way to be refused before a room is reached."""

import datetime
import gzip
import json
import os
import stat
import subprocess
import xml.etree.ElementTree as ET

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest
import requests

from support.longshore import Longshore, binary
from support.process import wait_until

ECS = "AmazonEC2ContainerServiceV20141113"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def signed(api, service, method="POST", path="/", body=b"", headers=None, key=None, secret=None, token=None,
           region=None, at=None, sign_body=None):
    """Sends a request that botocore signed; `at` moves the signature's time, `sign_body` signs another body."""
    own_key, own_secret = api.credentials()
    credentials = botocore.credentials.Credentials(key or own_key, secret or own_secret, token)
    request = botocore.awsrequest.AWSRequest(method, api.endpoint + path, data=body if sign_body is None else sign_body,
                                             headers=headers or {})
    signer = botocore.auth.SigV4Auth(credentials, service, region or api.region)
    if at:
        real = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *_: datetime.datetime.utcnow() + at
        try:
            signer.add_auth(request)
        finally:
            botocore.auth.get_current_datetime = real
    else:
        signer.add_auth(request)
    return requests.request(method, api.endpoint + path, data=body, headers=dict(request.headers), timeout=30)


def json_call(api, operation="ListClusters", body=b"{}", target=ECS, headers=None, **options):
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{target}.{operation}"} | (headers or {})
    return signed(api, "ecs", body=body, headers=headers, **options)


def query_call(api, body="Action=GetCallerIdentity&Version=2011-06-15", service="sts", **options):
    headers = {"content-type": FORM} | options.pop("headers", {})
    return signed(api, service, body=body.encode() if isinstance(body, str) else body, headers=headers, **options)


def refused_json(answer, status, name, text=""):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    said = answer.json()
    assert said["__type"] == name, said
    message = said.get("message", said.get("Message", ""))
    assert text in message, said


def refused_xml(answer, status, code, text=""):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.content)
    found = {element.tag.split("}")[-1]: element.text for element in root.iter()}
    assert found["Code"] == code, answer.text
    assert text in found["Message"], answer.text
    assert answer.headers["x-amzn-requestid"] == found.get("RequestId", found.get("RequestID"))


def test_health_needs_no_signature(api):
    answer = requests.get(f"{api.endpoint}/_longshore/health", timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert requests.post(f"{api.endpoint}/_longshore/health", timeout=5).status_code == 405


def test_sts_by_boto3(api):
    sts = api.client("sts")
    me = sts.get_caller_identity()
    assert (me["Account"], me["Arn"], me["UserId"]) == (api.account, f"arn:aws:iam::{api.account}:root", api.account)
    assert len(me["ResponseMetadata"]["RequestId"]) == 36
    key, _ = api.credentials()
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == api.account
    assert sts.get_access_key_info(AccessKeyId="ASIAQNZGKIQY56JQ7WML")["Account"] == "029608264753"


def test_session_credentials_stand_for_the_caller(api):
    made = api.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    left = made["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15)
    session = boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], region_name=api.region)
    sts = session.client("sts", endpoint_url=api.endpoint)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{api.account}:root"
    assert session.client("ecs", endpoint_url=api.endpoint).list_clusters()["clusterArns"] is not None
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied.*session credentials"):
        sts.get_session_token()
    refused_xml(query_call(api, key=made["AccessKeyId"], secret=made["SecretAccessKey"]), 403, "InvalidClientTokenId")
    other = made["SessionToken"][:-8] + "AAAAAAA="
    answer = query_call(api, key=made["AccessKeyId"], secret=made["SecretAccessKey"], token=other)
    refused_xml(answer, 403, "InvalidClientTokenId")


def test_constraints_in_the_words_of_sts(api):
    refused_xml(query_call(api, "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=10"), 400, "ValidationError",
                "1 validation error detected: Value '10' at 'durationSeconds' failed to satisfy constraint: "
                "Member must have value greater than or equal to 900")


def test_json_services_name_each_refusal(api):
    refused_json(json_call(api, secret="x" * 40), 400, "InvalidSignatureException", "does not match the signature")
    refused_json(json_call(api, body=b'{"a":1}', sign_body=b"{}"), 400, "InvalidSignatureException")
    refused_json(json_call(api, key="AKIAIOSFODNN7EXAMPLE"), 400, "UnrecognizedClientException",
                 "The security token included in the request is invalid.")
    refused_json(json_call(api, at=-datetime.timedelta(minutes=6)), 400, "InvalidSignatureException", "Signature expired")
    refused_json(json_call(api, at=datetime.timedelta(minutes=6)), 400, "InvalidSignatureException",
                 "Signature not yet current")
    unsigned = requests.post(api.endpoint, data=b"{}", timeout=5, headers={
        "content-type": "application/x-amz-json-1.1", "x-amz-target": f"{ECS}.ListClusters"})
    refused_json(unsigned, 400, "MissingAuthenticationTokenException")
    half = requests.post(api.endpoint, data=b"{}", timeout=5, headers={
        "content-type": "application/x-amz-json-1.1", "x-amz-target": f"{ECS}.ListClusters",
        "authorization": "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-2/ecs/aws4_request"})
    refused_json(half, 400, "IncompleteSignatureException", "requires 'Signature' parameter.")
    assert json_call(api).json() == {"clusterArns": []}


def test_a_signature_serves_its_service_only(api):
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{ECS}.ListClusters"}
    refused_json(signed(api, "sqs", body=b"{}", headers=headers), 400, "InvalidSignatureException",
                 "Credential should be scoped to correct service: 'ecs'.")


def test_query_services_name_each_refusal(api):
    refused_xml(query_call(api, secret="x" * 40), 403, "SignatureDoesNotMatch")
    refused_xml(query_call(api, key="AKIAIOSFODNN7EXAMPLE"), 403, "InvalidClientTokenId")
    refused_xml(query_call(api, at=-datetime.timedelta(minutes=6)), 403, "SignatureDoesNotMatch", "Signature expired")
    unsigned = requests.post(api.endpoint, data="Action=GetCallerIdentity&Version=2011-06-15",
                             headers={"content-type": FORM}, timeout=5)
    refused_xml(unsigned, 403, "MissingAuthenticationToken")
    ec2 = query_call(api, "Action=DescribeVpcs&Version=2016-11-15", service="ec2", key="AKIAIOSFODNN7EXAMPLE")
    refused_xml(ec2, 401, "AuthFailure", "AWS was not able to validate the provided access credentials")


def test_unknown_operations_and_services(api):
    refused_json(json_call(api, "RunAway"), 400, "UnknownOperationException")
    refused_json(json_call(api, target="Nobody_20200101"), 400, "UnknownOperationException")
    dynamodb = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}
    assert signed(api, "dynamodb", body=b"{}", headers=dynamodb).json()["__type"] == "UnknownOperationException"
    refused_xml(query_call(api, "Action=RunAway&Version=2011-06-15"), 400, "InvalidAction",
                "Could not find operation RunAway for version 2011-06-15")
    refused_xml(query_call(api, "Action=GetCallerIdentity&Version=2010-05-08"), 400, "InvalidAction")
    refused_xml(query_call(api, "Version=2011-06-15"), 400, "MissingAction")
    refused_xml(query_call(api, "Action=ListSAMLProviders&Version=2010-05-08", service="iam", region="us-east-1"), 400,
                "InvalidAction", "does not serve ListSAMLProviders")
    refused_xml(query_call(api, "Action=DecodeAuthorizationMessage&Version=2011-06-15&EncodedMessage=x"), 400, "InvalidAction")


def test_malformed_bodies(api):
    refused_json(json_call(api, body=b"{"), 400, "SerializationException")
    refused_json(json_call(api, body=b"[]"), 400, "SerializationException")
    refused_json(json_call(api, body=b'{"maxResults":"many"}'), 400, "SerializationException")
    refused_json(json_call(api, body=b"[" * 100_000), 400, "SerializationException")
    refused_xml(query_call(api, b"Action=GetSessionToken&Version=2011-06-15&DurationSeconds=%ff"), 400,
                "MalformedQueryString")
    refused_xml(query_call(api, "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=soon"), 400, "MalformedInput")


def cbor_call(api, operation, body):
    headers = {"content-type": "application/cbor", "accept": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return signed(api, "monitoring", path=f"/service/GraniteServiceVersion20100801/operation/{operation}", body=body,
                  headers=headers)


def test_cbor_is_answered_in_cbor(api):
    for operation, body in [("RunAway", b"\xa0"), ("PutMetricData", b"\xbf\xff")]:
        answer = cbor_call(api, operation, body)
        assert answer.status_code == 400
        assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
        assert answer.headers["content-type"] == "application/cbor"
        assert b"UnknownOperationException" in answer.content


def test_gzip_bodies(api):
    packed = gzip.compress(b"{}")
    assert json_call(api, body=packed, headers={"content-encoding": "gzip"}).json() == {"clusterArns": []}
    refused_json(json_call(api, body=b"{}", headers={"content-encoding": "gzip"}), 400, "SerializationException")
    refused_json(json_call(api, body=b"{}", headers={"content-encoding": "br"}), 400, "SerializationException")
    bomb = gzip.compress(b" " * (17 << 20))
    assert len(bomb) < 1 << 20
    refused_json(json_call(api, body=bomb, headers={"content-encoding": "gzip"}), 413, "RequestEntityTooLargeException")


def test_bodies_over_the_limit(api):
    refused_json(json_call(api, body=b" " * ((16 << 20) + 1)), 413, "RequestEntityTooLargeException")
    refused_xml(query_call(api, b"A=" + b"x" * (16 << 20)), 413, "RequestEntityTooLarge")
    assert json_call(api, body=b"{}" + b" " * (1 << 20)).status_code == 200


def test_presigned_requests(api):
    sts = api.client("sts")
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    answer = requests.get(url, timeout=5)
    assert answer.status_code == 200, answer.text
    assert f"arn:aws:iam::{api.account}:root" in answer.text
    refused_xml(requests.get(url.replace("Action=GetCallerIdentity", "Action=GetSessionToken"), timeout=5), 403,
                "SignatureDoesNotMatch")
    short = sts.generate_presigned_url("get_caller_identity", ExpiresIn=1, HttpMethod="GET")
    def expired():
        return requests.get(short, timeout=5).status_code == 400
    wait_until("the presigned request expires", expired, 10)
    refused_xml(requests.get(short, timeout=5), 400, "RequestExpired")


def test_http2_with_prior_knowledge(api):
    curl = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}", "-o", "/dev/null",
                           f"{api.endpoint}/_longshore/health"], capture_output=True, text=True, timeout=10)
    assert curl.stdout == "2 200"


def test_regions_are_apart(api):
    api.client("ecs").create_cluster(clusterName="apart")
    try:
        assert api.client("ecs", region="eu-west-1").list_clusters()["clusterArns"] == []
        assert len(api.client("ecs").list_clusters()["clusterArns"]) == 1
    finally:
        api.client("ecs").delete_cluster(cluster="apart")


def test_the_profile_is_enough_for_the_command_line(api):
    assert json.loads(api.aws("sts", "get-caller-identity", "--output", "json"))["Account"] == api.account
    credentials = api.dir / "aws" / "credentials"
    assert stat.S_IMODE(os.stat(credentials).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(api.data / "keys" / "root").st_mode) == 0o600


def up(*argv, env=None):
    return subprocess.run([str(binary()), "up", *map(str, argv)], env=env, capture_output=True, text=True, timeout=30)


def test_refusals_to_start_say_what_to_do(api, tmp_path):
    env = api.environment() | {"AWS_CONFIG_FILE": str(tmp_path / "c"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "s")}
    def refused(expected, *argv, **more):
        done = up(*argv, env=env | more)
        assert done.returncode == 1, done
        assert expected in done.stderr, done.stderr
    data = ["--no-node", "--data-dir", tmp_path / "data"]
    refused("another Longshore (process", "--no-node", "--data-dir", api.data, "--listen", "127.0.0.1:0")
    refused("is taken by another program", *data, "--listen", f"127.0.0.1:{api.port}")
    refused("a TLS proxy or an SSH tunnel", *data, "--listen", "0.0.0.0:0")
    refused("12 digits", *data, "--account-id", "1")
    refused("belong together", *data, "--listen", "127.0.0.1:0", LONGSHORE_ROOT_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")
    assert not (tmp_path / "c").exists(), "a refused start writes no profile"


def test_a_root_key_of_ones_own_and_a_clean_end(tmp_path):
    key = tmp_path / "key"
    key.write_text("aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY\n")
    longshore = Longshore(node=False, options=["--root-access-key-file", str(key)]).start()
    try:
        assert longshore.credentials()[0] == "AKIAIOSFODNN7EXAMPLE"
        assert longshore.client("sts").get_caller_identity()["Account"] == longshore.account
        assert not (longshore.data / "keys" / "root").exists()
        assert longshore.process.stop(20) == 0
        assert "Longshore" in longshore.process.tail()
    finally:
        longshore.remove()

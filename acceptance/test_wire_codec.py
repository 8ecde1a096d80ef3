"""botocore judges the codecs: it writes the requests that we read, and reads the answers that we write.

The codecs are driven through `crates/wire/examples/codec.rs`, so nothing has to run.
"""

import base64
import datetime
import gzip
import json
import pathlib
import random
import subprocess
import urllib.parse

import botocore
import pytest
from botocore import parsers, serialize
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(botocore.__file__).parent / "data"
ROUNDS = 6
TEXT = ["", "a", "Z9", " padded ", "a&b=c+d%", "<tag>\"'", "line\nfeed", "r\rn", "é漢😀", "arn:aws:ecs:x:1:y/z"]


class Codec:
    """A conversation with the example binary."""

    def __init__(self):
        subprocess.run(["cargo", "build", "-q", "--locked", "-p", "wire", "--example", "codec"], cwd=ROOT, check=True)
        target = json.loads(
            subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT)
        )["target_directory"]
        self.process = subprocess.Popen(
            [f"{target}/debug/examples/codec"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, (request, answer)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def codec():
    codec = Codec()
    yield codec
    codec.close()


def models(codec):
    """Every service with served operations, and botocore's model of it."""
    by_id = {}
    for path in DATA.glob("*/*/service-2.json*"):
        if path.parent.parent.name in SERVICES:
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            model = ServiceModel(json.loads(text), path.parent.parent.name)
            by_id[model.metadata["serviceId"], model.metadata["apiVersion"]] = model
    return [(entry, by_id[entry["id"], entry["version"]]) for entry in codec.ask(do="list")]


SERVICES = {
    "ecs", "ecr", "logs", "sts", "ec2", "iam", "ssm", "secretsmanager", "elbv2", "cloudwatch", "servicediscovery",
    "application-autoscaling", "events", "scheduler",
}  # fmt: skip


def protocols(model):
    """The service's own protocol, and those that any model can be spoken in."""
    native = set(model.metadata["protocols"])
    if "targetPrefix" not in model.metadata:
        return sorted(native - {"rest-json"})
    return sorted(native | {"json", "smithy-rpc-v2-cbor"})


class Samples:
    """Random values of botocore's shapes, as a caller would pass them."""

    def __init__(self, seed, protocol):
        self.random = random.Random(seed)
        self.protocol = protocol
        # Neither form knows an empty map, and EC2's no empty list.
        self.form = protocol in ("query", "ec2")

    def value(self, shape, depth=0):
        return getattr(self, f"{shape.type_name}_value", lambda *_: self.random.choice(TEXT))(shape, depth)

    def structure_value(self, shape, depth):
        if getattr(shape, "is_document_type", False):
            # botocore's CBOR has no documents.
            return {"any": [1, "x", True]} if self.protocol == "json" else {}
        names = list(shape.members)
        if getattr(shape, "is_tagged_union", False) and names:
            chosen = [self.random.choice(names)]
        else:
            chosen = [name for name in names if self.random.random() < 1 / (1 + depth)]
        if not chosen and names and self.form:
            chosen = [self.random.choice(names)]
        return {name: self.value(shape.members[name], depth + 1) for name in chosen}

    def list_value(self, shape, depth):
        least = 1 if self.protocol == "ec2" else 0
        return [self.value(shape.member, depth + 1) for _ in range(self.random.randint(least, 2))]

    def map_value(self, shape, depth):
        count = self.random.randint(1 if self.form else 0, 2)
        return {f"k{n}&é": self.value(shape.value, depth + 1) for n in range(count)}

    def integer_value(self, *_):
        return self.random.choice([0, 1, -1, 2**31 - 1, -(2**31)])

    def long_value(self, *_):
        return self.random.choice([0, 1_700_000_000_123, -1, 2**63 - 1, -(2**63)])

    def float_value(self, *_):
        return self.random.choice([0.0, 1.5, -0.25, 1024.0])

    def double_value(self, *_):
        return self.random.choice([0.1, 1e300, -2.5, 3.0])

    def boolean_value(self, *_):
        return self.random.random() < 0.5

    def blob_value(self, *_):
        return self.random.randbytes(self.random.randint(0, 9))

    def timestamp_value(self, *_):
        # botocore writes whole seconds into JSON.
        fraction = 0 if self.protocol == "json" else self.random.choice([0, 50_000, 123_000])
        seconds = self.random.choice([0, 1_700_000_000, 4_000_000_000])
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(microsecond=fraction)


def neutral(value):
    """A caller's value in the codec binary's notation."""
    if isinstance(value, dict):
        return {name: neutral(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [neutral(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return {"$ms": round(value.timestamp() * 1000)}
    if isinstance(value, bytes):
        return {"$blob": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return {"$float": repr(value)}
    return value


def floats(value):
    """The same notation with floats made comparable."""
    if isinstance(value, dict):
        if list(value) == ["$float"]:
            return float(value["$float"])
        return {name: floats(inner) for name, inner in value.items()}
    return [floats(inner) for inner in value] if isinstance(value, list) else value


def seeds(operation):
    return [f"{operation}-{n}" for n in range(ROUNDS)]


def test_we_read_what_botocore_writes(codec):
    read = 0
    for entry, model in models(codec):
        for protocol in {*protocols(model), "query"} - ({"query"} if entry["id"] == "EC2" else set()):
            serializer = serialize.create_serializer(protocol, include_validation=False)
            for name in entry["operations"]:
                operation = model.operation_model(name)
                if operation.input_shape is None:
                    continue
                for seed in seeds(name):
                    params = Samples(seed, protocol).value(operation.input_shape)
                    body = serializer.serialize_to_request(params, operation)["body"]
                    if isinstance(body, dict):
                        body = urllib.parse.urlencode(body, doseq=True)
                    body = body.encode() if isinstance(body, str) else body
                    answer = codec.ask(
                        do="decode", service=entry["id"], operation=name, protocol=protocol,
                        body=base64.b64encode(body).decode(),
                    )  # fmt: skip
                    assert floats(answer["value"]) == floats(neutral(params)), (entry["id"], protocol, seed, body)
                    read += 1
    assert read > 1000


def parse(protocol, shape, body, status=200, headers=()):
    headers = HeadersDict({"smithy-protocol": "rpc-v2-cbor", "x-amzn-RequestId": "request-1", **dict(headers)})
    response = {"status_code": status, "headers": headers, "body": body}
    parsed = parsers.create_parser(protocol).parse(response, shape)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == "request-1"
    return parsed


def test_botocore_reads_what_we_write(codec):
    written = 0
    for entry, model in models(codec):
        for protocol in protocols(model):
            for name in entry["operations"]:
                shape = model.operation_model(name).output_shape
                if shape is None or model.operation_model(name).has_event_stream_output:
                    continue
                for seed in seeds(name):
                    value = Samples(seed, protocol).value(shape)
                    answer = codec.ask(
                        do="encode", service=entry["id"], operation=name, protocol=protocol, value=neutral(value)
                    )
                    body = base64.b64decode(answer["body"])
                    assert parse(protocol, shape, body) == value, (entry["id"], protocol, seed, body)
                    written += 1
    assert written > 1000


def test_botocore_reads_our_errors(codec):
    for entry, model in models(codec):
        for protocol in protocols(model):
            for name in [*entry["errors"], "ThrottlingException"]:
                answer = codec.ask(
                    do="error", service=entry["id"], protocol=protocol, code=name, message="No <such> thing & more"
                )
                body = base64.b64decode(answer["body"])
                header = [("x-amzn-query-error", answer["query_error"])] if answer["query_error"] else []
                error = parse(protocol, None, body, 400, header)["Error"]
                shape = model.shape_for(name) if name in model.shape_names else None
                codes = {name, shape.error_code} if shape else {name}
                assert error["Code"] in codes, (entry["id"], protocol, body)
                assert error["Message"] == "No <such> thing & more", (entry["id"], protocol, body)

"""An S3-compatible object storage of the test's own: moto's server, with a bucket."""

import tempfile
from pathlib import Path

import boto3
import botocore.config
import requests

from .longshore import VENV
from .process import Started, free_port, wait_until

KEY, SECRET = "AKIAOBJECTSTORAGE0000", "object-storage-secret"


class ObjectStorage:
    """Speaks S3 on loopback and keeps objects in memory until it is removed."""

    def __init__(self, bucket="blobs"):
        self.bucket, self.dir = bucket, Path(tempfile.mkdtemp(prefix="longshore-objects-", dir="/var/tmp"))
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.process = Started([VENV / "moto_server", "-H", "127.0.0.1", "-p", str(port)], self.dir / "moto.log")
        wait_until("the object storage answers", lambda: requests.get(f"{self.endpoint}/moto-api/", timeout=5).ok, 90, 0.2)
        self.client = boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=KEY,
                                   aws_secret_access_key=SECRET, config=botocore.config.Config(s3={"addressing_style": "path"}))
        self.client.create_bucket(Bucket=bucket)
        self.key_file = self.dir / "key"
        self.key_file.write_text(f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")

    def options(self, prefix):
        """What makes Longshore keep its blobs here."""
        return ["--blobs", f"s3://{self.bucket}/{prefix}", "--blobs-endpoint", self.endpoint,
                "--blobs-access-key-file", str(self.key_file)]

    def names(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def sizes(self, prefix=""):
        return [self.client.head_object(Bucket=self.bucket, Key=name)["ContentLength"] for name in self.names(prefix)]

    def remove(self):
        self.process.kill()
        self.process.output.close()
        for path in sorted(self.dir.iterdir()):
            path.unlink()
        self.dir.rmdir()

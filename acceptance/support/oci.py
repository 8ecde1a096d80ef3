"""A client of the distribution protocol that shows every status and header: for tests of the protocol itself."""

import base64
import hashlib
import json

import requests

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def password(longshore, region=None):
    """What `docker login` sends for user AWS."""
    token = longshore.client("ecr", region).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(token).decode().partition(":")[2]


def descriptor(data, media_type, algorithm="sha256", **more):
    return {"mediaType": media_type, "digest": digest_of(data, algorithm), "size": len(data), **more}


def encode(document):
    return json.dumps(document).encode()


class Repository:
    """One repository of a registry at `http://host`."""

    def __init__(self, host, name, secret=None):
        self.name, self.base = name, f"http://{host}"
        self.session = requests.Session()
        if secret:
            self.session.auth = ("AWS", secret)

    def ask(self, method, path, status=None, **options):
        url = self.base + path if path.startswith("/") else path
        answer = self.session.request(method, url, timeout=60, allow_redirects=False, **options)
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        if status:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def on(self, method, path, status=None, **options):
        """Asks below /v2/NAME/."""
        return self.ask(method, f"/v2/{self.name}/{path}", status, **options)

    def begin(self, query=""):
        """Begins an upload; returns where it goes on."""
        return self.on("POST", f"blobs/uploads/{query}", 202).headers["Location"]

    def finish(self, location, digest, status=201, **options):
        return self.ask("PUT", location + ("&" if "?" in location else "?") + f"digest={digest}", status, **options)

    def blob(self, data, algorithm="sha256"):
        """Pushes a blob at once and returns its digest."""
        digest = digest_of(data, algorithm)
        self.finish(self.begin(), digest, data=data)
        return digest

    def put(self, reference, document, media_type=OCI_MANIFEST, status=201, query=""):
        data = document if isinstance(document, bytes) else encode(document)
        return self.on("PUT", f"manifests/{reference}{query}", status, data=data, headers={"Content-Type": media_type})

    def image(self, reference, layers=(b"layer",), config=b"{}", status=201, **fields):
        """Pushes blobs and an image manifest; returns the manifest's bytes and digest."""
        for data in (config, *layers):
            self.blob(data)
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(config, OCI_CONFIG),
                    "layers": [descriptor(data, OCI_LAYER) for data in layers], **fields}
        data = encode(document)
        self.put(reference or digest_of(data), data, status=status)
        return data, digest_of(data)

    def artifact(self, kind, subject=None, annotations=None, reference=None):
        """Pushes an artifact about `subject` and returns its manifest's digest."""
        fields = {"artifactType": kind}
        if subject:
            fields["subject"] = subject
        if annotations:
            fields["annotations"] = annotations
        self.blob(b"{}")
        empty = descriptor(b"{}", OCI_EMPTY)
        data = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [empty], **fields})
        self.put(reference or digest_of(data), data)
        return digest_of(data)

    def tags(self, query="", status=200):
        answer = self.on("GET", f"tags/list{query}", status)
        return answer.json()["tags"], answer.headers.get("Link")

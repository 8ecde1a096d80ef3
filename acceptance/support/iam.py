"""IAM's cases for test_models.py."""

from .longshore import ROOT

GOOD = "good"
DATA = ROOT / "crates" / "services" / "src" / "iam" / "testdata"
# A certificate for web.test and *.web.test, and its key: of no use elsewhere.
CERTIFICATE, KEY, OTHER_KEY = ((DATA / f"{name}.pem").read_text() for name in ("certificate", "key", "other_key"))


def upload(name, key=KEY):
    return {"ServerCertificateName": name, "CertificateBody": CERTIFICATE, "PrivateKey": key}


CASES = [
    ("UploadServerCertificate", upload("models") | {"Path": "/web/", "Tags": [{"Key": "a", "Value": "b"}]}, GOOD),
    ("UploadServerCertificate", upload("models"), "EntityAlreadyExists"),
    ("UploadServerCertificate", upload("other", OTHER_KEY), "KeyPairMismatch"),
    ("GetServerCertificate", {"ServerCertificateName": "models"}, GOOD),
    ("GetServerCertificate", {"ServerCertificateName": "none"}, "NoSuchEntity"),
    ("ListServerCertificates", {"PathPrefix": "/web/"}, GOOD),
    ("ListServerCertificates", {"Marker": "%"}, "ValidationError"),
    ("DeleteServerCertificate", {"ServerCertificateName": "models"}, GOOD),
    ("DeleteServerCertificate", {"ServerCertificateName": "models"}, "NoSuchEntity"),
]

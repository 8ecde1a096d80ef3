"""IAM's cases for test_models.py."""

import json

from .longshore import ROOT

GOOD = "good"
DATA = ROOT / "crates" / "services" / "src" / "iam" / "testdata"
# A certificate for web.test and *.web.test, and its key: of no use elsewhere.
CERTIFICATE, KEY, OTHER_KEY = ((DATA / f"{name}.pem").read_text() for name in ("certificate", "key", "other_key"))


def upload(name, key=KEY):
    return {"ServerCertificateName": name, "CertificateBody": CERTIFICATE, "PrivateKey": key}


ACCOUNT = "123456789012"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/models"
NO_POLICY = f"arn:aws:iam::{ACCOUNT}:policy/none"
TEXT = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
TAGS = [{"Key": "a", "Value": "b"}]
USER, GROUP, ROLE = {"UserName": "models"}, {"GroupName": "models"}, {"RoleName": "models"}
NO_USER, NO_GROUP, NO_ROLE = {"UserName": "none"}, {"GroupName": "none"}, {"RoleName": "none"}
PROFILE, NO_PROFILE = {"InstanceProfileName": "models"}, {"InstanceProfileName": "none"}
KEY_ID = "$AccessKey.AccessKeyId"


def of_holder(kind, good, bad):
    """Inline and attached policies of a user, a group or a role."""
    name = {"PolicyName": "own"}
    return [
        (f"Put{kind}Policy", good | name | {"PolicyDocument": TEXT}, GOOD),
        (f"Put{kind}Policy", good | name | {"PolicyDocument": "{}"}, "MalformedPolicyDocument"),
        (f"Put{kind}Policy", bad | name | {"PolicyDocument": TEXT}, "NoSuchEntity"),
        (f"Get{kind}Policy", good | name, GOOD),
        (f"Get{kind}Policy", good | {"PolicyName": "none"}, "NoSuchEntity"),
        (f"List{kind}Policies", good, GOOD),
        (f"List{kind}Policies", bad, "NoSuchEntity"),
        (f"Attach{kind}Policy", good | {"PolicyArn": POLICY}, GOOD),
        (f"Attach{kind}Policy", good | {"PolicyArn": NO_POLICY}, "NoSuchEntity"),
        (f"ListAttached{kind}Policies", good, GOOD),
        (f"ListAttached{kind}Policies", bad, "NoSuchEntity"),
        (f"Delete{kind}", good, "DeleteConflict"),
        ("DeletePolicy", {"PolicyArn": POLICY}, "DeleteConflict"),
        (f"Detach{kind}Policy", good | {"PolicyArn": POLICY}, GOOD),
        (f"Detach{kind}Policy", good | {"PolicyArn": POLICY}, "NoSuchEntity"),
        (f"Delete{kind}Policy", good | name, GOOD),
        (f"Delete{kind}Policy", good | name, "NoSuchEntity"),
    ]


def of_bounded(kind, good, bad):
    """Boundaries and tags of a user or a role."""
    return [
        (f"Put{kind}PermissionsBoundary", good | {"PermissionsBoundary": ADMIN}, GOOD),
        (f"Put{kind}PermissionsBoundary", good | {"PermissionsBoundary": NO_POLICY}, "NoSuchEntity"),
        (f"Delete{kind}PermissionsBoundary", good, GOOD),
        (f"Delete{kind}PermissionsBoundary", good, "NoSuchEntity"),
        (f"Tag{kind}", good | {"Tags": TAGS}, GOOD),
        (f"Tag{kind}", good | {"Tags": [*TAGS, {"Key": "A", "Value": "c"}]}, "InvalidInput"),
        (f"List{kind}Tags", good, GOOD),
        (f"List{kind}Tags", bad, "NoSuchEntity"),
        (f"Untag{kind}", good | {"TagKeys": ["a"]}, GOOD),
        (f"Untag{kind}", bad | {"TagKeys": ["a"]}, "NoSuchEntity"),
        (f"List{kind}s", {"PathPrefix": "/models/"}, GOOD),
        (f"List{kind}s", {"Marker": "%"}, "ValidationError"),
    ]


CASES = [
    ("CreatePolicy", {"PolicyName": "models", "PolicyDocument": TEXT, "Description": "d", "Tags": TAGS}, GOOD),
    ("CreatePolicy", {"PolicyName": "models", "PolicyDocument": TEXT}, "EntityAlreadyExists"),
    ("CreatePolicy", {"PolicyName": "other", "PolicyDocument": TRUST}, "MalformedPolicyDocument"),
    ("GetPolicy", {"PolicyArn": ADMIN}, GOOD),
    ("GetPolicy", {"PolicyArn": NO_POLICY}, "NoSuchEntity"),
    ("ListPolicies", {"Scope": "Local"}, GOOD),
    ("ListPolicies", {"Marker": "%"}, "ValidationError"),
    ("CreatePolicyVersion", {"PolicyArn": POLICY, "PolicyDocument": TEXT, "SetAsDefault": True}, GOOD),
    ("CreatePolicyVersion", {"PolicyArn": ADMIN, "PolicyDocument": TEXT}, "InvalidInput"),
    ("GetPolicyVersion", {"PolicyArn": POLICY, "VersionId": "v2"}, GOOD),
    ("GetPolicyVersion", {"PolicyArn": POLICY, "VersionId": "v3"}, "NoSuchEntity"),
    ("ListPolicyVersions", {"PolicyArn": POLICY}, GOOD),
    ("ListPolicyVersions", {"PolicyArn": NO_POLICY}, "NoSuchEntity"),
    ("SetDefaultPolicyVersion", {"PolicyArn": POLICY, "VersionId": "v1"}, GOOD),
    ("SetDefaultPolicyVersion", {"PolicyArn": POLICY, "VersionId": "v9"}, "NoSuchEntity"),
    ("DeletePolicyVersion", {"PolicyArn": POLICY, "VersionId": "v1"}, "DeleteConflict"),
    ("DeletePolicyVersion", {"PolicyArn": POLICY, "VersionId": "v2"}, GOOD),
    ("TagPolicy", {"PolicyArn": POLICY, "Tags": TAGS}, GOOD),
    ("TagPolicy", {"PolicyArn": NO_POLICY, "Tags": TAGS}, "NoSuchEntity"),
    ("ListPolicyTags", {"PolicyArn": POLICY}, GOOD),
    ("ListPolicyTags", {"PolicyArn": NO_POLICY}, "NoSuchEntity"),
    ("UntagPolicy", {"PolicyArn": POLICY, "TagKeys": ["a"]}, GOOD),
    ("UntagPolicy", {"PolicyArn": NO_POLICY, "TagKeys": ["a"]}, "NoSuchEntity"),
    ("CreateUser", USER | {"Path": "/models/", "Tags": TAGS, "PermissionsBoundary": POLICY}, GOOD),
    ("CreateUser", {"UserName": "MODELS"}, "EntityAlreadyExists"),
    ("CreateUser", {"UserName": "a b"}, "ValidationError"),
    ("GetUser", USER, GOOD),
    ("GetUser", {}, GOOD),
    ("GetUser", NO_USER, "NoSuchEntity"),
    ("CreateGroup", GROUP, GOOD),
    ("CreateGroup", GROUP, "EntityAlreadyExists"),
    ("CreateRole", ROLE | {"AssumeRolePolicyDocument": TRUST, "Description": "d", "MaxSessionDuration": 7200, "Tags": TAGS}, GOOD),
    ("CreateRole", {"RoleName": "other", "AssumeRolePolicyDocument": TEXT}, "MalformedPolicyDocument"),
    ("GetRole", ROLE, GOOD),
    ("GetRole", NO_ROLE, "NoSuchEntity"),
    ("UpdateRole", ROLE | {"Description": "e"}, GOOD),
    ("UpdateRole", NO_ROLE, "NoSuchEntity"),
    ("UpdateRoleDescription", ROLE | {"Description": "f"}, GOOD),
    ("UpdateRoleDescription", NO_ROLE | {"Description": "f"}, "NoSuchEntity"),
    ("UpdateAssumeRolePolicy", ROLE | {"PolicyDocument": TRUST}, GOOD),
    ("UpdateAssumeRolePolicy", ROLE | {"PolicyDocument": "{"}, "MalformedPolicyDocument"),
    *of_bounded("User", USER, NO_USER),
    *of_bounded("Role", ROLE, NO_ROLE),
    *of_holder("User", USER, NO_USER),
    *of_holder("Group", GROUP, NO_GROUP),
    *of_holder("Role", ROLE, NO_ROLE),
    ("ListEntitiesForPolicy", {"PolicyArn": POLICY}, GOOD),
    ("ListEntitiesForPolicy", {"PolicyArn": NO_POLICY}, "NoSuchEntity"),
    ("AddUserToGroup", USER | GROUP, GOOD),
    ("AddUserToGroup", USER | NO_GROUP, "NoSuchEntity"),
    ("GetGroup", GROUP, GOOD),
    ("GetGroup", NO_GROUP, "NoSuchEntity"),
    ("ListGroups", {}, GOOD),
    ("ListGroups", {"Marker": "%"}, "ValidationError"),
    ("ListGroupsForUser", USER, GOOD),
    ("ListGroupsForUser", NO_USER, "NoSuchEntity"),
    ("DeleteGroup", GROUP, "DeleteConflict"),
    ("RemoveUserFromGroup", USER | GROUP, GOOD),
    ("RemoveUserFromGroup", USER | GROUP, "NoSuchEntity"),
    ("UpdateGroup", GROUP | {"NewGroupName": "renamed"}, GOOD),
    ("UpdateGroup", GROUP | {"NewGroupName": "renamed"}, "NoSuchEntity"),
    ("DeleteGroup", {"GroupName": "renamed"}, GOOD),
    ("CreateAccessKey", USER, GOOD),
    ("CreateAccessKey", NO_USER, "NoSuchEntity"),
    ("CreateAccessKey", {}, "LimitExceeded"),
    ("ListAccessKeys", USER, GOOD),
    ("ListAccessKeys", NO_USER, "NoSuchEntity"),
    ("GetAccessKeyLastUsed", {"AccessKeyId": KEY_ID}, GOOD),
    ("GetAccessKeyLastUsed", {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}, "NoSuchEntity"),
    ("UpdateAccessKey", USER | {"AccessKeyId": KEY_ID, "Status": "Inactive"}, GOOD),
    ("UpdateAccessKey", USER | {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Inactive"}, "NoSuchEntity"),
    ("DeleteUser", USER, "DeleteConflict"),
    ("DeleteAccessKey", USER | {"AccessKeyId": KEY_ID}, GOOD),
    ("DeleteAccessKey", USER | {"AccessKeyId": KEY_ID}, "NoSuchEntity"),
    ("UpdateUser", USER | {"NewUserName": "renamed", "NewPath": "/other/"}, GOOD),
    ("UpdateUser", USER | {"NewUserName": "renamed"}, "NoSuchEntity"),
    ("DeleteUser", {"UserName": "renamed"}, GOOD),
    ("CreateInstanceProfile", PROFILE | {"Tags": TAGS}, GOOD),
    ("CreateInstanceProfile", PROFILE, "EntityAlreadyExists"),
    ("AddRoleToInstanceProfile", PROFILE | ROLE, GOOD),
    ("AddRoleToInstanceProfile", PROFILE | ROLE, "LimitExceeded"),
    ("GetInstanceProfile", PROFILE, GOOD),
    ("GetInstanceProfile", NO_PROFILE, "NoSuchEntity"),
    ("ListInstanceProfiles", {}, GOOD),
    ("ListInstanceProfiles", {"Marker": "%"}, "ValidationError"),
    ("ListInstanceProfilesForRole", ROLE, GOOD),
    ("ListInstanceProfilesForRole", NO_ROLE, "NoSuchEntity"),
    ("DeleteRole", ROLE, "DeleteConflict"),
    ("DeleteInstanceProfile", PROFILE, "DeleteConflict"),
    ("RemoveRoleFromInstanceProfile", PROFILE | ROLE, GOOD),
    ("RemoveRoleFromInstanceProfile", PROFILE | ROLE, "NoSuchEntity"),
    ("DeleteInstanceProfile", PROFILE, GOOD),
    ("DeleteRole", ROLE, GOOD),
    ("DeletePolicy", {"PolicyArn": POLICY}, GOOD),
    ("GetAccountSummary", {}, GOOD),
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

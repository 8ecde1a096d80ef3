//! Entities as answers show them, and what requests say of them.

pub(super) mod certificate;

use std::collections::BTreeMap;

use model::Timestamp;
use model::iam::{Group, InstanceProfile, ManagedPolicy, PolicyVersion, Role, User};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Snapshot, key};
use wire::iam as shapes;

use super::error::Error;
use super::managed::{AwsPolicy, Managed};
use super::store::{BY_BOUNDARY, BY_POLICY, GroupRow, RoleRow, UserRow, last_use, role_by_id};

/// How many tags a resource may have.
const MOST_TAGS: usize = 50;
/// What RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// IAM answers in whole seconds.
pub(super) fn whole(at: Timestamp) -> i64 {
    at.as_millis() / 1000 * 1000
}

/// A document as answers carry it.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

/// Reads the tags of a request.
pub(super) fn tags(tags: Option<Vec<shapes::Tag>>) -> Result<BTreeMap<String, String>, Error> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for tag in tags.unwrap_or_default() {
        if all.keys().any(|known| known.eq_ignore_ascii_case(&tag.key)) {
            return Err(Error::InvalidInput(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
            ));
        }
        all.insert(tag.key, tag.value);
    }
    Ok(all)
}

/// Adds tags to those that are there; keys are not told apart by their case.
pub(super) fn add_tags(to: &mut BTreeMap<String, String>, new: Vec<shapes::Tag>) -> Result<(), Error> {
    let new = tags(Some(new))?;
    to.retain(|key, _| !new.keys().any(|other| other.eq_ignore_ascii_case(key)));
    to.extend(new);
    if to.len() > MOST_TAGS {
        return Err(Error::Limit(format!(
            "The number of tags has reached the maximum limit of {MOST_TAGS}."
        )));
    }
    Ok(())
}

/// Tags as answers show them.
pub(super) fn write_tags(tags: &BTreeMap<String, String>) -> Vec<shapes::Tag> {
    tags.iter().map(|(key, value)| shapes::Tag { key: key.clone(), value: value.clone() }).collect()
}

fn some_tags(tags: &BTreeMap<String, String>) -> Option<Vec<shapes::Tag>> {
    (!tags.is_empty()).then(|| write_tags(tags))
}

fn boundary(arn: Option<&String>) -> Option<shapes::AttachedPermissionsBoundary> {
    let arn = arn?;
    Some(shapes::AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}

/// A user; lists leave out its tags and its boundary.
pub(super) fn user(user: &User, whole_one: bool) -> shapes::User {
    let identity = &user.identity;
    shapes::User {
        path: identity.path.to_string(),
        user_name: identity.name.to_string(),
        user_id: identity.id.clone(),
        arn: user.arn().to_string(),
        create_date: whole(identity.created_at),
        password_last_used: None,
        permissions_boundary: boundary(user.permissions.boundary.as_ref()).filter(|_| whole_one),
        tags: some_tags(&user.tags).filter(|_| whole_one),
    }
}

/// A group.
pub(super) fn group(group: &Group) -> shapes::Group {
    let identity = &group.identity;
    shapes::Group {
        path: identity.path.to_string(),
        group_name: identity.name.to_string(),
        group_id: identity.id.clone(),
        arn: group.arn().to_string(),
        create_date: whole(identity.created_at),
    }
}

/// A role; lists leave out its tags, its boundary and its last use.
pub(super) fn role(snapshot: &Snapshot, role: &Role, whole_one: bool) -> shapes::Role {
    let identity = &role.identity;
    let used = last_use(snapshot, &identity.id).filter(|_| whole_one);
    let last_used = used.map_or_else(shapes::RoleLastUsed::default, |used| shapes::RoleLastUsed {
        last_used_date: Some(whole(used.at)),
        region: Some(used.region.clone()),
    });
    shapes::Role {
        path: identity.path.to_string(),
        role_name: identity.name.to_string(),
        role_id: identity.id.clone(),
        arn: role.arn().to_string(),
        create_date: whole(identity.created_at),
        assume_role_policy_document: Some(encoded(&role.trust)),
        description: role.description.clone(),
        max_session_duration: i32::try_from(role.max_session_seconds).ok(),
        permissions_boundary: boundary(role.permissions.boundary.as_ref()).filter(|_| whole_one),
        tags: some_tags(&role.tags).filter(|_| whole_one),
        role_last_used: whole_one.then_some(last_used),
        source_role_template: None,
    }
}

/// An instance profile with its role.
pub(super) fn instance_profile(snapshot: &Snapshot, profile: &InstanceProfile) -> shapes::InstanceProfile {
    let identity = &profile.identity;
    let held = profile.role.as_ref().and_then(|id| role_by_id(snapshot, id));
    shapes::InstanceProfile {
        path: identity.path.to_string(),
        instance_profile_name: identity.name.to_string(),
        instance_profile_id: identity.id.clone(),
        arn: profile.arn().to_string(),
        create_date: whole(identity.created_at),
        roles: held.iter().map(|row| role(snapshot, row, false)).collect(),
        tags: some_tags(&profile.tags),
    }
}

/// A managed policy; lists leave out its tags and its description.
pub(super) fn policy(
    snapshot: &Snapshot,
    account: &model::AccountId,
    policy: &Managed,
    whole_one: bool,
) -> shapes::Policy {
    let mut shown = match policy {
        Managed::Own(row) => own_policy(row, whole_one),
        Managed::Aws(policy) => aws_policy(policy),
    };
    let key = key![account, shown.arn.clone().unwrap_or_default()];
    let attached = snapshot.count_by::<UserRow>(BY_POLICY, &key)
        + snapshot.count_by::<GroupRow>(BY_POLICY, &key)
        + snapshot.count_by::<RoleRow>(BY_POLICY, &key);
    let bounds =
        snapshot.count_by::<UserRow>(BY_BOUNDARY, &key) + snapshot.count_by::<RoleRow>(BY_BOUNDARY, &key);
    shown.attachment_count = i32::try_from(attached).ok();
    shown.permissions_boundary_usage_count = i32::try_from(bounds).ok();
    shown
}

fn own_policy(policy: &ManagedPolicy, whole_one: bool) -> shapes::Policy {
    let identity = &policy.identity;
    shapes::Policy {
        policy_name: Some(identity.name.to_string()),
        policy_id: Some(identity.id.clone()),
        arn: Some(policy.arn().to_string()),
        path: Some(identity.path.to_string()),
        default_version_id: Some(format!("v{}", policy.default_version)),
        is_attachable: Some(true),
        description: policy.description.clone().filter(|_| whole_one),
        create_date: Some(whole(identity.created_at)),
        update_date: Some(whole(policy.updated_at)),
        tags: some_tags(&policy.tags).filter(|_| whole_one),
        ..shapes::Policy::default()
    }
}

fn aws_policy(policy: &AwsPolicy) -> shapes::Policy {
    shapes::Policy {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        arn: Some(policy.arn.clone()),
        path: Some(policy.path.clone()),
        default_version_id: Some(policy.version.clone()),
        is_attachable: Some(true),
        create_date: Some(whole(policy.created_at)),
        update_date: Some(whole(policy.updated_at)),
        ..shapes::Policy::default()
    }
}

/// A version of a policy of the account's own; lists leave out its document.
pub(super) fn version(
    policy: &ManagedPolicy,
    number: u32,
    it: &PolicyVersion,
    whole_one: bool,
) -> shapes::PolicyVersion {
    shapes::PolicyVersion {
        document: whole_one.then(|| encoded(&it.document)),
        version_id: Some(format!("v{number}")),
        is_default_version: Some(number == policy.default_version),
        create_date: Some(whole(it.created_at)),
    }
}

/// The version of a policy of AWS's that is in force: the only one kept here.
pub(super) fn aws_version(policy: &AwsPolicy, whole_one: bool) -> shapes::PolicyVersion {
    shapes::PolicyVersion {
        document: whole_one.then(|| encoded(&policy.document)),
        version_id: Some(policy.version.clone()),
        is_default_version: Some(true),
        create_date: Some(whole(policy.updated_at)),
    }
}

/// A page of names of entities as one kind of answer wants them.
pub(super) fn attached_policy((name, arn): (String, String)) -> shapes::AttachedPolicy {
    shapes::AttachedPolicy { policy_name: Some(name), policy_arn: Some(arn) }
}

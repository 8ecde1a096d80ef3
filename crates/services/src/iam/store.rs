//! The tables of the room, and what is found in them by name or id. An account's resources are in no region.

use model::AccountId;
use model::iam::{
    AccountFacts, CertificateUse, Group, InstanceProfile, LastUse, ManagedPolicy, Permissions, Role,
    ServerCertificate, User, UserKey,
};
use store::{Key, Schema, Snapshot, Versioned, key};

use crate::table::table;

/// Entities by their id.
pub(super) const BY_ID: &str = "by-id";
/// Entities by the managed policies attached to them.
pub(super) const BY_POLICY: &str = "by-policy";
/// Entities by the managed policy that bounds them.
pub(super) const BY_BOUNDARY: &str = "by-boundary";
/// Users by their groups.
pub(super) const BY_GROUP: &str = "by-group";
/// Keys by their user.
pub(super) const BY_USER: &str = "by-user";
/// Instance profiles by their role.
pub(super) const BY_ROLE: &str = "by-role";

table! {
    /// Server certificates.
    pub(super) CertificateRow(ServerCertificate) in "iam/server-certificate" {
        key(it) => key![it.account, it.name.as_str()],
    }

    /// Which listeners use which certificates.
    pub(super) CertificateUseRow(CertificateUse) in "iam/certificate-use" {
        key(it) => key![it.certificate, it.user],
    }

    /// Accounts.
    pub(super) AccountRow(AccountFacts) in "iam/account" {
        key(it) => key![it.account],
    }

    /// Users.
    pub(crate) UserRow(User) in "iam/user" {
        key(it) => key![it.identity.account, it.identity.name.folded()],
        BY_ID => key![it.identity.id],
        BY_POLICY => attached(&it.identity.account, &it.permissions),
        BY_BOUNDARY => boundary(&it.identity.account, &it.permissions),
        BY_GROUP => it.groups.iter().map(|group| key![group]).collect::<Vec<_>>(),
    }

    /// Groups.
    pub(crate) GroupRow(Group) in "iam/group" {
        key(it) => key![it.identity.account, it.identity.name.folded()],
        BY_ID => key![it.identity.id],
        BY_POLICY => attached(&it.identity.account, &it.permissions),
    }

    /// Roles.
    pub(crate) RoleRow(Role) in "iam/role" {
        key(it) => key![it.identity.account, it.identity.name.folded()],
        BY_ID => key![it.identity.id],
        BY_POLICY => attached(&it.identity.account, &it.permissions),
        BY_BOUNDARY => boundary(&it.identity.account, &it.permissions),
    }

    /// Access keys of users.
    pub(super) KeyRow(UserKey) in "iam/access-key" {
        key(it) => key![it.id],
        BY_USER => key![it.user],
    }

    /// When keys and roles were last used.
    pub(super) LastUseRow(LastUse) in "iam/last-use" {
        key(it) => key![it.id],
    }

    /// Managed policies.
    pub(super) PolicyRow(ManagedPolicy) in "iam/policy" {
        key(it) => key![it.identity.account, it.identity.name.folded()],
    }

    /// Instance profiles.
    pub(super) ProfileRow(InstanceProfile) in "iam/instance-profile" {
        key(it) => key![it.identity.account, it.identity.name.folded()],
        BY_ROLE => it.role.as_ref().map(|role| key![role]),
    }
}

fn attached(account: &AccountId, permissions: &Permissions) -> Vec<Key> {
    permissions.attached.iter().map(|arn| key![account, arn]).collect()
}

fn boundary(account: &AccountId, permissions: &Permissions) -> Option<Key> {
    permissions.boundary.as_ref().map(|arn| key![account, arn])
}

/// Adds the room's tables to `schema`.
pub(crate) fn tables(schema: Schema) -> Schema {
    let schema = schema.table::<CertificateRow>().table::<CertificateUseRow>();
    let schema = schema.table::<UserRow>().table::<GroupRow>().table::<RoleRow>();
    schema
        .table::<AccountRow>()
        .table::<KeyRow>()
        .table::<LastUseRow>()
        .table::<PolicyRow>()
        .table::<ProfileRow>()
}

/// The certificate of this name.
pub(super) fn certificate(
    snapshot: &Snapshot,
    account: &AccountId,
    name: &str,
) -> Option<Versioned<CertificateRow>> {
    snapshot.get(&key![account, name])
}

/// The user with this id.
pub(super) fn user_by_id(snapshot: &Snapshot, id: &str) -> Option<Versioned<UserRow>> {
    snapshot.page_by(BY_ID, &key![id], None, 1).pop()
}

/// The role with this id.
pub(super) fn role_by_id(snapshot: &Snapshot, id: &str) -> Option<Versioned<RoleRow>> {
    snapshot.page_by(BY_ID, &key![id], None, 1).pop()
}

/// The group with this id.
pub(super) fn group_by_id(snapshot: &Snapshot, id: &str) -> Option<Versioned<GroupRow>> {
    snapshot.page_by(BY_ID, &key![id], None, 1).pop()
}

/// The access key with this id.
pub(super) fn access_key(snapshot: &Snapshot, id: &str) -> Option<Versioned<KeyRow>> {
    snapshot.get(&key![id])
}

/// The access keys of a user.
pub(super) fn keys_of(snapshot: &Snapshot, user: &str) -> Vec<Versioned<KeyRow>> {
    snapshot.all_by(BY_USER, &key![user]).collect()
}

/// When a key or a role was last used.
pub(super) fn last_use(snapshot: &Snapshot, id: &str) -> Option<Versioned<LastUseRow>> {
    snapshot.get(&key![id])
}

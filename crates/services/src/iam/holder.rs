//! Users, groups and roles alike: found by name, made once, and carrying policies.

use model::iam::{EntityName, EntityPath, Identity, Permissions};
use model::{AccountId, Arn, IdSource};
use store::{Row, Snapshot, Txn, Versioned, key};

use super::error::Error;
use super::store::{GroupRow, PolicyRow, ProfileRow, RoleRow, UserRow};
use crate::context::OpCtx;

/// What IAM has by name.
pub(super) trait Named: Row {
    /// Its kind in messages.
    const KIND: &'static str;
    /// What stands before its name in an ARN.
    const ARN: &'static str;
    /// What its ids begin with.
    const PREFIX: &'static str;
    /// How many an account may have, and the quota's name.
    const QUOTA: (&'static str, usize);

    /// Who it is.
    fn identity(&self) -> &Identity;

    /// Says that the name is not known.
    fn missing(name: &str) -> Error {
        Error::missing(Self::KIND, name)
    }

    /// Says that the name is taken.
    fn taken(name: &str) -> Error;
}

/// What has policies.
pub(super) trait Holder: Named {
    /// How many managed policies may be attached, and the quota's name.
    const ATTACHED: (&'static str, usize) = ("PoliciesPer", 10);
    /// How many characters its inline policies may have together.
    const INLINE: usize;

    /// Its policies.
    fn permissions(&self) -> &Permissions;

    /// Its policies, to be changed.
    fn permissions_mut(&mut self) -> &mut Permissions;
}

macro_rules! named {
    ($row:ident: $kind:literal, $arn:literal, $prefix:literal, $quota:literal $most:literal, |$name:ident| $taken:expr) => {
        impl Named for $row {
            const KIND: &'static str = $kind;
            const ARN: &'static str = $arn;
            const PREFIX: &'static str = $prefix;
            const QUOTA: (&'static str, usize) = ($quota, $most);

            fn identity(&self) -> &Identity {
                &self.0.identity
            }

            fn taken($name: &str) -> Error {
                $taken
            }
        }
    };
}

macro_rules! holder {
    ($row:ident: $attached:literal, $inline:literal) => {
        impl Holder for $row {
            const ATTACHED: (&'static str, usize) = ($attached, 10);
            const INLINE: usize = $inline;

            fn permissions(&self) -> &Permissions {
                &self.0.permissions
            }

            fn permissions_mut(&mut self) -> &mut Permissions {
                &mut self.0.permissions
            }
        }
    };
}

named!(UserRow: "user", "user", "AIDA", "UsersPerAccount" 5000, |name| Error::taken("User", name));
named!(GroupRow: "group", "group", "AGPA", "GroupsPerAccount" 300, |name| Error::taken("Group", name));
named!(RoleRow: "role", "role", "AROA", "RolesPerAccount" 1000, |name| Error::taken("Role", name));
named!(PolicyRow: "policy", "policy", "ANPA", "PoliciesPerAccount" 1500, |name| {
    Error::EntityExists(format!("A policy called {name} already exists. Duplicate names are not allowed."))
});
named!(ProfileRow: "instance profile", "instance-profile", "AIPA", "InstanceProfilesPerAccount" 1000, |name| {
    Error::EntityExists(format!("Instance Profile {name} already exists."))
});
holder!(UserRow: "PoliciesPerUser", 2048);
holder!(GroupRow: "PoliciesPerGroup", 5120);
holder!(RoleRow: "PoliciesPerRole", 10240);

/// The entity of this name.
pub(super) fn find<R: Named>(
    snapshot: &Snapshot,
    account: &AccountId,
    name: &str,
) -> Result<Versioned<R>, Error> {
    let found: Option<Versioned<R>> = snapshot.get(&key![account, name.to_ascii_lowercase()]);
    found.filter(|it| it.row.identity().name.as_str() == name).ok_or_else(|| R::missing(name))
}

/// A new identity of this kind, if the name is free and there is room.
pub(super) fn identity<R: Named>(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    name: String,
    path: Option<String>,
) -> Result<Identity, Error> {
    let account = &ctx.scope.account;
    if snapshot.get::<R>(&key![account, name.to_ascii_lowercase()]).is_some() {
        return Err(R::taken(&name));
    }
    let (quota, limit) = R::QUOTA;
    if snapshot.count::<R>(&key![account]) >= limit {
        return Err(Error::LimitExceeded { quota, limit });
    }
    Ok(Identity {
        account: account.clone(),
        name: read_name(name)?,
        path: read_path(path)?,
        id: format!("{}{}", R::PREFIX, ctx.ids.clone().base32(17)),
        created_at: ctx.now,
    })
}

/// The identity under another name or path; the name must be free.
pub(super) fn renamed<R: Named>(
    snapshot: &Snapshot,
    old: &Identity,
    name: Option<String>,
    path: Option<String>,
) -> Result<Identity, Error> {
    let mut new = old.clone();
    if let Some(name) = name {
        new.name = read_name(name)?;
        let other = new.name.folded() != old.name.folded();
        if other && snapshot.get::<R>(&key![old.account, new.name.folded()]).is_some() {
            return Err(R::taken(new.name.as_str()));
        }
    }
    if path.is_some() {
        new.path = read_path(path)?;
    }
    Ok(new)
}

/// The transaction that puts `new` in the place of `old`, which may have had another name.
pub(super) fn replace<R: Row>(old: &Versioned<R>, new: &R) -> Txn {
    if old.row.key() == new.key() { Txn::new().update(old, new) } else { Txn::new().remove(old).insert(new) }
}

/// Reads a name; the model's constraints have been checked.
pub(super) fn read_name(raw: String) -> Result<EntityName, Error> {
    EntityName::new(raw).map_err(|error| Error::Validation(error.to_string()))
}

fn read_path(raw: Option<String>) -> Result<EntityPath, Error> {
    let raw = raw.unwrap_or_else(|| "/".to_owned());
    EntityPath::new(raw).map_err(|_| {
        Error::Validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters."
                .to_owned(),
        )
    })
}

/// The ARN that a policy about this entity names: with its path, where it exists.
pub(super) fn arn_of<R: Named>(ctx: &OpCtx, name: &str) -> Arn {
    let snapshot = ctx.cloud.store.snapshot();
    match find::<R>(&snapshot, &ctx.scope.account, name) {
        Ok(found) => found.row.identity().arn(R::ARN),
        Err(_missing) => new_arn::<R>(ctx, None, name),
    }
}

/// The ARN that an entity will have.
pub(super) fn new_arn<R: Named>(ctx: &OpCtx, path: Option<&str>, name: &str) -> Arn {
    Arn {
        service: "iam".to_owned(),
        region: String::new(),
        account: ctx.scope.account.to_string(),
        resource: format!("{}{}{name}", R::ARN, path.unwrap_or("/")),
    }
}

//! What the operations on policies share: inline ones, attached ones, and boundaries.

use auth::policy::{Document, Kind};
use model::iam::EntityName;
use store::{Snapshot, Txn, Versioned};

use super::error::Error;
use super::holder::{Holder, find, read_name};
use super::managed::{self, Managed};
use super::page::{Page, cut};
use crate::context::OpCtx;

/// Checks a document, and that it fits; white space does not count.
pub(super) fn check(kind: Kind, document: &str) -> Result<(), Error> {
    Document::parse_as(kind, document).map(drop).map_err(Error::MalformedPolicy)
}

/// How many characters of a document count.
pub(super) fn size(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// Gives an entity an inline policy, or another text to one.
pub(super) async fn put<R: Holder>(
    ctx: &OpCtx,
    name: &str,
    policy: String,
    document: String,
) -> Result<(), Error> {
    check(Kind::Identity, &document)?;
    let policy = read_name(policy)?;
    change::<R>(ctx, name, |_, row| {
        row.permissions_mut().inline.insert(policy, document);
        if row.permissions().inline.values().map(|text| size(text)).sum::<usize>() > R::INLINE {
            return Err(Error::Limit(format!(
                "Maximum policy size of {} bytes exceeded for {} {name}",
                R::INLINE,
                R::KIND
            )));
        }
        Ok(None)
    })
    .await
}

/// The text of an inline policy.
pub(super) fn get<R: Holder>(ctx: &OpCtx, name: &str, policy: &str) -> Result<String, Error> {
    let found = find::<R>(&ctx.cloud.store.snapshot(), &ctx.scope.account, name)?;
    let inline = &found.row.permissions().inline;
    let wanted = EntityName::new(policy).ok();
    wanted.and_then(|name| inline.get(&name).cloned()).ok_or_else(|| no_inline::<R>(policy))
}

/// Takes an inline policy away.
pub(super) async fn delete<R: Holder>(ctx: &OpCtx, name: &str, policy: &str) -> Result<(), Error> {
    let wanted = read_name(policy.to_owned())?;
    change::<R>(ctx, name, |_, row| match row.permissions_mut().inline.remove(&wanted) {
        Some(_) => Ok(None),
        None => Err(no_inline::<R>(policy)),
    })
    .await
}

/// The names of the inline policies.
pub(super) fn list<R: Holder>(
    ctx: &OpCtx,
    name: &str,
    marker: Option<&str>,
    most: Option<i32>,
) -> Result<Page<String>, Error> {
    let found = find::<R>(&ctx.cloud.store.snapshot(), &ctx.scope.account, name)?;
    let names = found.row.permissions().inline.keys().map(|name| (name.to_string(), name.to_string()));
    cut(names.collect::<Vec<_>>(), marker, most)
}

/// Attaches a managed policy; one that is attached stays so.
pub(super) async fn attach<R: Holder>(ctx: &OpCtx, name: &str, arn: &str) -> Result<(), Error> {
    change::<R>(ctx, name, |snapshot, row| {
        let policy = managed::find(snapshot, &ctx.scope.account, arn).ok_or_else(|| {
            Error::NoSuchEntity(format!("Policy {arn} does not exist or is not attachable."))
        })?;
        let attached = &mut row.permissions_mut().attached;
        let (quota, limit) = R::ATTACHED;
        if attached.insert(arn.to_owned()) && attached.len() > limit {
            return Err(Error::LimitExceeded { quota, limit });
        }
        Ok(Some(policy))
    })
    .await
}

/// Detaches a managed policy.
pub(super) async fn detach<R: Holder>(ctx: &OpCtx, name: &str, arn: &str) -> Result<(), Error> {
    change::<R>(ctx, name, |_, row| match row.permissions_mut().attached.remove(arn) {
        true => Ok(None),
        false => Err(Error::NoSuchEntity(format!("Policy {arn} was not found."))),
    })
    .await
}

/// The attached policies: name and ARN.
pub(super) fn attached<R: Holder>(
    ctx: &OpCtx,
    name: &str,
    prefix: Option<&str>,
    marker: Option<&str>,
    most: Option<i32>,
) -> Result<Page<(String, String)>, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let found = find::<R>(&snapshot, &ctx.scope.account, name)?;
    let prefix = prefix.unwrap_or("/");
    let policies = found.row.permissions().attached.iter().filter_map(|arn| {
        let policy = managed::find(&snapshot, &ctx.scope.account, arn)?;
        policy.path().starts_with(prefix).then(|| (arn.clone(), (policy.name().to_owned(), arn.clone())))
    });
    cut(policies.collect::<Vec<_>>(), marker, most)
}

/// Bounds an entity by a managed policy, or by none.
pub(super) async fn bound<R: Holder>(ctx: &OpCtx, name: &str, arn: Option<String>) -> Result<(), Error> {
    change::<R>(ctx, name, |snapshot, row| {
        let policy = arn.as_deref().map(|arn| boundary(ctx, snapshot, arn)).transpose()?;
        if arn.is_none() && row.permissions().boundary.is_none() {
            let kind = R::KIND;
            return Err(Error::NoSuchEntity(format!(
                "The {kind} {name} does not have a permissions boundary."
            )));
        }
        row.permissions_mut().boundary = arn;
        Ok(policy)
    })
    .await
}

/// The managed policy that is to bound an entity.
pub(super) fn boundary(ctx: &OpCtx, snapshot: &Snapshot, arn: &str) -> Result<Managed, Error> {
    managed::find(snapshot, &ctx.scope.account, arn)
        .ok_or_else(|| Error::NoSuchEntity(format!("Scope ARN: {arn} does not exist or is not attachable.")))
}

/// Changes an entity. A managed policy that the change names is written again, so that its deletion at the same moment
/// meets a conflict.
async fn change<R: Holder>(
    ctx: &OpCtx,
    name: &str,
    change: impl FnOnce(&Snapshot, &mut R) -> Result<Option<Managed>, Error>,
) -> Result<(), Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let found: Versioned<R> = find(&snapshot, &ctx.scope.account, name)?;
    let mut row = R::clone(&found.row);
    let named = change(&snapshot, &mut row)?;
    let txn = Txn::new().update(&found, &row);
    let txn = named.map_or(txn.clone(), |policy| policy.held(txn));
    ctx.cloud.store.commit(txn).await.map(drop).map_err(Error::from)
}

fn no_inline<R: Holder>(policy: &str) -> Error {
    Error::missing(&format!("{} policy", R::KIND), policy)
}

//! Tags of namespaces and services, by ARN.

use std::collections::BTreeMap;

use model::Arn;
use store::Txn;

use super::error::Error;
use super::store::{self as tables, NamespaceRow, ServiceRow};
use crate::context::OpCtx;

/// The most tags of a resource.
const LIMIT: usize = 50;

/// Tags by key.
type Tags = BTreeMap<String, String>;

/// The tags of a resource.
pub(super) fn of(ctx: &OpCtx, arn: &str) -> Result<Tags, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let missing = |_| Error::ResourceNotFound(arn.to_owned());
    match kind_of(ctx, arn)? {
        Kind::Namespace => {
            tables::namespace(&snapshot, &ctx.scope, arn).map(|it| it.tags.clone()).map_err(missing)
        }
        Kind::Service => {
            tables::service(&snapshot, &ctx.scope, arn).map(|it| it.tags.clone()).map_err(missing)
        }
    }
}

/// Changes the tags of a resource.
pub(super) async fn change(ctx: &OpCtx, arn: &str, change: impl FnOnce(&mut Tags)) -> Result<(), Error> {
    let snapshot = ctx.cloud.store.snapshot();
    let missing = |_| Error::ResourceNotFound(arn.to_owned());
    let txn = match kind_of(ctx, arn)? {
        Kind::Namespace => {
            let row = tables::namespace(&snapshot, &ctx.scope, arn).map_err(missing)?;
            let mut new = row.row.0.clone();
            change(&mut new.tags);
            limited(&new.tags)?;
            Txn::new().update(&row, &NamespaceRow(new))
        }
        Kind::Service => {
            let row = tables::service(&snapshot, &ctx.scope, arn).map_err(missing)?;
            let mut new = row.row.0.clone();
            change(&mut new.tags);
            limited(&new.tags)?;
            Txn::new().update(&row, &ServiceRow(new))
        }
    };
    ctx.cloud.store.commit(txn).await.map(drop).map_err(Error::Store)
}

enum Kind {
    Namespace,
    Service,
}

fn kind_of(ctx: &OpCtx, raw: &str) -> Result<Kind, Error> {
    let arn: Arn = raw.parse().map_err(|_| Error::Input(format!("{raw} is no ARN.")))?;
    let ours = arn.is_in("servicediscovery", &ctx.scope);
    match arn.typed_resource().filter(|_| ours) {
        Some(("namespace", _)) => Ok(Kind::Namespace),
        Some(("service", _)) => Ok(Kind::Service),
        Some(_) | None => Err(Error::ResourceNotFound(raw.to_owned())),
    }
}

fn limited(tags: &Tags) -> Result<(), Error> {
    if tags.len() > LIMIT { Err(Error::TooManyTags) } else { Ok(()) }
}

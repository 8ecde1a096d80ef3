//! Tags of log groups: their rules, and the two families of operations that change them.

use std::collections::BTreeMap;

use model::Scope;
use model::logs::LogGroupName;

use crate::context::OpCtx;
use crate::logs::error::Error;
use crate::logs::store;
use crate::logs::wire::identified;

/// The most tags of a group.
const TAGS_MAX: usize = 50;

/// Checks tags that a request brings.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Error::parameter("Tag keys beginning with aws: are reserved for system use."));
    }
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags) } else { Ok(()) }
}

/// The group that an ARN names.
pub(crate) fn group_of_arn(scope: &Scope, arn: &str) -> Result<LogGroupName, Error> {
    if !arn.starts_with("arn:") {
        return Err(Error::parameter(format!("Invalid resource ARN '{arn}'.")));
    }
    identified(scope, arn).map_err(|error| match error {
        Error::GroupNotFound => Error::ResourceNotFound,
        other => other,
    })
}

/// Adds `tags` to a group.
pub(crate) async fn add(
    ctx: &OpCtx,
    name: &LogGroupName,
    tags: BTreeMap<String, String>,
) -> Result<(), Error> {
    check(&tags)?;
    let group = store::group(&ctx.cloud.store.snapshot(), &ctx.scope, name)?;
    let mut all = group.tags.clone();
    all.extend(tags);
    if all.len() > TAGS_MAX {
        return Err(Error::TooManyTags);
    }
    store::update_group(&ctx.cloud.store, &group, |group| group.tags = all).await
}

/// Removes tags of these keys; keys that are not there do not matter.
pub(crate) async fn remove(ctx: &OpCtx, name: &LogGroupName, keys: &[String]) -> Result<(), Error> {
    let group = store::group(&ctx.cloud.store.snapshot(), &ctx.scope, name)?;
    store::update_group(&ctx.cloud.store, &group, |group| group.tags.retain(|key, _| !keys.contains(key)))
        .await
}

/// A group's tags.
pub(crate) fn list(ctx: &OpCtx, name: &LogGroupName) -> Result<BTreeMap<String, String>, Error> {
    Ok(store::group(&ctx.cloud.store.snapshot(), &ctx.scope, name)?.tags.clone())
}

//! Making namespaces of either kind.
//!
//! Deviation: a name is taken in all VPCs of the account and region, where AWS lets private namespaces of two VPCs
//! have the same one: `DiscoverInstances` names them by it.

use model::discovery::{Namespace, NamespaceKind};
use store::Txn;
use wire::servicediscovery as shapes;

use super::error::Error;
use super::store::{self as tables, NamespaceRow};
use super::{operations, wire as render};
use crate::context::OpCtx;

/// Characters of the ids of namespaces and services behind their prefix.
const SHORT: usize = 16;

/// What a request says of a new namespace.
pub(super) struct New {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: NamespaceKind,
    /// Its description.
    pub description: Option<String>,
    /// What the creator calls the request.
    pub creator_request_id: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<shapes::Tag>>,
}

/// Makes a namespace; answers the operation's id.
pub(super) async fn create(ctx: &OpCtx, new: New) -> Result<String, Error> {
    let snapshot = ctx.cloud.store.snapshot();
    if let Some(known) = tables::namespace_called(&snapshot, &ctx.scope, &new.name) {
        return Err(Error::NamespaceExists {
            name: new.name,
            id: known.id.clone(),
            creator_request_id: known.creator_request_id.clone(),
        });
    }
    let namespace = Namespace {
        scope: ctx.scope.clone(),
        id: format!("ns-{}", short_id(ctx)),
        name: new.name,
        kind: new.kind,
        description: new.description,
        creator_request_id: new.creator_request_id,
        created_at: ctx.now,
        tags: render::read_tags(new.tags)?,
    };
    let operation = operations::namespace(ctx, "CREATE_NAMESPACE", &namespace.id);
    let id = operation.id.clone();
    let txn = tables::keep(&snapshot, Txn::new().insert(&NamespaceRow(namespace)), operation);
    ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
    Ok(id)
}

/// The changing part of an id: lower-case letters and digits.
pub(super) fn short_id(ctx: &OpCtx) -> String {
    ctx.ids.with(|ids| ids.base32(SHORT)).to_ascii_lowercase()
}

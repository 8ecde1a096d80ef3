//! When keys and roles were last used: written at most once in a quarter of an hour for each.

use std::time::Duration;

use auth::Principal;
use auth::principal::PrincipalKind;
use model::Timestamp;
use model::iam::LastUse;
use store::{Store, Txn};

use super::store::{LastUseRow, last_use};

/// How long a note stands before it is written anew.
const STANDS: Duration = Duration::from_secs(15 * 60);

/// Notes that a user's key or a role was used, if that is news. Does not wait for the disk: what is lost is a hint.
pub(crate) fn note(store: &Store, principal: &Principal, service: &str, region: &str, now: Timestamp) {
    let id = match principal.kind {
        PrincipalKind::Root => return,
        PrincipalKind::User => &principal.access_key_id,
        PrincipalKind::AssumedRole => principal.entity_id(),
    };
    // A user's session has a key of its own, which ends with it.
    if principal.kind == PrincipalKind::User && principal.session.is_some() {
        return;
    }
    let fresh = last_use(&store.snapshot(), id).is_some_and(|used| used.at + STANDS > now);
    if fresh {
        return;
    }
    let row = LastUseRow(LastUse {
        id: id.to_owned(),
        at: now,
        service: service.to_owned(),
        region: region.to_owned(),
    });
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.commit(Txn::new().put(&row)).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "noting the use of a key");
        }
    });
}

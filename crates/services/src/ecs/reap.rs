//! Reaping: task definitions whose deletion was asked for, once no task runs from them.
//!
//! A family's counter stays, so that the revision is never used again.

use reconcile::reap::BATCH;
use store::{Store, Txn, key};

use super::error::Error;
use super::store::{BY_DEFINITION, DELETING, TaskDefinitionRow, TaskRow};

/// Removes up to a batch of deleted task definitions that no unended task refers to, and tells how many.
///
/// # Errors
/// When the store fails, or a definition changed meanwhile: the next call sees what is left.
pub async fn task_definitions(store: &Store) -> Result<usize, Error> {
    let snapshot = store.snapshot();
    let unused = snapshot.all_by::<TaskDefinitionRow>(DELETING, &key![]).filter(|definition| {
        let prefix = key![definition.scope, definition.id.family.as_str(), definition.id.revision];
        snapshot.page_by::<TaskRow>(BY_DEFINITION, &prefix, None, 1).is_empty()
    });
    let unused: Vec<_> = unused.take(BATCH).collect();
    let txn = unused.iter().fold(Txn::new(), |txn, definition| txn.remove(definition));
    if !txn.is_read_only() {
        store.commit(txn).await?;
    }
    Ok(unused.len())
}

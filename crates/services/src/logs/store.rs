//! The tables of the logs room, and the queries over them. Only this room writes them.

use std::sync::Arc;

use ::store::{Key, Row, Schema, Snapshot, Store, Txn, Versioned, key};
use model::Scope;
use model::logs::{
    ExportTask, FilterName, LogGroup, LogGroupId, LogGroupName, LogStream, LogStreamId, LogStreamName,
    MetricFilter, Progress, ResourcePolicy, SubscriptionFilter,
};

use crate::logs::error::Error;
use crate::table::table;

/// Index of streams by id: what the log store answers is named by it.
const STREAM_BY_ID: &str = "id";
/// Index of metric filters by their own name, over all groups of a scope.
pub(crate) const FILTER_BY_NAME: &str = "name";
/// Index of metric filters by the metric that they write to.
pub(crate) const FILTER_BY_METRIC: &str = "metric";
/// Deletions in one commit.
const DELETIONS_AT_ONCE: usize = 90;

table! {
    /// Groups by scope and name.
    pub GroupRow(LogGroup) in "logs/group" { key(group) => group_key(&group.scope, &group.name) }
    /// Streams by their group's id and name: those of a deleted group are out of reach at once.
    pub StreamRow(LogStream) in "logs/stream" {
        key(stream) => stream_key(stream.group, &stream.name),
        STREAM_BY_ID => key![stream.group.to_string(), stream.id.to_string()],
    }
    /// Metric filters by their group's id and name.
    pub MetricFilterRow(MetricFilter) in "logs/metric-filter" {
        key(filter) => filter_key(filter.group, &filter.name),
        FILTER_BY_NAME => key![filter.scope, filter.name.as_str()],
        FILTER_BY_METRIC => metric_key(&filter.scope, &filter.transformation.namespace, &filter.transformation.name)
            .join(&key![filter.name.as_str()]),
    }
    /// Subscription filters by their group's id and name.
    pub SubscriptionFilterRow(SubscriptionFilter) in "logs/subscription-filter" {
        key(filter) => filter_key(filter.group, &filter.name),
    }
    /// How far subscriptions have come, under the keys of their filters.
    pub ProgressRow(Progress) in "logs/subscription-progress" {
        key(progress) => filter_key(progress.group, &progress.name),
    }
    /// Resource policies: an account's by name, a group's by the group.
    pub ResourcePolicyRow(ResourcePolicy) in "logs/resource-policy" {
        key(policy) => policy_key(&policy.scope, policy.group.as_ref(), &policy.name),
    }
    /// Export tasks by scope and id.
    pub ExportTaskRow(ExportTask) in "logs/export-task" { key(task) => key![task.scope, task.id] }
}

/// Adds this room's tables, and those of the log store.
pub fn tables(schema: Schema) -> Schema {
    let filters = schema.table::<MetricFilterRow>().table::<SubscriptionFilterRow>().table::<ProgressRow>();
    let others = filters.table::<ResourcePolicyRow>().table::<ExportTaskRow>();
    telemetry::tables(others.table::<GroupRow>().table::<StreamRow>())
}

/// The key of a filter.
pub(crate) fn filter_key(group: LogGroupId, name: &FilterName) -> Key {
    key![group.to_string(), name.as_str()]
}

/// The beginning of the keys of all filters of a group whose names begin with `prefix`.
pub(crate) fn filters_prefix(group: LogGroupId, prefix: &str) -> Key {
    key![group.to_string()].text_prefix(prefix)
}

/// The key of a metric in [`FILTER_BY_METRIC`].
pub(crate) fn metric_key(scope: &Scope, namespace: &str, name: &str) -> Key {
    key![scope, namespace, name]
}

/// The key of a resource policy: groups have one each, accounts several by name.
pub(crate) fn policy_key(scope: &Scope, group: Option<&LogGroupName>, name: &str) -> Key {
    match group {
        Some(group) => key![scope, "group", group.as_str()],
        None => key![scope, "account", name],
    }
}

fn group_key(scope: &Scope, name: &LogGroupName) -> Key {
    key![scope, name.as_str()]
}

fn stream_key(group: LogGroupId, name: &LogStreamName) -> Key {
    key![group.to_string(), name.as_str()]
}

/// The group of this name.
pub fn group(snapshot: &Snapshot, scope: &Scope, name: &LogGroupName) -> Result<Versioned<GroupRow>, Error> {
    snapshot.get(&group_key(scope, name)).ok_or(Error::GroupNotFound)
}

/// Groups whose names begin with `prefix`, in the order of names, after `after`.
pub(crate) fn groups<'s>(
    snapshot: &'s Snapshot,
    scope: &Scope,
    prefix: &str,
    after: Option<&LogGroupName>,
) -> impl Iterator<Item = Arc<GroupRow>> + use<'s> {
    let after = after.map(|name| name.as_str().to_owned());
    let behind = move |row: &Arc<GroupRow>| after.as_ref().is_none_or(|a| row.name.as_str() > a.as_str());
    let prefix = key![scope].text_prefix(prefix);
    snapshot.all::<GroupRow>(&prefix).map(|row| row.row).filter(behind)
}

/// Every group of every scope.
pub(crate) fn all_groups(snapshot: &Snapshot) -> impl Iterator<Item = Arc<GroupRow>> + use<'_> {
    snapshot.all::<GroupRow>(&key![]).map(|row| row.row)
}

/// The stream of this name.
pub fn stream(
    snapshot: &Snapshot,
    group: LogGroupId,
    name: &LogStreamName,
) -> Result<Versioned<StreamRow>, Error> {
    snapshot.get(&stream_key(group, name)).ok_or(Error::StreamNotFound)
}

/// The stream of this id.
pub(crate) fn stream_by_id(
    snapshot: &Snapshot,
    group: LogGroupId,
    id: LogStreamId,
) -> Option<Arc<StreamRow>> {
    let prefix = key![group.to_string(), id.to_string()];
    snapshot.page_by::<StreamRow>(STREAM_BY_ID, &prefix, None, 1).pop().map(|row| row.row)
}

/// Streams of a group whose names begin with `prefix`, in the order of names.
pub(crate) fn streams<'s>(
    snapshot: &'s Snapshot,
    group: LogGroupId,
    prefix: &str,
) -> impl Iterator<Item = Arc<StreamRow>> + use<'s> {
    snapshot.all::<StreamRow>(&key![group.to_string()].text_prefix(prefix)).map(|row| row.row)
}

/// Adds a group whose name is free.
pub(crate) async fn insert_group(store: &Store, group: LogGroup) -> Result<(), Error> {
    store.commit(Txn::new().insert(&GroupRow(group))).await?;
    Ok(())
}

/// Writes a group that is as it was read.
pub(crate) async fn update_group(
    store: &Store,
    read: &Versioned<GroupRow>,
    change: impl FnOnce(&mut LogGroup),
) -> Result<(), Error> {
    let mut changed = read.0.clone();
    change(&mut changed);
    store.commit(Txn::new().update(read, &GroupRow(changed))).await?;
    Ok(())
}

/// Adds a stream to a group that is as it was read.
pub(crate) async fn insert_stream(
    store: &Store,
    group: &Versioned<GroupRow>,
    stream: LogStream,
) -> Result<(), Error> {
    store.commit(Txn::new().expect(group).insert(&StreamRow(stream))).await?;
    Ok(())
}

/// Deletes the streams and filters of a group that is gone.
pub(crate) async fn delete_contents(store: &Store, group: LogGroupId) -> Result<(), Error> {
    delete_all::<StreamRow>(store, group).await?;
    delete_all::<MetricFilterRow>(store, group).await?;
    delete_all::<SubscriptionFilterRow>(store, group).await?;
    delete_all::<ProgressRow>(store, group).await
}

async fn delete_all<R: Row>(store: &Store, group: LogGroupId) -> Result<(), Error> {
    loop {
        let rows = store.page::<R>(&key![group.to_string()], None, DELETIONS_AT_ONCE);
        if rows.is_empty() {
            return Ok(());
        }
        let txn = rows.iter().fold(Txn::new(), |txn, row| txn.delete::<R>(&row.row.key()));
        store.commit(txn).await?;
    }
}

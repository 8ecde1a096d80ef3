//! What other rooms, the node's uplink and the control loops may call.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::store::{Snapshot, Versioned};
use model::logs::{LogGroup, LogGroupClass, LogGroupId, LogGroupName, LogStream, LogStreamId, LogStreamName};
use model::{Arn, Scope, Timestamp};
use telemetry::{Appended, Batch, EVENT_OVERHEAD_BYTES, Source};

use crate::access::Access;
use crate::cloud::Cloud;
use crate::context::Ids;
use crate::logs::error::Error;
use crate::logs::store::{GroupRow, StreamRow};
use crate::logs::{retention, rules, store, wire};

pub use crate::logs::retention::Swept;
pub use telemetry::Event;

/// Attempts at a commit that meets a conflict.
const ATTEMPTS: usize = 8;

/// A stream that a node writes to, by its raw names.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The account and region.
    pub scope: &'a Scope,
    /// The group's name.
    pub group: &'a str,
    /// The stream's name.
    pub stream: &'a str,
    /// Whether a missing group is created (`awslogs-create-group`).
    pub create_group: bool,
}

/// Makes sure that the stream exists, and the group if the target says so; answers the first
/// offset of `source` that is still wanted.
///
/// # Errors
/// [`Error::GroupNotFound`] when the group is missing and may not be created.
pub async fn open_stream(
    cloud: &Cloud,
    target: Target<'_>,
    source: &str,
    now: Timestamp,
    ids: &Ids,
) -> Result<u64, Error> {
    ensure(cloud, target, now, ids).await?;
    Ok(cloud.logs.source_offset(source).unwrap_or(0))
}

/// What [`open_stream`] asks of the role that logs: a group that is missing is made by it, too.
pub(crate) fn access_to_open(snapshot: &Snapshot, target: &Target<'_>) -> Access {
    let group = wire::access_arn(target.scope, Some(target.group), None);
    let access = Access::new("logs:CreateLogStream", &group);
    if target.create_group && !has_group(snapshot, target.scope, target.group) {
        return access.besides(Access::new("logs:CreateLogGroup", group));
    }
    access
}

/// What [`ingest`] asks of the role that logs.
pub(crate) fn access_to_write(target: &Target<'_>) -> Access {
    let stream = wire::stream_access_arn(target.scope, Some(target.group), None, target.stream);
    Access::new("logs:PutLogEvents", stream)
}

/// Stores a batch of a node's spool durably. A batch that is stored already is acknowledged.
/// Events that PutLogEvents would reject for their age are left out.
///
/// # Errors
/// [`Error::Throttled`] and failures of the stores are worth a repetition;
/// [`Error::AlreadyAccepted`] asks for [`open_stream`] and a batch that begins where it says.
pub async fn ingest(
    cloud: &Cloud,
    target: Target<'_>,
    source: Source,
    mut events: Vec<Event>,
    now: Timestamp,
    ids: &Ids,
) -> Result<Appended, Error> {
    let (group, stream) = ensure(cloud, target, now, ids).await?;
    events.retain(|event| rules::is_acceptable(event.timestamp, now, group.retention));
    cloud.log_quotas.take_bytes(group.id, counted(&events), now)?;
    let batch = Batch { group: group.id, stream: stream.id, ingested_at: now, source: Some(source), events };
    Ok(cloud.logs.append(batch).await?)
}

/// Stores events that another group or a load balancer passes on, in a stream that is made where it is missing.
///
/// # Errors
/// [`Error::GroupNotFound`] when the group is missing; throttling and failures of the stores.
pub async fn copy(
    cloud: &Cloud,
    target: Target<'_>,
    mut events: Vec<Event>,
    now: Timestamp,
    ids: &Ids,
) -> Result<(), Error> {
    let (group, stream) = ensure(cloud, target, now, ids).await?;
    events.retain(|event| rules::is_acceptable(event.timestamp, now, group.retention));
    if events.is_empty() {
        return Ok(());
    }
    cloud.log_quotas.take_bytes(group.id, counted(&events), now)?;
    let batch = Batch { group: group.id, stream: stream.id, ingested_at: now, source: None, events };
    cloud.logs.append(batch).await?;
    Ok(())
}

/// Whether there is a log group of this name.
pub(crate) fn has_group(snapshot: &Snapshot, scope: &Scope, name: &str) -> bool {
    LogGroupName::new(name).is_ok_and(|name| store::group(snapshot, scope, &name).is_ok())
}

/// Removes events beyond their groups' retention, and what interrupted deletions left.
///
/// # Errors
/// Failures of the stores; what was not removed is found again by the next sweep.
pub async fn sweep(cloud: &Cloud, now: Timestamp) -> Result<Swept, Error> {
    retention::sweep(cloud, now).await
}

/// Bytes as the service counts them.
fn counted(events: &[Event]) -> u64 {
    events.iter().map(|event| event.message.len() as u64 + EVENT_OVERHEAD_BYTES).sum()
}

async fn ensure(
    cloud: &Cloud,
    target: Target<'_>,
    now: Timestamp,
    ids: &Ids,
) -> Result<(Arc<GroupRow>, Arc<StreamRow>), Error> {
    let group_name = crate::logs::wire::group_name(target.group)?;
    let stream_name = crate::logs::wire::stream_name(target.stream)?;
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match ensure_once(cloud, target, &group_name, &stream_name, now, ids).await {
            Err(Error::Store(conflict)) if conflict.is_conflict() && attempts > 0 => {}
            done => return done,
        }
    }
}

async fn ensure_once(
    cloud: &Cloud,
    target: Target<'_>,
    group_name: &LogGroupName,
    stream_name: &LogStreamName,
    now: Timestamp,
    ids: &Ids,
) -> Result<(Arc<GroupRow>, Arc<StreamRow>), Error> {
    let snapshot = cloud.store.snapshot();
    let group = match store::group(&snapshot, target.scope, group_name) {
        Err(Error::GroupNotFound) if target.create_group => {
            let group = new_group(target.scope, group_name.clone(), now, ids);
            store::insert_group(&cloud.store, group).await?;
            store::group(&cloud.store.snapshot(), target.scope, group_name)?
        }
        found => found?,
    };
    let stream = match store::stream(&snapshot, group.id, stream_name) {
        Ok(stream) => stream.row,
        Err(_) => insert_stream(cloud, &group, stream_name.clone(), now, ids).await?,
    };
    Ok((group.row, stream))
}

/// The tags of a log group by its ARN, or by that of one of its streams.
pub(crate) fn tags_of(snapshot: &Snapshot, scope: &Scope, arn: &Arn) -> Option<BTreeMap<String, String>> {
    let rest = arn.is_in("logs", scope).then(|| arn.resource.strip_prefix("log-group:"))??;
    let name = LogGroupName::new(rest.split(':').next()?).ok()?;
    store::group(snapshot, scope, &name).ok().map(|group| group.tags.clone())
}

/// A group with the usual settings.
pub(crate) fn new_group(scope: &Scope, name: LogGroupName, now: Timestamp, ids: &Ids) -> LogGroup {
    LogGroup {
        scope: scope.clone(),
        name,
        id: ids.with(|ids| LogGroupId::draw(ids)),
        created_at: now,
        retention: None,
        class: LogGroupClass::Standard,
        deletion_protection: false,
        tags: Default::default(),
    }
}

/// Adds a stream to `group`.
pub(crate) async fn insert_stream(
    cloud: &Cloud,
    group: &Versioned<GroupRow>,
    name: LogStreamName,
    now: Timestamp,
    ids: &Ids,
) -> Result<Arc<StreamRow>, Error> {
    let id = ids.with(|ids| LogStreamId::draw(ids));
    let stream = LogStream { group: group.id, name, id, created_at: now };
    store::insert_stream(&cloud.store, group, stream.clone()).await?;
    Ok(Arc::new(StreamRow(stream)))
}

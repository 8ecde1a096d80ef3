//! Subscriptions at work: events are passed on as they come in, at least once, in runs over arrivals.
//!
//! A run covers every event that came in since the last one and is read from the log store like any
//! query, page by page, so a slow receiver costs disk and no memory, and ingestion never waits. How far
//! it has come is a record: a restart goes on there. `control` decides when to call; see [`deliver`].

mod destination;
mod message;
mod outbound;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::store::{Snapshot, Txn, Versioned, key};
use model::logs::{Destination, FilterName, LogGroupId, LogStreamId, Progress, Window};
use model::{Scope, Timestamp};
use telemetry::pattern::Pattern;
use telemetry::{Direction, Entry, Event, Key, Page, Query};
use thiserror::Error;

use crate::cloud::Cloud;
use crate::context::Ids;
use crate::logs::error::Error;
use crate::logs::retention::visible_from;
use crate::logs::store::{self, GroupRow, ProgressRow, SubscriptionFilterRow};
use crate::logs::{door, filters};

pub(crate) use destination::{parse, undeliverable};
pub use outbound::Outbound;

/// Events passed on at once.
const PAGE_EVENTS: usize = 5_000;
/// Bytes of events passed on at once.
const PAGE_BYTES: u64 = 512 << 10;
/// Pages of one turn, before others have theirs.
const PAGES_A_TURN: usize = 16;
/// What could not be passed on for so long is given up, as AWS does.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Names a subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// The group.
    pub group: LogGroupId,
    /// The filter.
    pub name: FilterName,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everything is passed on.
    Idle,
    /// There may be more.
    More,
}

/// Why events could not be passed on.
#[derive(Debug, Error)]
pub enum Failure {
    /// The endpoint said no.
    #[error("the endpoint answered {0}")]
    Refused(u16),
    /// The endpoint could not be asked.
    #[error("the endpoint could not be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The destination group, or our own store, refused.
    #[error("the log store refused")]
    Logs(#[from] Error),
}

/// The subscriptions that have something to pass on.
pub fn due(cloud: &Cloud) -> Vec<Subscription> {
    let snapshot = cloud.store.snapshot();
    let filters = snapshot.all::<SubscriptionFilterRow>(&key![]);
    let is_due = |filter: &Versioned<SubscriptionFilterRow>| {
        // Filters of a group that is gone stay for a moment.
        let group = store::group(&snapshot, &filter.scope, &filter.group_name);
        if !group.is_ok_and(|group| group.id == filter.group) {
            return false;
        }
        let progress = progress(&snapshot, filter);
        progress.window.is_some() || cloud.logs.newest_of(filter.group) > progress.done
    };
    let named = |filter: Versioned<SubscriptionFilterRow>| Subscription {
        group: filter.group,
        name: filter.name.clone(),
    };
    filters.filter(is_due).map(named).collect()
}

/// Passes on what a subscription has to, for a few pages.
///
/// # Errors
/// The page at hand is still to be passed on: come again later.
pub async fn deliver(
    cloud: &Cloud,
    subscription: &Subscription,
    now: Timestamp,
    ids: &Ids,
) -> Result<Turn, Failure> {
    for _ in 0..PAGES_A_TURN {
        let Some(run) = Run::load(cloud, subscription) else { return Ok(Turn::Idle) };
        let page = run.read(cloud, now).await?;
        if let Err(failure) = run.pass_on(cloud, &page, now, ids).await {
            if !is_given_up(&page, now) {
                return Err(failure);
            }
            tracing::warn!(
                group = %run.filter.group_name, filter = %run.filter.name, events = page.entries.len(),
                error = &failure as &dyn std::error::Error, "events of a subscription are given up after a day"
            );
        }
        if !run.keep(cloud, &page).await? {
            return Ok(Turn::Idle);
        }
    }
    Ok(Turn::More)
}

/// One page of a subscription's run.
struct Run {
    snapshot: Snapshot,
    filter: Versioned<SubscriptionFilterRow>,
    group: Versioned<GroupRow>,
    done: u64,
    window: Window,
}

impl Run {
    /// Where the subscription stands; none when it has nothing to do or is gone.
    fn load(cloud: &Cloud, subscription: &Subscription) -> Option<Run> {
        // Before the snapshot: the streams of all events up to it are then in the snapshot.
        let newest = cloud.logs.newest();
        let snapshot = cloud.store.snapshot();
        let key = store::filter_key(subscription.group, &subscription.name);
        let filter = snapshot.get::<SubscriptionFilterRow>(&key)?;
        let group = store::group(&snapshot, &filter.scope, &filter.group_name).ok();
        let group = group.filter(|group| group.id == filter.group)?;
        let Progress { done, window, .. } = progress(&snapshot, &filter);
        let window = match window {
            Some(window) => window,
            None if newest > done && cloud.logs.newest_of(group.id) > done => {
                Window { upto: newest, after: None }
            }
            None => return None,
        };
        Some(Run { snapshot, filter, group, done, window })
    }

    async fn read(&self, cloud: &Cloud, now: Timestamp) -> Result<Page, Error> {
        let (snapshot, group) = (self.snapshot.clone(), self.group.id);
        let pattern = Pattern::parse(&self.filter.pattern)?;
        let query = Query {
            group,
            streams: Arc::new(move |stream| store::stream_by_id(&snapshot, group, stream).is_some()),
            start: visible_from(&self.group, None, now),
            end: None,
            direction: Direction::Ascending,
            after: self.window.after.map(|(timestamp, seq)| Key { timestamp, seq }),
            arrived: Some(self.done + 1..=self.window.upto),
            predicate: (!pattern.is_everything()).then(|| Arc::new(pattern) as _),
            limit: PAGE_EVENTS,
            max_bytes: PAGE_BYTES,
        };
        Ok(cloud.logs.select(&query).await?)
    }

    async fn pass_on(&self, cloud: &Cloud, page: &Page, now: Timestamp, ids: &Ids) -> Result<(), Failure> {
        let mut by_stream: BTreeMap<LogStreamId, Vec<&Entry>> = BTreeMap::new();
        for entry in &page.entries {
            by_stream.entry(entry.stream).or_default().push(entry);
        }
        for (stream, entries) in by_stream {
            let Some(stream) = store::stream_by_id(&self.snapshot, self.group.id, stream) else { continue };
            let stream = stream.name.as_str();
            match &self.filter.destination {
                Destination::Endpoint(url) => {
                    let pattern = Pattern::parse(&self.filter.pattern).map_err(Error::from)?;
                    let message = message::data(&self.filter, &pattern, stream, &entries);
                    cloud.log_outbound.post(url, message).await?;
                }
                Destination::Group(name) => {
                    let target = door::Target {
                        scope: &self.filter.scope,
                        group: name.as_str(),
                        stream,
                        create_group: false,
                    };
                    door::copy(cloud, target, entries.into_iter().map(event).collect(), now, ids).await?;
                }
            }
        }
        Ok(())
    }

    /// Keeps that the page is passed on; false when the filter is gone.
    async fn keep(&self, cloud: &Cloud, page: &Page) -> Result<bool, Error> {
        let (done, window) = match page.next {
            Some(next) => {
                (self.done, Some(Window { after: Some((next.timestamp, next.seq)), ..self.window }))
            }
            None => (self.window.upto, None),
        };
        let progress = Progress {
            group: self.group.id,
            name: self.filter.name.clone(),
            id: self.filter.id.clone(),
            done,
            window,
        };
        let filter = store::filter_key(self.group.id, &self.filter.name);
        let txn = Txn::new().expect_present::<SubscriptionFilterRow>(&filter).put(&ProgressRow(progress));
        match cloud.store.commit(txn).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn event(entry: &Entry) -> Event {
    Event { timestamp: Timestamp::from_millis(entry.key.timestamp), message: entry.message.to_string() }
}

/// How far a subscription has come; a filter that was made anew begins anew.
fn progress(snapshot: &Snapshot, filter: &SubscriptionFilterRow) -> Progress {
    let kept = snapshot.get::<ProgressRow>(&store::filter_key(filter.group, &filter.name));
    match kept.filter(|kept| kept.id == filter.id) {
        Some(kept) => kept.0.clone(),
        None => Progress {
            group: filter.group,
            name: filter.name.clone(),
            id: filter.id.clone(),
            done: filter.from,
            window: None,
        },
    }
}

fn is_given_up(page: &Page, now: Timestamp) -> bool {
    let oldest = page.entries.iter().map(|entry| entry.ingested_at).min();
    oldest.is_some_and(|oldest| now.since(oldest) > GIVE_UP_AFTER)
}

/// Whether events of `group` passed on to `destination` would come back to it.
pub(crate) fn would_loop(
    snapshot: &Snapshot,
    scope: &Scope,
    group: &GroupRow,
    destination: &Destination,
) -> bool {
    let mut ahead = match destination {
        Destination::Group(name) => vec![name.clone()],
        Destination::Endpoint(_) => return false,
    };
    let mut seen = Vec::new();
    while let Some(name) = ahead.pop() {
        if name == group.name {
            return true;
        }
        let Ok(next) = store::group(snapshot, scope, &name) else { continue };
        for filter in filters::of_group::<SubscriptionFilterRow>(snapshot, next.id) {
            if let Destination::Group(name) = &filter.destination
                && !seen.contains(name)
            {
                ahead.push(name.clone());
            }
        }
        seen.push(name);
    }
    false
}

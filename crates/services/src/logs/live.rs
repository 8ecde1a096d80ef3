//! Live Tail: events as they come in, a frame a second, for at most three hours.
//!
//! StartLiveTail lays a session ready; the front door takes it and answers with its frames. A session
//! ends when it is dropped, which is when its client goes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::wire::logs::{
    LiveTailSessionLogEvent, LiveTailSessionMetadata, LiveTailSessionStart, LiveTailSessionUpdate,
    SessionTimeoutException,
};
use ::wire::protocol::{eventstream, json};
use model::logs::{LogGroup, LogGroupId, LogStreamId};
use parking_lot::Mutex;
use store::Store;
use telemetry::pattern::Pattern;
use telemetry::{Entry, Heard, Predicate, Tail};
use tokio::sync::watch;
use tokio::time::Instant;

use super::store::stream_by_id;

/// Sessions of an account at once; the service's own quota.
const MAX_SESSIONS: usize = 15;
/// The most events of an update; with more, the rest is left out and the update says so.
const MAX_EVENTS: usize = 500;
/// Between two updates.
const EVERY: Duration = Duration::from_secs(1);
/// How long a session lasts.
const LIFETIME: Duration = Duration::from_secs(3 * 60 * 60);
/// Names of streams that a session remembers.
const MAX_NAMES: usize = 10_000;

/// The sessions of a server.
pub struct LiveTails {
    waiting: Mutex<BTreeMap<String, LiveTail>>,
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
    ended: watch::Sender<bool>,
}

/// One session.
pub struct LiveTail {
    store: Store,
    tail: Tail,
    start: Option<LiveTailSessionStart>,
    wanted: Wanted,
    names: BTreeMap<LogStreamId, Option<String>>,
    until: Instant,
    is_over: bool,
    ended: watch::Receiver<bool>,
    _place: Place,
}

/// What a session wants to see.
pub(crate) struct Wanted {
    /// The groups.
    pub(crate) groups: Vec<LogGroup>,
    /// Only streams of these names, when there are any.
    pub(crate) streams: Vec<String>,
    /// Only streams whose names begin so, when there are any.
    pub(crate) prefixes: Vec<String>,
    /// Only events that match.
    pub(crate) pattern: Pattern,
}

impl LiveTails {
    /// Lays a session ready; false when the account has too many.
    pub(crate) fn start(
        &self,
        store: Store,
        tail: Tail,
        start: LiveTailSessionStart,
        wanted: Wanted,
    ) -> bool {
        let account = wanted.groups.first().map(|group| group.scope.account.to_string()).unwrap_or_default();
        let id = start.session_id.clone().unwrap_or_default();
        let Some(place) = Place::take(&self.counts, account) else { return false };
        let session = LiveTail {
            store,
            tail,
            start: Some(start),
            wanted,
            names: BTreeMap::new(),
            until: Instant::now() + LIFETIME,
            is_over: false,
            ended: self.ended.subscribe(),
            _place: place,
        };
        self.waiting.lock().insert(id, session);
        true
    }

    /// The session of this id, once.
    pub fn take(&self, id: &str) -> Option<LiveTail> {
        self.waiting.lock().remove(id)
    }

    /// Ends all sessions: the server stops.
    pub fn end_all(&self) {
        self.ended.send_replace(true);
    }
}

impl LiveTail {
    /// The next frames; none when the session is over.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        if let Some(start) = self.start.take() {
            let mut frames = eventstream::initial_response();
            frames.extend(eventstream::event("sessionStart", &json::encode_shape(start)));
            return Some(frames);
        }
        if self.is_over {
            return None;
        }
        if Instant::now() >= self.until {
            self.is_over = true;
            let told =
                SessionTimeoutException { message: Some("The Live Tail session has timed out.".into()) };
            return Some(eventstream::exception("SessionTimeoutException", &json::encode_shape(told)));
        }
        let update = self.gather().await;
        Some(eventstream::event("sessionUpdate", &json::encode_shape(update)))
    }

    /// What comes in within a second.
    async fn gather(&mut self) -> LiveTailSessionUpdate {
        let (mut events, mut sampled) = (Vec::new(), false);
        let until = Instant::now() + EVERY;
        loop {
            let heard = tokio::select! {
                biased;
                _ = self.ended.wait_for(|ended| *ended) => None,
                heard = self.tail.next() => heard,
                () = tokio::time::sleep_until(until) => break,
            };
            match heard {
                Some(Heard::Batch(fresh)) => {
                    for entry in fresh.entries.iter() {
                        let Some(event) = self.event(fresh.group, entry) else { continue };
                        if events.len() < MAX_EVENTS { events.push(event) } else { sampled = true }
                    }
                }
                Some(Heard::Missed(_)) => sampled = true,
                None => {
                    self.is_over = true;
                    break;
                }
            }
        }
        LiveTailSessionUpdate {
            session_metadata: Some(LiveTailSessionMetadata { sampled: Some(sampled) }),
            session_results: Some(events),
        }
    }

    /// The event, if it is wanted.
    fn event(&mut self, group: LogGroupId, entry: &Entry) -> Option<LiveTailSessionLogEvent> {
        let at = self.wanted.groups.iter().position(|wanted| wanted.id == group)?;
        let name = self.name(group, entry.stream)?;
        if !self.wanted.pattern.matches(&entry.message) {
            return None;
        }
        let group = &self.wanted.groups[at];
        Some(LiveTailSessionLogEvent {
            log_stream_name: Some(name),
            log_group_identifier: Some(format!("{}:{}", group.scope.account, group.name)),
            message: Some(entry.message.to_string()),
            timestamp: Some(entry.key.timestamp),
            ingestion_time: Some(entry.ingested_at.as_millis()),
        })
    }

    /// The stream's name, if the stream is wanted.
    fn name(&mut self, group: LogGroupId, stream: LogStreamId) -> Option<String> {
        if let Some(known) = self.names.get(&stream) {
            return known.clone();
        }
        let found = stream_by_id(&self.store.snapshot(), group, stream)?.name.to_string();
        let Wanted { streams, prefixes, .. } = &self.wanted;
        let fits = (streams.is_empty() || streams.contains(&found))
            && (prefixes.is_empty() || prefixes.iter().any(|prefix| found.starts_with(prefix)));
        let name = fits.then_some(found);
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        self.names.insert(stream, name.clone());
        name
    }
}

impl Default for LiveTails {
    fn default() -> Self {
        LiveTails { waiting: Mutex::default(), counts: Arc::default(), ended: watch::Sender::new(false) }
    }
}

impl fmt::Debug for LiveTails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveTails({:?})", self.counts.lock())
    }
}

/// One of an account's sessions, given back when it is dropped.
struct Place {
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
    account: String,
}

impl Place {
    fn take(counts: &Arc<Mutex<BTreeMap<String, usize>>>, account: String) -> Option<Place> {
        let mut taken = counts.lock();
        let count = taken.entry(account.clone()).or_default();
        if *count >= MAX_SESSIONS {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Place { counts: counts.clone(), account })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(count) = self.counts.lock().get_mut(&self.account) {
            *count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_sessions_at_once() {
        let counts = Arc::default();
        let take = || Place::take(&counts, "1".to_owned());
        let mut places: Vec<_> = (0..MAX_SESSIONS).map(|_| take().unwrap()).collect();
        assert!(take().is_none() && Place::take(&counts, "2".to_owned()).is_some());
        places.pop();
        assert!(take().is_some());
    }
}

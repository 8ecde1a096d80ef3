//! The service scheduler's driver: one for all services.
//!
//! It ignores *what* changed: a change makes its service due, as does a time that a look asked for, and a look asks
//! the store anew. A first start and missed changes make all of them due. Looks at different services go on together,
//! never two at the same one; one that fails is repeated later and holds up no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::Timestamp;
use services::ecs::error::Error;
use services::ecs::schedule::{self, ServiceKey};
use services::{Cloud, Ids};
use store::{Changes, Notice};

use crate::clock::Clock;

/// Looks that go on at the same time: commits of several share one write to the disk.
const AT_ONCE: usize = 16;
/// Changes taken together before the next look begins.
const BURST: usize = 1024;
/// The longest sleep: clocks may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The pause after a failed look; each next is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause after failed looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until the store is gone.
pub async fn run(cloud: Arc<Cloud>, clock: Clock, ids: Ids) {
    let mut changes = cloud.store.changes();
    let mut agenda = Agenda { due: schedule::all(&cloud.store.snapshot()), ..Agenda::default() };
    let mut looks: FuturesUnordered<BoxFuture<'static, Looked>> = FuturesUnordered::new();
    loop {
        let now = clock.now();
        agenda.wake(now);
        while looks.len() < AT_ONCE
            && let Some(key) = agenda.next()
        {
            looks.push(look(cloud.clone(), ids.clone(), key, now).boxed());
        }
        let sleep = agenda.earliest().map_or(LONGEST_SLEEP, |at| at.since(now)).min(LONGEST_SLEEP);
        tokio::select! {
            biased;
            notice = changes.next() => match notice {
                Some(notice) => take(&cloud, &mut agenda, notice, &mut changes),
                None => return,
            },
            Some(looked) = looks.next() => agenda.finish(looked, clock.now()),
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// The outcome of a look.
struct Looked {
    key: ServiceKey,
    outcome: Result<Option<Timestamp>, Error>,
}

async fn look(cloud: Arc<Cloud>, ids: Ids, key: ServiceKey, now: Timestamp) -> Looked {
    let outcome = schedule::look(&cloud, &ids, &key, now).await;
    Looked { key, outcome }
}

/// Takes a change, and those that came with it. The snapshot comes last: it has all that was told of.
fn take(cloud: &Cloud, agenda: &mut Agenda, first: Notice, changes: &mut Changes) {
    let mut notices = vec![first];
    while notices.len() < BURST
        && let Some(Some(notice)) = changes.next().now_or_never()
    {
        notices.push(notice);
    }
    let snapshot = cloud.store.snapshot();
    for notice in notices {
        match notice {
            Notice::Change(change) => agenda.due.extend(schedule::concerned(&snapshot, &change)),
            Notice::Lagged => agenda.due.extend(schedule::all(&snapshot)),
        }
    }
}

/// Which services are due, now and later.
#[derive(Debug, Default)]
struct Agenda {
    due: BTreeSet<ServiceKey>,
    looked_at: BTreeSet<ServiceKey>,
    later: BTreeMap<ServiceKey, Timestamp>,
    failures: BTreeMap<ServiceKey, u32>,
}

impl Agenda {
    /// The next service that is due and that nobody looks at.
    fn next(&mut self) -> Option<ServiceKey> {
        let key = self.due.iter().find(|key| !self.looked_at.contains(*key))?.clone();
        self.due.remove(&key);
        self.later.remove(&key);
        self.looked_at.insert(key.clone());
        Some(key)
    }

    fn wake(&mut self, now: Timestamp) {
        let woken: Vec<_> =
            self.later.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in woken {
            self.later.remove(&key);
            self.due.insert(key);
        }
    }

    fn earliest(&self) -> Option<Timestamp> {
        self.later.values().min().copied()
    }

    fn finish(&mut self, looked: Looked, now: Timestamp) {
        let Looked { key, outcome } = looked;
        self.looked_at.remove(&key);
        match outcome {
            Ok(wake_at) => {
                self.failures.remove(&key);
                if let Some(at) = wake_at {
                    self.later.insert(key, at);
                }
            }
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(service = %key.name, cluster = %key.cluster, error, "scheduling a service");
                let failures = self.failures.entry(key.clone()).or_default();
                let pause = FIRST_PAUSE.saturating_mul(1 << (*failures).min(10)).min(LONGEST_PAUSE);
                *failures = failures.saturating_add(1);
                self.later.insert(key, now + pause);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ecs::{ClusterName, ServiceName};
    use model::{AccountId, Region, Scope};

    fn key(name: &str) -> ServiceKey {
        ServiceKey {
            scope: Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap()),
            cluster: ClusterName::new("c").unwrap(),
            name: ServiceName::new(name).unwrap(),
        }
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn nobody_looks_twice_at_once() {
        let mut agenda = Agenda::default();
        agenda.due.insert(key("a"));
        assert_eq!(agenda.next(), Some(key("a")));
        agenda.due.insert(key("a"));
        agenda.due.insert(key("b"));
        assert_eq!((agenda.next(), agenda.next()), (Some(key("b")), None));
        agenda.finish(Looked { key: key("a"), outcome: Ok(None) }, NOW);
        assert_eq!(agenda.next(), Some(key("a")), "it changed while it was looked at");
    }

    #[test]
    fn a_failed_look_comes_again_ever_later_and_holds_up_nobody() {
        let mut agenda = Agenda::default();
        for expected in [500, 1000, 2000] {
            agenda.due.insert(key("a"));
            agenda.next();
            agenda.finish(Looked { key: key("a"), outcome: Err(Error::Client("no".into())) }, NOW);
            assert_eq!(agenda.earliest(), Some(NOW + Duration::from_millis(expected)));
        }
        agenda.due.insert(key("b"));
        assert_eq!((agenda.next(), agenda.next()), (Some(key("b")), None));
        agenda.wake(NOW + Duration::from_secs(2));
        assert_eq!(agenda.next(), Some(key("a")));
    }
}

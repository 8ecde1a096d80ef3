//! What the log service does by itself: subscriptions pass on what comes in, exports are written.
//!
//! Events are gathered for a moment before they are passed on. Subscriptions do not wait for each
//! other; one that fails rests, longer each time, and its events wait in the log store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use services::logs::delivery::{self, Failure, Subscription, Turn};
use services::logs::export;
use services::{Cloud, Ids};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;

/// How long events are gathered before they are passed on.
const GATHER: Duration = Duration::from_millis(500);
/// Subscriptions that are passed on at the same time.
const FLIGHTS_MAX: usize = 16;
/// The rest after a first failure; it doubles up to [`REST_LAST`].
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_LAST: Duration = Duration::from_secs(60);
/// How long exports wait after a failure of ours.
const EXPORTS_EVERY: Duration = Duration::from_secs(60);

/// Runs until it is dropped.
pub async fn run(cloud: Arc<Cloud>, clock: Clock, ids: Ids) {
    tokio::join!(subscriptions(cloud.clone(), clock.clone(), ids), exports(cloud, clock));
}

/// A subscription that failed.
struct Rest {
    until: Instant,
    length: Duration,
}

type Landed = (Subscription, Result<Turn, Failure>);

async fn subscriptions(cloud: Arc<Cloud>, clock: Clock, ids: Ids) {
    let mut arrivals = cloud.logs.arrivals();
    let mut flights: JoinSet<Landed> = JoinSet::new();
    let mut flying: BTreeSet<Subscription> = BTreeSet::new();
    let mut resting: BTreeMap<Subscription, Rest> = BTreeMap::new();
    loop {
        arrivals.mark_unchanged();
        let now = Instant::now();
        let mut due = delivery::due(&cloud);
        resting.retain(|subscription, _| due.contains(subscription) || flying.contains(subscription));
        due.retain(|one| !flying.contains(one) && resting.get(one).is_none_or(|rest| rest.until <= now));
        for subscription in due.into_iter().take(FLIGHTS_MAX.saturating_sub(flying.len())) {
            flying.insert(subscription.clone());
            let (cloud, at, ids) = (cloud.clone(), clock.now(), ids.clone());
            flights.spawn(async move {
                let turn = delivery::deliver(&cloud, &subscription, at, &ids).await;
                (subscription, turn)
            });
        }
        let waits = resting.iter().filter(|(one, _)| !flying.contains(*one)).map(|(_, rest)| rest.until);
        let next_retry = waits.min().map(|until| until.max(now + GATHER));
        tokio::select! {
            biased;
            Some(landed) = flights.join_next() => match landed {
                Ok((subscription, turn)) => {
                    flying.remove(&subscription);
                    rest(&mut resting, subscription, turn);
                }
                Err(error) => {
                    // A panic has been reported by its task; what flew is looked at again.
                    tracing::error!(error = &error as &dyn std::error::Error, "passing events on ended badly");
                    flights.abort_all();
                    while flights.join_next().await.is_some() {}
                    flying.clear();
                    tokio::time::sleep(REST_FIRST).await;
                }
            },
            changed = arrivals.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(GATHER).await;
            }
            () = wait_until(next_retry) => {}
        }
    }
}

/// A subscription rests after a failure, and no more after a success.
fn rest(resting: &mut BTreeMap<Subscription, Rest>, subscription: Subscription, turn: Result<Turn, Failure>) {
    match turn {
        Ok(Turn::Idle | Turn::More) => {
            resting.remove(&subscription);
        }
        Err(failure) => {
            let length =
                resting.get(&subscription).map_or(REST_FIRST, |rest| (rest.length * 2).min(REST_LAST));
            tracing::warn!(
                filter = %subscription.name, seconds = length.as_secs(),
                error = &failure as &dyn std::error::Error, "a subscription could not be passed on and rests"
            );
            resting.insert(subscription, Rest { until: Instant::now() + length, length });
        }
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn exports(cloud: Arc<Cloud>, clock: Clock) {
    loop {
        let now = clock.clone();
        match export::run_waiting(&cloud, move || now.now()).await {
            Ok(()) => cloud.log_outbound.export_is_wished().await,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "export tasks wait");
                tokio::time::sleep(EXPORTS_EVERY).await;
            }
        }
    }
}

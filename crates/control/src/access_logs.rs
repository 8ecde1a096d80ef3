//! Access and connection logs of load balancers: lines that the balancer sends become events of the log store.
//!
//! A batch is acknowledged when it is stored or cannot be: while the store fails it is tried again for a while, then
//! dropped and counted. What comes meanwhile waits in the balancer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use services::elbv2::traffic::{self, AccessLog};
use services::logs::door::{self, Event, Target};
use services::logs::error::Error;
use services::{Cloud, Ids};
use tokio::sync::{mpsc, oneshot};
use wire::link::{AccessLine, LogKind};

use crate::clock::Clock;

/// How often a batch is tried, and the pause between.
const ATTEMPTS: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// Lines that wait to be stored.
#[derive(Debug)]
pub struct Batch {
    /// The lines, of any load balancers.
    pub lines: Vec<AccessLine>,
    /// Told when nothing more is to be done for them.
    pub stored: oneshot::Sender<()>,
}

/// Stores what comes until nobody can send any more.
pub async fn run(cloud: Arc<Cloud>, clock: Clock, ids: Ids, mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        for ((load_balancer, kind), events) in by_log(batch.lines) {
            let lines = events.len();
            let Some(log) = traffic::access_log(&cloud.store.snapshot(), &load_balancer, kind) else {
                tracing::warn!(
                    load_balancer,
                    lines,
                    "dropping lines of a load balancer that has no access log now"
                );
                continue;
            };
            if let Err(error) = store(&cloud, &clock, &ids, &log, events).await {
                tracing::error!(
                    load_balancer,
                    lines,
                    group = log.group,
                    error = &error as &dyn std::error::Error,
                    "dropping lines of an access log"
                );
            }
        }
        // The link may have gone: then the lines come again.
        batch.stored.send(()).ok();
    }
}

async fn store(
    cloud: &Cloud,
    clock: &Clock,
    ids: &Ids,
    log: &AccessLog,
    events: Vec<Event>,
) -> Result<(), Error> {
    let target = Target { scope: &log.scope, group: &log.group, stream: &log.stream, create_group: false };
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match door::copy(cloud, target, events.clone(), clock.now(), ids).await {
            Err(Error::Throttled | Error::Store(_) | Error::Logs(_)) if attempts > 0 => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Events by their load balancers and logs, each in the order of time.
fn by_log(lines: Vec<AccessLine>) -> BTreeMap<(String, LogKind), Vec<Event>> {
    let mut events: BTreeMap<(String, LogKind), Vec<Event>> = BTreeMap::new();
    for line in lines {
        let event = Event { timestamp: Timestamp::from_millis(line.timestamp), message: line.line };
        events.entry((line.load_balancer, line.kind)).or_default().push(event);
    }
    for events in events.values_mut() {
        events.sort_by_key(|event| event.timestamp);
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parted_and_put_in_order() {
        let line = |load_balancer: &str, timestamp| AccessLine {
            load_balancer: load_balancer.to_owned(),
            kind: LogKind::Access,
            timestamp,
            line: timestamp.to_string(),
        };
        let parted = by_log(vec![line("b", 3), line("a", 2), line("b", 1)]);
        let shown: Vec<_> = parted
            .iter()
            .map(|((arn, _), events)| {
                (arn.as_str(), events.iter().map(|it| it.message.as_str()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(shown, [("a", vec!["2"]), ("b", vec!["1", "3"])]);
    }
}

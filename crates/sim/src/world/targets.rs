//! The balancer in the world: it looks at what the control plane routes, and reports what it finds.

use std::sync::Arc;
use std::time::Duration;

use control::Clock;
use control::routes::{self, ReportsReceiver, RoutesSender};
use services::Cloud;
use tokio::sync::watch;
use wire::link::{Routes, RoutesReport, TargetState};

use super::{Event, Gone, World, alive};
use crate::trace::short;

/// From one look of the balancer to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A control plane's tie to the balancer.
#[derive(Debug)]
pub(super) struct Routing {
    routes: watch::Receiver<Option<Arc<Routes>>>,
    reports: watch::Sender<Option<Arc<RoutesReport>>>,
}

impl Routing {
    /// Starts the loop that drives the balancer; it ends with its control plane.
    pub(super) fn start(cloud: Arc<Cloud>, clock: Clock, gone: Arc<Gone>) -> Routing {
        let (sender, routes): (RoutesSender, _) = watch::channel(None);
        let (reports, receiver): (_, ReportsReceiver) = watch::channel(None);
        let running = routes::run(cloud, clock, sender, receiver);
        tokio::spawn(async move { alive(Some(gone), running).await });
        Routing { routes, reports }
    }
}

impl World {
    /// The balancer looks at its targets, and tells when something is new.
    pub(super) fn look_at_targets(&mut self) {
        self.after(LOOK_EVERY, Event::LookAtTargets);
        let Some(routing) = self.control.as_ref().and_then(|control| control.routing.as_ref()) else {
            return;
        };
        let Some(routes) = routing.routes.borrow().clone() else { return };
        let now = self.start.elapsed();
        let Some((report, news)) = self.balancer.look(&routes, &self.nodes, now, self.stormy) else { return };
        let healthy = report.targets.iter().filter(|target| target.state == TargetState::Healthy);
        let mut ledger = self.ledger.lock();
        healthy.for_each(|target| ledger.prove(&target.target_group, &target.id, target.port));
        drop(ledger);
        let report = Arc::new(report);
        routing.reports.send_if_modified(|last| {
            let is_new = last.as_ref() != Some(&report);
            if is_new {
                *last = Some(report);
            }
            is_new
        });
        self.count("target states", news.len());
        for ((group, id, _), state) in news {
            self.trace.note(format!("target {id} of {}: {state:?}", short(&group)));
        }
    }
}

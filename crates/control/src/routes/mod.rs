//! Routes: what the balancer is to serve, rendered from the elbv2 room's tables, and what it reports coming back.
//!
//! Level-triggered: woken by a change, a report or the end of a draining, the loop renders everything anew and
//! sends it when it differs from what was sent last. A report counts only when it is about what was sent last, and
//! only for registrations that were in it; the newest report is kept until it is.

mod proxy;
mod render;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use model::Timestamp;
use services::elbv2::{door, traffic};
use services::{Cloud, discovery, ecs, elbv2};
use store::{Changes, Notice};
use tokio::sync::watch;
use wire::link::{Routes, RoutesReport};

use crate::clock::Clock;

/// Notices taken at once before looking: a burst of changes costs one look.
const BURST: usize = 1024;
/// The longest pause between two looks: clocks may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How soon it is tried again after a failure of the store.
const RETRY: Duration = Duration::from_secs(1);

/// Takes the newest routes. `None` until they are known.
pub type RoutesSender = watch::Sender<Option<Arc<Routes>>>;
/// Gives the newest report.
pub type ReportsReceiver = watch::Receiver<Option<Arc<RoutesReport>>>;

/// What was sent last: what reports are measured by.
#[derive(Clone, Debug, Default)]
struct Sent {
    routes: Arc<Routes>,
    /// When each target was registered, by its group's ARN, its id and its port.
    registrations: BTreeMap<(String, String, u16), Timestamp>,
}

/// Drives the balancer until it is dropped, or the store is gone.
pub async fn run(cloud: Arc<Cloud>, clock: Clock, routes: RoutesSender, mut reports: ReportsReceiver) {
    let mut changes = cloud.store.changes();
    let mut sent: Option<Sent> = None;
    let mut supervised = true;
    loop {
        let now = clock.now();
        let next = look(&cloud, now, &routes, &mut sent);
        let report = reports.borrow_and_update().clone();
        let pause = match take_in(&cloud, now, report.as_deref(), sent.as_ref()).await {
            Ok(wake_at) => wake_at.or(next).map_or(LOOK_EVERY, |at| at.since(now)).min(LOOK_EVERY),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "committing a balancer's report");
                RETRY
            }
        };
        let proxied = sent.as_ref().is_some_and(|sent| !sent.routes.proxies.is_empty());
        let concerns = |table: &str| {
            door::TABLES.contains(&table)
                || discovery::connect::TABLES.contains(&table)
                // Most changes of tasks are nothing to the balancer: those without Service Connect.
                || (table == ecs::door::TASK_TABLE && (proxied || ecs::connect::is_used(&cloud.store.snapshot())))
        };
        tokio::select! {
            biased;
            reported = reports.changed(), if supervised => supervised = reported.is_ok(),
            alive = wait(&mut changes, &concerns) => if !alive { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Renders and sends what is new. Returns when a draining ends.
fn look(cloud: &Cloud, now: Timestamp, routes: &RoutesSender, sent: &mut Option<Sent>) -> Option<Timestamp> {
    let snapshot = cloud.store.snapshot();
    let view = traffic::view(cloud, &snapshot);
    let mut rendered = render::routes(&view, snapshot.seq().0, now);
    (rendered.proxies, rendered.proxy_targets) = proxy::proxies(&snapshot);
    let same = |sent: &Sent| Routes { serial: sent.routes.serial, ..rendered.clone() } == *sent.routes;
    if !sent.as_ref().is_some_and(same) {
        let targets = view.target_groups.iter().flat_map(|(_, targets)| targets);
        let registration = |target: &model::elbv2::Target| {
            let group = target.group.arn(&target.scope).to_string();
            ((group, target.key.id.clone(), target.key.port), target.registered_at)
        };
        let new = Sent { routes: Arc::new(rendered), registrations: targets.map(registration).collect() };
        routes.send_replace(Some(new.routes.clone()));
        *sent = Some(new);
    }
    let drainings = view.target_groups.iter().flat_map(|(_, targets)| targets.iter());
    drainings.filter_map(|target| target.draining_until).filter(|until| *until > now).min()
}

/// Commits what a report tells, and what time and changes alone bring about. Returns when the next draining ends.
async fn take_in(
    cloud: &Cloud,
    now: Timestamp,
    report: Option<&RoutesReport>,
    sent: Option<&Sent>,
) -> Result<Option<Timestamp>, elbv2::error::Error> {
    if let (Some(report), Some(sent)) = (report, sent)
        && report.serial == sent.routes.serial
    {
        let sightings = report::sightings(report, sent);
        let changed = traffic::report_targets(&cloud.store, &sightings).await?;
        let states = report::load_balancers(report, &sent.routes);
        let active = traffic::report_load_balancers(&cloud.store, &states).await?;
        tracing::debug!(
            serial = report.serial,
            targets = changed,
            load_balancers = active,
            "took in a report"
        );
    }
    traffic::forget_unused_targets(&cloud.store).await?;
    door::reap_drained_targets(&cloud.store, now).await
}

/// Waits for a change that concerns routes. False when the store is gone.
async fn wait(changes: &mut Changes, concerns: &(dyn Fn(&str) -> bool + Sync)) -> bool {
    loop {
        match changes.next().await {
            Some(Notice::Change(change)) if !concerns(change.table) => {}
            Some(Notice::Change(_) | Notice::Lagged) => break,
            None => return false,
        }
    }
    for _ in 0..BURST {
        match changes.next().now_or_never() {
            Some(Some(_)) => {}
            Some(None) => return false,
            None => break,
        }
    }
    true
}

#[cfg(test)]
mod tests;

//! The data plane as one piece: routes in, reports out.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use wire::link::{ListenerReport, Routes, RoutesReport};

use crate::checks::Checks;
use crate::group::Group;
use crate::place::Place;
use crate::shared::Shared;
use crate::sockets::Sockets;
use crate::table::Table;
use crate::workers::Workers;

/// A running data plane.
#[derive(Debug)]
pub struct Balancer {
    shared: Arc<Shared>,
    table: Table,
    sockets: Sockets,
    checks: Checks,
}

impl Balancer {
    /// Starts without routes. `inherited` are a predecessor's sockets, `namespaces` is where links to the networks of
    /// tasks are; `seed` is random.
    pub(crate) fn new(
        workers: Workers,
        inherited: BTreeMap<Place, TcpListener>,
        namespaces: PathBuf,
        seed: u64,
    ) -> Balancer {
        let shared = Arc::new(Shared::new(workers.count(), seed));
        let sockets = Sockets::new(workers, shared.clone(), inherited, namespaces);
        Balancer { shared, table: Table::default(), sockets, checks: Checks::default() }
    }

    /// What all connections share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The serial of the routes that are served.
    pub fn serial(&self) -> u64 {
        self.table.serial
    }

    /// Serves these routes from now on.
    pub fn apply(&mut self, routes: &Routes) {
        let table = Table::new(routes, &self.table, &self.shared.board);
        self.sockets.update(&table);
        self.checks.update(&table, &self.shared.target_tls);
        for (arn, group) in &self.table.groups {
            let_go(group, table.groups.get(arn));
        }
        for (name, group) in &self.table.proxy_groups {
            let_go(group, table.proxy_groups.get(name));
        }
        self.table = table;
        self.shared.board.changed.notify_one();
    }

    /// Tries again what could not be bound, and closes connections that have been idle for too long.
    pub fn tend(&mut self) {
        if self.sockets.incomplete() && self.sockets.retry(&self.table, false) {
            self.shared.board.changed.notify_one();
        }
        let groups = self.table.groups.values().chain(self.table.proxy_groups.values());
        for target in groups.flat_map(|group| &group.targets) {
            target.pool.sweep();
        }
    }

    /// Whether the network of any task is waited for.
    pub fn awaits_tasks(&self) -> bool {
        self.sockets.awaits_tasks()
    }

    /// Looks whether the networks that are waited for have come.
    pub fn look_for_tasks(&mut self) {
        self.sockets.retry(&self.table, true);
    }

    /// How listeners and targets are.
    pub fn report(&self) -> RoutesReport {
        let listeners = self.table.listeners.iter().map(|(arn, status)| {
            let unbound =
                status.addresses.iter().filter_map(|address| self.sockets.failure(&Place::from(*address)));
            let failures = status.refused.as_deref().into_iter().chain(unbound).map(str::to_owned);
            ListenerReport { arn: arn.clone(), failures: failures.collect() }
        });
        let targets = self.table.groups.values().flat_map(|group| &group.targets);
        let mut targets: Vec<_> = targets.map(|target| target.report()).collect();
        targets.sort_by(|a, b| (&a.target_group, &a.id, a.port).cmp(&(&b.target_group, &b.id, b.port)));
        RoutesReport { serial: self.table.serial, listeners: listeners.collect(), targets }
    }

    /// The sockets, to be sent to a successor.
    pub(crate) fn handles(&self) -> impl Iterator<Item = (Place, BorrowedFd<'_>)> {
        self.sockets.handles()
    }

    /// Accepts no more and checks no more, since a successor does; what is open may finish.
    pub fn leave(&mut self) {
        self.sockets.stop(false);
        self.checks.stop();
        self.shared.leaving.say();
    }

    /// Accepts no more and closes each connection behind what it is at.
    pub fn close(&mut self) {
        self.sockets.stop(true);
        self.checks.stop();
    }
}

/// Closes the idle connections of targets that a group has no more, and those that run where that is wanted.
fn let_go(old: &Group, new: Option<&Arc<Group>>) {
    let kept = new.map(|group| group.targets.as_slice()).unwrap_or_default();
    for gone in old.targets.iter().filter(|old| !kept.iter().any(|kept| Arc::ptr_eq(kept, old))) {
        gone.pool.clear();
        if old.route.connection_termination {
            gone.cut();
        }
    }
}

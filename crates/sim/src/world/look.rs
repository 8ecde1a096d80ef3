//! What can be seen of the world, and what must hold at every moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use model::ecs::Task;
use parking_lot::MutexGuard;
use services::Cloud;
use wire::link::TaskStateChange;

use super::World;
use crate::ledger::Ledger;
use crate::trace::short;

impl World {
    /// Checks what must hold at every moment.
    pub fn check(&mut self) {
        let mut found = self.ledger.lock().take_violations();
        found.extend(self.misplaced());
        found.into_iter().for_each(|text| self.broken(text));
    }

    /// What is on a machine that should not be: something of an ended task, or an address twice.
    fn misplaced(&self) -> Vec<String> {
        let ledger = self.ledger.lock();
        let mut found = Vec::new();
        let mut addresses: BTreeMap<&str, &str> = BTreeMap::new();
        for node in &self.nodes {
            let containers = node.machine.containers.keys().map(|(arn, _)| arn);
            for arn in containers.chain(node.machine.sites.keys()) {
                if ledger.task(arn).is_none_or(|task| task.seen.last_status.is_ended()) {
                    found.push(format!("node {} has something of the ended task {}", node.id, short(arn)));
                }
            }
            for (arn, address) in &node.machine.sites {
                if let Some(other) = addresses.insert(address, arn)
                    && other != arn
                {
                    found.push(format!("{address} is wired to {} and {}", short(other), short(arn)));
                }
            }
        }
        found
    }

    /// Notes that a law is broken.
    pub fn broken(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.trace.note(format!("BROKEN: {text}"));
        self.violations.push(text);
    }

    /// Whether a law is broken.
    pub fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }

    /// The books.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock()
    }

    /// How many commits wrote something.
    pub fn commits(&self) -> u64 {
        self.ledger.lock().commits()
    }

    /// The ARNs of the stored tasks that `choose` chooses.
    pub fn tasks(&self, choose: impl Fn(&Task) -> bool) -> Vec<String> {
        self.ledger.lock().tasks().filter(|task| choose(task)).map(|task| task.arn().to_string()).collect()
    }

    /// The control plane's cloud, while it is up.
    pub fn cloud(&self) -> Option<Arc<Cloud>> {
        self.control.as_ref().map(|control| control.cloud.clone())
    }

    /// The control plane's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How many tasks were asked for with a token.
    pub fn asked_for(&self, token: &str) -> Option<usize> {
        self.tokens.get(token).copied()
    }

    /// The last acknowledged report of every task that has not ended.
    pub fn last_reports(&self) -> Vec<TaskStateChange> {
        let ledger = self.ledger.lock();
        let lives = |arn: &str| ledger.task(arn).is_some_and(|task| !task.seen.last_status.is_ended());
        self.last_reports.iter().filter(|(arn, _)| lives(arn)).map(|(_, change)| change.clone()).collect()
    }
}

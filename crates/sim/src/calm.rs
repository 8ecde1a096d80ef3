//! The calm after the storm: what must have come true once nothing goes wrong any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::ecs::{DesiredStatus, LastStatus, Task};
use model::elbv2::Target;
use reconcile::reap::STOPPED_TASK_FOR;
use services::ecs::door;

use crate::requests::Request;
use crate::serving::{self, Serve};
use crate::shifting;
use crate::targets;
use crate::trace::short;
use crate::world::World;

/// Long enough for the slowest pull, the longest stop and the largest jump of a clock.
const SETTLES_WITHIN: Duration = Duration::from_secs(20 * 60);
/// How long nothing may be written once all tasks have ended.
const QUIET_FOR: Duration = Duration::from_secs(5 * 60);
/// How often a world that is still at work is looked at, and how long it goes on in between.
const LOOKS: usize = 100;
const BETWEEN_LOOKS: Duration = Duration::from_secs(7);
/// Batches of the reaper, at most.
const REAPED_WITHIN: usize = 1000;

impl World {
    /// Ends the storm and waits: first all converges, then all is stopped, then all is forgotten.
    pub async fn calm(&mut self) {
        self.set_stormy(false);
        self.run_for(SETTLES_WITHIN).await;
        self.judge_in_time(World::converged).await;
        self.judge_in_time(World::served).await;
        self.repeat_reports().await;
        let services: Vec<String> =
            self.ledger().services().map(|service| service.name.to_string()).collect();
        for name in services {
            self.request(Request::Serve(Box::new(Serve::Delete(name))));
        }
        self.run_for(SETTLES_WITHIN).await;
        let wanted: Vec<String> = self.tasks(|task| task.desired_status == DesiredStatus::Running);
        for arn in wanted {
            self.request(Request::Stop(arn));
        }
        self.run_for(SETTLES_WITHIN).await;
        self.judge_with(World::emptied);
        let commits = self.commits();
        self.run_for(QUIET_FOR).await;
        if self.commits() != commits {
            self.broken("something is written although nothing happens");
        }
        self.reap().await;
    }

    /// Judges again and again: a service whose tasks end by themselves is often between two of them.
    async fn judge_in_time(&mut self, judge: fn(&World) -> Vec<String>) {
        for _ in 0..LOOKS {
            if self.is_broken() || judge(self).is_empty() {
                return;
            }
            self.run_for(BETWEEN_LOOKS).await;
        }
        self.judge_with(judge);
    }

    fn judge_with(&mut self, judge: fn(&World) -> Vec<String>) {
        // A world that is broken already would only say it in more words.
        if !self.is_broken() {
            let found = judge(self);
            found.into_iter().for_each(|text| self.broken(text));
        }
    }

    /// What has not converged.
    fn converged(&self) -> Vec<String> {
        let mut found = Vec::new();
        let ledger = self.ledger();
        let mut tokens: BTreeMap<&str, usize> = BTreeMap::new();
        for task in ledger.tasks() {
            if let Some(token) = &task.spec.client_token {
                *tokens.entry(token).or_default() += 1;
            }
            let arn = task.arn().to_string();
            let status = task.seen.last_status;
            let settled = match task.desired_status {
                DesiredStatus::Stopped => status == LastStatus::Stopped,
                DesiredStatus::Running => status == LastStatus::Running && self.runs(task, &arn),
            };
            if !settled {
                let wanted = task.desired_status;
                found.push(format!("task {}: wanted {wanted}, and in the calm still {status}", short(&arn)));
            }
        }
        for (token, count) in tokens {
            if self.asked_for(token).is_some_and(|asked| count > asked) {
                found.push(format!("the token {token} made {count} tasks"));
            }
        }
        for node in &self.nodes {
            let living: BTreeSet<&String> = node.journal.keys().collect();
            let idle = living.iter().filter(|arn| ledger.task(arn).is_none_or(ended));
            found.extend(idle.map(|arn| format!("node {} still keeps task {}", node.id, short(arn))));
        }
        found
    }

    /// The services that are not as they are wanted.
    fn served(&self) -> Vec<String> {
        let ledger = self.ledger();
        let tasks: Vec<&Task> = ledger.tasks().collect();
        let rows: Vec<&Target> = ledger.targets().collect();
        let mut found = targets::left(&rows, &tasks, self.now());
        found.extend(ledger.services().filter_map(|service| serving::unserved(service, &tasks)));
        let shifting =
            ledger.shifting().and_then(|(service, weights)| shifting::astray(service, &weights, &tasks));
        found.extend(shifting);
        found
    }

    /// Whether the task's essential containers run on its node, and only there.
    fn runs(&self, task: &Task, arn: &str) -> bool {
        self.nodes.iter().all(|node| {
            let here = task.node.as_ref().is_some_and(|id| id.as_str() == node.id);
            let essential = task.containers.iter().filter(|container| container.essential);
            let mut running = essential.map(|container| {
                let place = (arn.to_owned(), container.name.as_str().to_owned());
                node.machine.run_of(&place).is_some()
            });
            if here { running.all(|runs| runs) } else { !running.any(|runs| runs) }
        })
    }

    /// What is left although every task was stopped.
    fn emptied(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let ledger = self.ledger();
        for task in ledger.tasks().filter(|task| !ended(task)) {
            let arn = task.arn().to_string();
            found.push(format!("task {} does not stop: {}", short(&arn), task.seen.last_status));
        }
        if !ledger.is_unburdened() {
            found.push("capacity or addresses are taken although every task has ended".into());
        }
        found.extend(ledger.targets().map(|target| format!("target {} is left in its group", target.key.id)));
        for node in &self.nodes {
            let machine = &node.machine;
            let left = machine.containers.len() + machine.sites.len() + node.journal.len();
            if left > 0 {
                found.push(format!("node {}: {left} things are left of tasks that have ended", node.id));
            }
        }
        found
    }

    /// Says every task's last report once more: nothing may come of it.
    async fn repeat_reports(&mut self) {
        let Some(cloud) = self.cloud() else { return self.broken("the control plane is down in the calm") };
        let now = self.now();
        for change in self.last_reports() {
            let arn = change.task.clone();
            let before = self.ledger().task(&arn).cloned();
            if let Err(error) = services::node::submit(&cloud, change, now).await {
                self.broken(format!("task {}: a repeated report was refused: {error}", short(&arn)));
            }
            // Of this task only: services go on writing meanwhile.
            if self.ledger().task(&arn) != before.as_ref() {
                return self.broken(format!("task {}: a repeated report changed something", short(&arn)));
            }
        }
    }

    /// An hour later the stopped tasks are gone.
    async fn reap(&mut self) {
        let Some(cloud) = self.cloud() else { return self.broken("the control plane is down in the calm") };
        let later = self.jump_control_clock(STOPPED_TASK_FOR * 2);
        for _ in 0..REAPED_WITHIN {
            match door::reap_stopped_tasks(&cloud.store, later).await {
                Ok(None) => break,
                Ok(Some(_)) => {}
                Err(error) => return self.broken(format!("reaping: {error}")),
            }
        }
        let left = self.tasks(|_| true).len();
        if left > 0 && !self.is_broken() {
            self.broken(format!("{left} stopped tasks are still shown after their hour"));
        }
        self.check();
    }
}

fn ended(task: &Task) -> bool {
    task.seen.last_status.is_ended()
}

//! A second set of books: every commit as the engine took it, in order and without gaps.
//!
//! The ledger reads the store's own bytes, so it sees what was written and not what the code
//! believes it wrote, and checks the laws commit by commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use control::Clock;
use model::Record;
use model::Timestamp;
use model::ec2::{AddressLease, InterfaceKind, NetworkInterface};
use model::ecs::{DesiredStatus, NodeLoad, Service, ServiceDeployment, Task};
use model::elbv2::{Listener, Target};

use crate::laws::{self, Tables};
use crate::serving::{self, Commit, Promises};
use crate::shifting::{self, Fit, Shifted, Weights};
use crate::targets::{self, Books, Sightings};

/// A task and its ARN, which the laws compare often.
#[derive(Debug)]
struct Booked {
    arn: String,
    task: Task,
}

/// Rows as they were before a commit.
#[derive(Debug, Default)]
struct Old {
    tasks: Vec<(Bytes, Task)>,
    services: Vec<(Bytes, Option<Service>)>,
    records: Vec<(Bytes, ServiceDeployment)>,
    touched: BTreeSet<Bytes>,
    fit: Fit,
}

/// The tables that the laws speak of, as last committed.
#[derive(Debug)]
pub struct Ledger {
    /// The law's time: the control plane's.
    clock: Clock,
    tasks: BTreeMap<Bytes, Booked>,
    by_arn: BTreeMap<String, Bytes>,
    loads: BTreeMap<Bytes, NodeLoad>,
    services: BTreeMap<Bytes, Service>,
    promises: Promises,
    leases: BTreeMap<Bytes, AddressLease>,
    interfaces: BTreeMap<Bytes, NetworkInterface>,
    capacity: BTreeMap<String, (u32, u32)>,
    targets: BTreeMap<Bytes, Target>,
    records: BTreeMap<Bytes, ServiceDeployment>,
    listeners: BTreeMap<Bytes, Listener>,
    balanced: BTreeSet<String>,
    /// The service that shifts traffic, and the listener by which it does.
    shifting: Option<(String, String)>,
    /// How long the failing checks of a young task are ignored, by service.
    grace: BTreeMap<String, Duration>,
    proven: BTreeSet<String>,
    latest: Timestamp,
    sightings: Sightings,
    commits: u64,
    violations: Vec<String>,
}

impl Ledger {
    /// Empty books for nodes of this capacity.
    pub fn new(clock: Clock, capacity: BTreeMap<String, (u32, u32)>) -> Self {
        Ledger {
            clock,
            tasks: BTreeMap::new(),
            by_arn: BTreeMap::new(),
            loads: BTreeMap::new(),
            services: BTreeMap::new(),
            promises: Promises::default(),
            leases: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            capacity,
            targets: BTreeMap::new(),
            records: BTreeMap::new(),
            listeners: BTreeMap::new(),
            balanced: BTreeSet::new(),
            shifting: None,
            grace: BTreeMap::new(),
            proven: BTreeSet::new(),
            latest: Timestamp::default(),
            sightings: Sightings::default(),
            commits: 0,
            violations: Vec::new(),
        }
    }

    /// Books one commit and checks the laws.
    pub fn book(&mut self, writes: &BTreeMap<Bytes, Option<Bytes>>) {
        self.commits += 1;
        self.note_health();
        let before = self.running_of_services();
        let wanted = |key: &Bytes| {
            self.tasks.get(key).is_some_and(|it| it.task.desired_status == DesiredStatus::Running)
        };
        let wanted: BTreeSet<Bytes> = writes.keys().filter(|key| wanted(key)).cloned().collect();
        let old = self.old(writes);
        for (key, value) in writes {
            let booked = match table_of(key) {
                Some("ecs/task") => self.book_task(key, value.as_ref()),
                Some("ecs/node-load") => put(&mut self.loads, key, value.as_ref()),
                Some("ecs/service") => put(&mut self.services, key, value.as_ref()),
                Some("ec2/address-lease") => put(&mut self.leases, key, value.as_ref()),
                Some("ec2/network-interface") => put(&mut self.interfaces, key, value.as_ref()),
                Some("elbv2/target") => put(&mut self.targets, key, value.as_ref()),
                Some("elbv2/listener") => put(&mut self.listeners, key, value.as_ref()),
                Some("ecs/service-deployment") => put(&mut self.records, key, value.as_ref()),
                Some(_) | None => Ok(()),
            };
            self.violations.extend(booked.err());
        }
        self.note_health();
        let born = |key: &Bytes| self.tasks.get(key).filter(|it| it.task.version == 1).map(|it| &it.task);
        let born: Vec<&Task> = writes.keys().filter_map(born).collect();
        let tasks: Vec<&Task> = self.tasks.values().map(|it| &it.task).collect();
        let is_stopped = |it: &&Booked| it.task.desired_status == DesiredStatus::Stopped;
        let stopped = wanted.iter().filter_map(|key| self.tasks.get(key)).filter(is_stopped);
        let stopped: Vec<&Task> = stopped.map(|it| &it.task).collect();
        for service in self.services.values() {
            let before = before.get(service.name.as_str()).copied().unwrap_or_default();
            let sightings = self.balanced.contains(service.name.as_str()).then_some(&self.sightings);
            let shifting = self.shifting.as_ref().map(|(name, _)| name.as_str());
            let commit =
                Commit { tasks: &tasks, born: &born, stopped: &stopped, before, sightings, shifting };
            self.violations.extend(serving::laws(service, &self.promises, &commit));
        }
        let tables = Tables {
            tasks: &self.tasks.values().map(|it| (it.arn.as_str(), &it.task)).collect::<Vec<_>>(),
            loads: &self.loads.values().collect::<Vec<_>>(),
            leases: &self.leases().collect::<Vec<_>>(),
            interfaces: &self.interfaces().collect::<Vec<_>>(),
            capacity: &self.capacity,
        };
        self.violations.extend(laws::standing(&tables));
        self.latest = self.latest.max(self.clock.now());
        if !self.balanced.is_empty() {
            let mut broken = self.broken_of_shifts(&old, &stopped);
            broken.extend(stopped.iter().filter_map(|task| self.broken_of_grace(task)));
            broken.extend(self.broken_of_targets(&old));
            self.violations.extend(broken);
        }
    }

    /// What a commit is about to change, where somebody is behind a load balancer.
    fn old(&self, writes: &BTreeMap<Bytes, Option<Bytes>>) -> Old {
        if self.balanced.is_empty() {
            return Old::default();
        }
        let task = |key: &Bytes| self.tasks.get(key).map(|it| (key.clone(), it.task.clone()));
        let service = |key: &Bytes| match table_of(key) {
            Some("ecs/service") => Some((key.clone(), self.services.get(key).cloned())),
            Some(_) | None => None,
        };
        let record = |key: &Bytes| self.records.get(key).map(|it| (key.clone(), it.clone()));
        let is_fit = |task: &Task| {
            serving::serves(task)
                && serving::is_proven(task)
                && self.sightings.is_well(task)
                && !self.sightings.was_failing(task)
        };
        let shifting = self.shifting.as_ref();
        Old {
            tasks: writes.keys().filter_map(task).collect(),
            services: writes.keys().filter_map(service).collect(),
            records: writes.keys().filter_map(record).collect(),
            touched: writes.keys().cloned().collect(),
            fit: shifting.map(|(name, _)| shifting::fit(self.tasks(), name, is_fit)).unwrap_or_default(),
        }
    }

    /// What is broken of the service that shifts traffic.
    fn broken_of_shifts(&self, old: &Old, stopped: &[&Task]) -> Vec<String> {
        let Some((service, weights)) = self.shifting() else { return Vec::new() };
        let is_present = |it: &&ServiceDeployment| {
            it.id == service.primary().service_deployment && it.service == service.name
        };
        let Some((key, new)) = self.records.iter().find(|(_, it)| is_present(it)) else { return Vec::new() };
        let before = old.records.iter().find(|(it, _)| it == key).map(|(_, record)| record);
        let tasks: Vec<(&str, &Task)> = self.tasks.values().map(|it| (it.arn.as_str(), &it.task)).collect();
        shifting::laws(&Shifted {
            service,
            // What the commit does not touch is as it was.
            old: before.or(Some(new).filter(|_| !old.touched.contains(key))),
            new,
            weights: &weights,
            tasks: &tasks,
            stopped,
            proven: &self.proven,
            before: &old.fit,
            sightings: &self.sightings,
        })
    }

    /// A young task is not stopped for its failing checks.
    fn broken_of_grace(&self, task: &Task) -> Option<String> {
        let grace = *self.grace.get(serving::owner(task)?)?;
        let reason = task.seen.stopped_reason.as_deref().unwrap_or_default();
        let age = self.latest.since(task.seen.started_at?);
        (reason.starts_with("Task failed ELB health checks") && age < grace).then(|| {
            format!("task {}: stopped for its checks after {age:?}, where {grace:?} are its grace", task.id)
        })
    }

    /// The service that shifts traffic, with what its rule does.
    pub fn shifting(&self) -> Option<(&Service, Weights)> {
        let (name, listener) = self.shifting.as_ref()?;
        let service = self.services.values().find(|service| service.name.as_str() == name)?;
        let listener = self.listeners.values().find(|it| it.arn().to_string() == *listener)?;
        Some((service, shifting::weights(listener)))
    }

    /// Notes by which listener a service shifts traffic.
    pub fn shift(&mut self, service: &str, listener: &str) {
        self.shifting = Some((service.to_owned(), listener.to_owned()));
    }

    /// Notes for how long the failing checks of a service's young tasks are ignored.
    pub fn bear(&mut self, service: &str, grace: Duration) {
        self.grace.insert(service.to_owned(), grace);
    }

    fn broken_of_targets(&self, old: &Old) -> Vec<String> {
        let rows: Vec<&Target> = self.targets.values().collect();
        let (proven, balanced, latest) = (&self.proven, &self.balanced, self.latest);
        let books = Books { rows: &rows, proven, balanced, latest };
        let named: Vec<(&str, &Task)> = self.tasks.values().map(|it| (it.arn.as_str(), &it.task)).collect();
        let mut broken = targets::standing(&books, &self.tasks().collect::<Vec<_>>());
        for (key, before) in &old.tasks {
            let Some(Booked { arn, task }) = self.tasks.get(key) else { continue };
            let found = targets::moved(&books, arn, before, task);
            broken.extend(found.into_iter().map(|law| format!("task {arn}: {law}")));
        }
        for (key, before) in &old.services {
            let Some(after) = self.services.get(key) else { continue };
            broken.extend(targets::completed(&books, before.as_ref(), after, &named));
        }
        broken
    }

    /// Interfaces of tasks.
    fn interfaces(&self) -> impl Iterator<Item = &NetworkInterface> {
        self.interfaces.values().filter(|it| it.kind == InterfaceKind::Task)
    }

    /// Leases of tasks.
    fn leases(&self) -> impl Iterator<Item = &AddressLease> {
        let others = self.interfaces.values().filter(|it| it.kind == InterfaceKind::LoadBalancer);
        let others: BTreeSet<&str> = others.map(|it| it.id.as_str()).collect();
        self.leases.values().filter(move |lease| !others.contains(lease.interface_id.as_str()))
    }

    /// Takes note of the clock, before it is set.
    pub fn note_time(&mut self) {
        self.latest = self.latest.max(self.clock.now());
    }

    /// Notes that a service is behind a load balancer.
    pub fn balance(&mut self, service: &str) {
        self.balanced.insert(service.to_owned());
    }

    /// Notes that the balancer finds a target healthy: so is the task that holds it.
    pub fn prove(&mut self, group: &str, id: &str, port: u16) {
        let holds = |task: &Task| {
            let mut entries = task.supervision.targets.iter().filter(|entry| !entry.is_deregistered);
            entries.any(|entry| entry.group == group && entry.id == id && entry.port == port)
        };
        let found = self.tasks.values().filter(|it| holds(&it.task)).map(|it| it.arn.clone());
        self.proven.extend(found);
    }

    /// Every target that is stored.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values()
    }

    fn book_task(&mut self, key: &Bytes, value: Option<&Bytes>) -> Result<(), String> {
        let after = value.map(|bytes| Task::decode(bytes)).transpose().map_err(|error| error.to_string())?;
        let before = self.tasks.get(key).map(|booked| &booked.task);
        let arn = before.or(after.as_ref()).map(|task| task.arn().to_string()).unwrap_or_default();
        let checked = laws::change(before, after.as_ref(), self.clock.now());
        match after {
            Some(task) => {
                self.by_arn.insert(arn.clone(), key.clone());
                self.tasks.insert(key.clone(), Booked { arn: arn.clone(), task });
            }
            None => {
                self.by_arn.remove(&arn);
                self.tasks.remove(key);
            }
        }
        checked.map_err(|law| format!("task {arn}: {law}"))
    }

    fn note_health(&mut self) {
        if !self.balanced.is_empty() {
            let rows: Vec<&Target> = self.targets.values().collect();
            let living = self.tasks.values().map(|it| &it.task).filter(|it| !it.seen.last_status.is_ended());
            self.sightings.note(&rows, living);
        }
    }

    /// How many tasks of each service run and are wanted, and behind a load balancer have proved healthy and do not fail.
    fn running_of_services(&self) -> BTreeMap<String, usize> {
        let mut running = BTreeMap::new();
        for task in self.tasks().filter(|task| serving::serves(task)) {
            if let Some(name) = serving::owner(task)
                && (!self.balanced.contains(name)
                    // A scheduler may have decided on a failure that has passed since.
                    || (serving::is_proven(task)
                        && self.sightings.is_well(task)
                        && !self.sightings.was_failing(task)))
            {
                *running.entry(name.to_owned()).or_default() += 1;
            }
        }
        running
    }

    /// Notes what a service was promised: its bounds, in percent.
    pub fn promise(&mut self, service: &str, minimum: u32, maximum: u32) {
        self.promises.insert(service.to_owned(), (minimum, maximum));
    }

    /// Every service that is stored.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// Every task that is stored.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|booked| &booked.task)
    }

    /// The task that an ARN names.
    pub fn task(&self, arn: &str) -> Option<&Task> {
        self.tasks.get(self.by_arn.get(arn)?).map(|booked| &booked.task)
    }

    /// How many commits wrote something.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Whether nothing is leased and nothing taken.
    pub fn is_unburdened(&self) -> bool {
        let idle = |load: &NodeLoad| (load.cpu_units, load.memory_mib, load.tasks) == (0, 0, 0);
        self.leases().next().is_none() && self.interfaces().next().is_none() && self.loads.values().all(idle)
    }

    /// The laws that were broken since the last call.
    pub fn take_violations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.violations)
    }
}

fn put<R: Record>(table: &mut BTreeMap<Bytes, R>, key: &Bytes, value: Option<&Bytes>) -> Result<(), String> {
    match value {
        Some(bytes) => {
            let row = R::decode(bytes).map_err(|error| error.to_string())?;
            table.insert(key.clone(), row);
        }
        None => drop(table.remove(key)),
    }
    Ok(())
}

/// The table of a key as engines keep it: its first part is the table's name, ended by a zero byte.
pub fn table_of(key: &[u8]) -> Option<&str> {
    let end = key.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(key.get(1..end)?).ok()
}

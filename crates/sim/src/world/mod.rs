//! The world: one loop over what is due and what came back, in virtual time.
//!
//! All decisions of chance that concern the world are drawn here, in the order of events; the
//! runtime has one thread, so that order is the same for the same seed.

mod asking;
mod links;
mod look;
mod storm;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use control::{Clock, LocalLink, scheduler};
use model::Timestamp;
use model::id::SeededIds;
use parking_lot::Mutex;
use services::{Cloud, Ids, ServiceError, ecs};
use store::{Schema, Store};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use wire::link::{ServerMessage, TaskStateChange};

use crate::balancer::Balancer;
use crate::cloud::Ground;
use crate::dice::Dice;
use crate::engine::StormyEngine;
use crate::fronts::{self, Fronts};
use crate::ledger::Ledger;
use crate::node::{Effect, Node, NodeEvent};
use crate::planted::Planted;
use crate::requests::{self, Answer, Request};
use crate::trace::Trace;
use crate::{Outcome, Plan};

/// Where every world's time begins.
const EPOCH: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Nodes of a world; the last is a small one.
const NODES: [(u32, u32); 3] = [(4096, 8192), (2048, 8192), (1024, 2048)];
/// What came back and waits for the loop.
const INBOX: usize = 1024;
/// Attempts to bring the control plane up over a failing store.
const START_ATTEMPTS: usize = 20;

/// What becomes due.
#[derive(Debug)]
enum Event {
    /// Something on a node.
    Node(usize, NodeEvent),
    /// A message reaches a node, if its link is still the one of this epoch.
    Deliver { node: usize, epoch: Option<u64>, message: Box<ServerMessage> },
    /// A node's report turns out not to be acknowledged.
    Refused { node: usize, life: u64, arn: String },
    /// A node's agent starts.
    Start(usize),
    /// A node looks for the control plane.
    Connect(usize),
    /// A node's heartbeat.
    Beat { node: usize, epoch: u64 },
    /// The balancer looks at its targets.
    LookAtTargets,
    /// The control plane starts.
    ControlStart,
    /// A caller asks again.
    Ask(Request),
}

/// What comes back from the code under test.
#[derive(Debug)]
enum Happening {
    /// A message on the link of this epoch.
    Said { node: usize, epoch: u64, message: Box<ServerMessage> },
    /// The end of a registration.
    Registered { node: usize, epoch: u64, accepted: bool },
    /// The end of a report.
    Sent { node: usize, life: u64, arn: String, acknowledged: bool },
    /// The end of a request; none when the control plane died over it.
    Answered { request: Request, answer: Option<Result<Answer, ServiceError>> },
}

/// One life of the control plane.
#[derive(Debug)]
struct Control {
    cloud: Arc<Cloud>,
    gone: Arc<Gone>,
    /// None in a world without load balancers.
    routing: Option<targets::Routing>,
}

/// Tells those who wait for a control plane that it is gone, in the order in which they came.
#[derive(Debug, Default)]
struct Gone {
    is_gone: AtomicBool,
    told: Notify,
}

impl Gone {
    fn tell(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
        self.told.notify_waiters();
    }

    async fn wait(&self) {
        if !self.is_gone.load(Ordering::Relaxed) {
            self.told.notified().await;
        }
    }
}

/// A node's tie to the control plane.
#[derive(Debug, Default)]
struct Tie {
    epoch: u64,
    link: Option<Arc<LocalLink>>,
    /// When the last message under way arrives: the link keeps its order.
    arrives_at: Duration,
}

/// The world.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    trace: Trace,
    dice: Dice,
    start: Instant,
    stormy: bool,
    queue: BTreeMap<(Duration, u64), Event>,
    queued: u64,
    sender: mpsc::Sender<Happening>,
    inbox: mpsc::Receiver<Happening>,
    ledger: Arc<Mutex<Ledger>>,
    engine: Arc<StormyEngine>,
    ground: Ground,
    control: Option<Control>,
    clock: Clock,
    clock_off: Arc<AtomicI64>,
    ids: Ids,
    subnets: Vec<String>,
    fronts: Fronts,
    balancer: Balancer,
    /// The nodes.
    pub nodes: Vec<Node>,
    ties: Vec<Tie>,
    known: Vec<String>,
    tokens: BTreeMap<String, usize>,
    last_reports: BTreeMap<String, TaskStateChange>,
    told_to_run: BTreeMap<String, wire::link::Task>,
    violations: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
}

impl World {
    /// Makes a world in calm weather: control plane up, task definitions registered, nodes starting.
    ///
    /// # Errors
    /// When the ground cannot be laid.
    pub async fn new(plan: Plan) -> Result<World> {
        // First, for it uses a real disk, and the paused clock may move while it is waited for.
        let ground = Ground::new().await?;
        let mut dice = Dice::new(plan.seed);
        let start = Instant::now();
        let clock_off = Arc::new(AtomicI64::new(0));
        let off = clock_off.clone();
        let clock = Clock::new(move || at(start.elapsed(), off.load(Ordering::Relaxed)));
        let nodes = make_nodes(&mut dice, plan.planted);
        let capacity = nodes.iter().map(|node| (node.id.clone(), node.capacity)).collect();
        let ledger = Arc::new(Mutex::new(Ledger::new(clock.clone(), capacity)));
        let engine = Arc::new(StormyEngine::new(ledger.clone(), dice.fork(), plan.planted));
        let (sender, inbox) = mpsc::channel(INBOX);
        let ids = Ids::new(SeededIds::new(plan.seed ^ 0x5eed));
        let mut world = World {
            trace: Trace::new(),
            ground,
            ties: nodes.iter().map(|_| Tie::default()).collect(),
            control: None,
            stormy: false,
            queue: BTreeMap::new(),
            queued: 0,
            subnets: Vec::new(),
            fronts: Fronts::default(),
            // Its own seed: what it draws moves nothing else.
            balancer: Balancer::new(Dice::new(plan.seed ^ 0xba1a)),
            known: Vec::new(),
            tokens: BTreeMap::new(),
            last_reports: BTreeMap::new(),
            told_to_run: BTreeMap::new(),
            violations: Vec::new(),
            counts: BTreeMap::new(),
            plan,
            dice,
            start,
            sender,
            inbox,
            ledger,
            engine,
            clock,
            clock_off,
            ids,
            nodes,
        };
        world.start_control().await.context("starting the control plane")?;
        let ctx = world.ctx().context("the control plane is up")?;
        world.subnets = requests::prepare(&ctx).await?;
        if is_balanced(plan) {
            world.fronts = fronts::make(&ctx, &world.subnets, plan.seed).await?;
            world.after(Duration::ZERO, Event::LookAtTargets);
        }
        for node in 0..world.nodes.len() {
            world.after(Duration::ZERO, Event::Start(node));
        }
        Ok(world)
    }

    /// How it ended.
    pub fn end(self) -> Outcome {
        let counts: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let commits = self.ledger.lock().commits();
        let summary = format!("seed {}: {commits} commits, {}", self.plan.seed, counts.join(", "));
        Outcome { trace: self.trace.lines(), violations: self.violations, summary }
    }

    /// Goes on for a while, or until a law is broken.
    pub async fn run_for(&mut self, span: Duration) {
        let until = self.start.elapsed() + span;
        while !self.is_broken() {
            let due = self.queue.first_key_value().map_or(until, |((at, _), _)| (*at).min(until));
            tokio::select! {
                biased;
                happening = self.inbox.recv() => match happening {
                    Some(happening) => self.happen(happening),
                    None => return,
                },
                () = tokio::time::sleep_until(self.start + due) => match self.queue.first_entry() {
                    Some(entry) if entry.key().0 <= self.start.elapsed() => {
                        let event = entry.remove();
                        self.occur(event).await;
                    }
                    Some(_) | None if self.start.elapsed() >= until => return,
                    Some(_) | None => {}
                },
            }
            self.check();
        }
    }

    async fn occur(&mut self, event: Event) {
        match event {
            Event::Node(node, event) => {
                let now = self.node_now(node);
                let effects = self.nodes[node].happen(event, now);
                self.follow(node, effects);
            }
            Event::Deliver { node, epoch, message } => self.deliver(node, epoch, *message),
            Event::Refused { node, life, arn } => {
                let now = self.node_now(node);
                let effects = self.nodes[node].sent(life, &arn, false, now);
                self.follow(node, effects);
            }
            Event::Start(node) => self.start_agent(node),
            Event::Connect(node) => self.connect(node),
            Event::Beat { node, epoch } => self.beat(node, epoch),
            Event::LookAtTargets => self.look_at_targets(),
            Event::ControlStart => {
                if let Err(error) = self.start_control().await {
                    self.broken(format!("the control plane does not start: {error:#}"));
                }
            }
            Event::Ask(request) => self.request(request),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Said { node, epoch, message } => self.said(node, epoch, *message),
            Happening::Registered { node, epoch, accepted } => self.registered(node, epoch, accepted),
            Happening::Sent { node, life, arn, acknowledged: true } => {
                let now = self.node_now(node);
                let effects = self.nodes[node].sent(life, &arn, true, now);
                self.follow(node, effects);
            }
            Happening::Sent { node, life, arn, acknowledged: false } => {
                let pause = self.nodes[node].pause_of(&arn);
                self.after(pause, Event::Refused { node, life, arn });
            }
            Happening::Answered { request, answer } => self.answered(&request, answer),
        }
    }

    async fn start_control(&mut self) -> Result<()> {
        let store = Store::open(self.engine.clone(), services::tables(Schema::new())).await?;
        let cloud = self.ground.cloud(store)?;
        for attempt in 1.. {
            match ecs::door::disconnect_all(&cloud.store, self.clock.now()).await {
                Err(error) if attempt == START_ATTEMPTS => return Err(error.into()),
                Err(_) => {}
                Ok(()) => break,
            }
        }
        let gone: Arc<Gone> = Arc::default();
        let scheduler = scheduler::run(cloud.clone(), self.clock.clone(), self.ids.clone());
        let (until, running) = (gone.clone(), scheduler);
        tokio::spawn(async move { alive(Some(until), running).await });
        let routing = is_balanced(self.plan)
            .then(|| targets::Routing::start(cloud.clone(), self.clock.clone(), gone.clone()));
        self.control = Some(Control { cloud, gone, routing });
        self.trace.note("the control plane is up");
        Ok(())
    }

    /// Does what a node asks for.
    fn follow(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::After(span, event) => self.after(span, Event::Node(node, event)),
                Effect::Submit(change) => self.submit(node, change),
                Effect::Broken(text) => self.broken(text),
            }
        }
    }

    /// Sets the control plane's clock forward, and tells the new time.
    pub fn jump_control_clock(&mut self, by: Duration) -> Timestamp {
        let millis = i64::try_from(by.as_millis()).unwrap_or(0);
        self.clock_off.fetch_add(millis, Ordering::Relaxed);
        self.clock.now()
    }

    /// Begins or ends the storm.
    pub fn set_stormy(&mut self, stormy: bool) {
        self.trace.note(if stormy { "the storm begins" } else { "the storm is over" });
        self.stormy = stormy;
        self.engine.set_stormy(stormy);
        self.nodes.iter_mut().for_each(|node| node.stormy = stormy);
    }

    fn node_now(&self, node: usize) -> Timestamp {
        at(self.start.elapsed(), self.nodes[node].clock_off)
    }

    fn after(&mut self, span: Duration, event: Event) {
        self.queued += 1;
        self.queue.insert((self.start.elapsed() + span, self.queued), event);
    }

    fn count(&mut self, what: &'static str, by: usize) {
        *self.counts.entry(what).or_default() += by;
    }

    fn gone(&self) -> Option<Arc<Gone>> {
        self.control.as_ref().map(|control| control.gone.clone())
    }

    fn planted(&self, planted: Planted) -> bool {
        self.plan.planted == Some(planted)
    }
}

fn at(elapsed: Duration, off: i64) -> Timestamp {
    let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(EPOCH.as_millis() + elapsed + off)
}

/// Whether services may be behind load balancers: see the crate's head.
fn is_balanced(plan: Plan) -> bool {
    plan.seed.is_multiple_of(2)
}

fn make_nodes(dice: &mut Dice, planted: Option<Planted>) -> Vec<Node> {
    let node = |(at, capacity): (usize, &(u32, u32))| {
        Node::new(format!("{:032x}", at + 1), *capacity, dice.fork(), planted)
    };
    NODES.iter().enumerate().map(node).collect()
}

/// The outcome of `work`, unless the control plane that does it is gone before.
async fn alive<T>(gone: Option<Arc<Gone>>, work: impl Future<Output = T>) -> Option<T> {
    let gone = gone?;
    tokio::select! {
        biased;
        () = gone.wait() => None,
        done = work => Some(done),
    }
}

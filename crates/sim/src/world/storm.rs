//! The storm: requests, and everything that can go wrong while they are served.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Event, World};
use crate::node::NodeEvent;
use crate::requests::Request;
use crate::serving::Serve;

/// Kept free of faults, so that nodes are there when the first request comes.
const DAWN: Duration = Duration::from_secs(1);
/// When the service that shifts traffic gets a new revision, if it is there.
const SHIFTS_AFTER: Duration = Duration::from_secs(45);
/// No clock is ever further off than this, in milliseconds.
const CLOCK_OFF: i64 = 120_000;

impl World {
    /// Lives through the plan's steps.
    pub async fn storm(&mut self) {
        self.run_for(DAWN).await;
        for at in 0..self.fronts.groups.len() {
            let first = Serve::create(at, Some(2), "web", &self.subnets, &self.fronts);
            self.change_service(first);
        }
        if self.fronts.shift.is_some() {
            // So that every such world has something to shift, in the storm or after it.
            let next = Request::Serve(Box::new(Serve::next()));
            self.after(SHIFTS_AFTER, Event::Ask(next));
        }
        self.set_stormy(true);
        for _ in 0..self.plan.steps {
            if self.is_broken() {
                return;
            }
            self.step();
            let longest = if self.dice.chance(10) { 30_000 } else { 2_000 };
            let gap = self.dice.millis(10, longest);
            self.run_for(gap).await;
        }
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..24 => self.run_tasks(),
            24..34 => self.serve(),
            34..40 => {
                let bad = Request::bad(&mut self.dice, &self.subnets);
                self.request(bad);
            }
            40..62 => self.stop_task(),
            62..64 => self.request(Request::StopUnknown),
            64..68 => {
                let some: Vec<String> = self.known.iter().rev().take(20).cloned().collect();
                if !some.is_empty() {
                    self.request(Request::Describe(some));
                }
            }
            68..76 => self.crash_agent(false),
            76..78 => self.crash_agent(true),
            78..86 => self.break_link(),
            86..89 => self.crash_control(),
            89..94 => self.jump_clock(),
            _ => self.kill_container(),
        }
    }

    fn run_tasks(&mut self) {
        let token = self.dice.chance(30).then(|| format!("token-{}", self.tokens.len()));
        let request = Request::run(&mut self.dice, &self.subnets, token);
        if let Request::Run(input, _) = &request
            && let Some(token) = &input.client_token
        {
            let count = usize::try_from(input.count.unwrap_or(1)).unwrap_or(1);
            self.tokens.insert(token.clone(), count);
            // The caller is impatient, or its network doubles requests.
            if self.dice.chance(30) {
                let after = self.dice.millis(0, 5_000);
                self.after(after, Event::Ask(request.clone()));
            }
        }
        self.request(request);
    }

    /// Something of a service changes.
    fn serve(&mut self) {
        let serve = Serve::any(&mut self.dice, &self.subnets, &self.fronts);
        self.change_service(serve);
    }

    fn change_service(&mut self, serve: Serve) {
        if let Some(name) = serve.balances() {
            self.ledger.lock().balance(name);
        }
        if let Some((name, grace)) = serve.grace() {
            self.ledger.lock().bear(name, grace);
        }
        if let (Some(name), Some(shift)) = (serve.shifts(), &self.fronts.shift) {
            self.ledger.lock().shift(name, &shift.listener);
        }
        if let Some((name, minimum, maximum)) = serve.promise() {
            self.ledger.lock().promise(&name, minimum, maximum);
        }
        self.count("changes of services", 1);
        self.request(Request::Serve(Box::new(serve)));
    }

    fn stop_task(&mut self) {
        // Mostly a young one: the old ones have ended.
        let young = usize::try_from(self.dice.below(12)).unwrap_or(0);
        let at = self.known.len().checked_sub(young + 1);
        if let Some(arn) = at.and_then(|at| self.known.get(at)) {
            self.request(Request::Stop(arn.clone()));
        }
    }

    fn some_node(&mut self) -> usize {
        usize::try_from(self.dice.below(self.nodes.len() as u64)).unwrap_or(0)
    }

    fn crash_agent(&mut self, with_machine: bool) {
        let node = self.some_node();
        if self.nodes[node].memory.is_none() {
            return;
        }
        let what = if with_machine { "the machine is switched off" } else { "the agent crashes" };
        self.trace.note(format!("node {node}: {what}"));
        self.count("crashes", 1);
        let effects = self.nodes[node].crash();
        self.follow(node, effects);
        if with_machine {
            self.nodes[node].machine.reboot();
        }
        let noticed = self.dice.chance(50);
        self.sever(node, noticed);
        let down = self.dice.millis(50, 30_000);
        self.after(down, Event::Start(node));
    }

    fn break_link(&mut self) {
        let node = self.some_node();
        if self.ties[node].link.is_none() {
            return;
        }
        self.trace.note(format!("node {node}: the link breaks"));
        self.count("broken links", 1);
        let noticed = self.dice.chance(50);
        self.sever(node, noticed);
        let down = self.dice.millis(10, 20_000);
        self.after(down, Event::Connect(node));
    }

    fn crash_control(&mut self) {
        let Some(control) = self.control.take() else { return };
        self.trace.note("the control plane crashes");
        self.count("crashes", 1);
        control.gone.tell();
        for node in 0..self.nodes.len() {
            self.sever(node, false);
            let later = self.dice.millis(10, 8_000);
            self.after(later, Event::Connect(node));
        }
        let down = self.dice.millis(10, 5_000);
        self.after(down, Event::ControlStart);
    }

    fn jump_clock(&mut self) {
        let to = i64::try_from(self.dice.below(2 * CLOCK_OFF as u64)).unwrap_or(0) - CLOCK_OFF;
        self.ledger.lock().note_time();
        if self.dice.chance(50) {
            self.trace.note(format!("the control plane's clock is off by {to} ms"));
            self.clock_off.store(to, Ordering::Relaxed);
        } else {
            let node = self.some_node();
            self.trace.note(format!("node {node}: the clock is off by {to} ms"));
            self.nodes[node].clock_off = to;
        }
    }

    fn kill_container(&mut self) {
        let node = self.some_node();
        let running: Vec<_> = self.nodes[node].machine.containers.keys().cloned().collect();
        let Some(place) = self.dice.pick(&running).cloned() else { return };
        if let Some(run) = self.nodes[node].machine.run_of(&place) {
            self.after(Duration::ZERO, Event::Node(node, NodeEvent::Exit { place, run, code: 137 }));
        }
    }
}

//! Placement: which node takes which task, and why not. This file places on Fargate's capacity;
//! [`instances`] on container instances, whose users have a say in it.
//!
//! The candidates are kept in an index ordered by free memory, so that a request
//! looks only at nodes which can hold it. A refusal carries the reason that most
//! candidates gave: it becomes the `failures[].reason` that the user reads.
//! Law: the sum of what is placed on a node never exceeds what was free.

pub mod instances;
pub mod query;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

/// What a task asks of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// CPU units; 1024 are one core.
    pub cpu_units: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// `x86_64` or `arm64`; `None` accepts any.
    pub architecture: Option<String>,
}

/// A node's free capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node's id.
    pub id: String,
    /// Free CPU units.
    pub free_cpu_units: u32,
    /// Free memory in MiB.
    pub free_memory_mib: u32,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Whether its agent is connected.
    pub connected: bool,
}

/// Why a task was placed nowhere. The names are ECS's (`api_failures_messages` in the developer guide).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no node at all.
    NoNodes,
    /// Nodes exist, but their agents are not connected.
    Agent,
    /// No node has the CPU architecture that the task demands.
    Attribute,
    /// The closest node lacks memory.
    Memory,
    /// The closest node lacks CPU units.
    Cpu,
}

/// Free capacity of all nodes, ordered for look-ups by memory.
#[derive(Clone, Debug, Default)]
pub struct Index {
    nodes: BTreeMap<String, Candidate>,
    by_memory: BTreeSet<(u32, String)>,
}

impl Index {
    /// Builds the index. Of two candidates with one id the later counts.
    pub fn new(candidates: impl IntoIterator<Item = Candidate>) -> Self {
        let mut index = Index::default();
        for candidate in candidates {
            index.put(candidate);
        }
        index
    }

    /// Adds a node or replaces what is known of it.
    pub fn put(&mut self, candidate: Candidate) {
        self.remove(&candidate.id);
        if candidate.connected {
            self.by_memory.insert((candidate.free_memory_mib, candidate.id.clone()));
        }
        self.nodes.insert(candidate.id.clone(), candidate);
    }

    /// Forgets a node.
    pub fn remove(&mut self, id: &str) {
        if let Some(old) = self.nodes.remove(id) {
            self.by_memory.remove(&(old.free_memory_mib, old.id));
        }
    }

    /// What is known of a node.
    pub fn get(&self, id: &str) -> Option<&Candidate> {
        self.nodes.get(id)
    }

    /// Chooses a node for `request` and takes the capacity. Spreads: the node with the most free memory wins,
    /// ties go to the smaller id.
    pub fn place(&mut self, request: &Request) -> Result<String, Refusal> {
        let floor = (request.memory_mib, String::new());
        let roomy = self.by_memory.range((Bound::Included(floor), Bound::Unbounded));
        let mut best: Option<&Candidate> = None;
        for (_, id) in roomy.rev() {
            let node = &self.nodes[id];
            if best.is_some_and(|b| b.free_memory_mib > node.free_memory_mib) {
                break;
            }
            if fits(node, request) {
                best = Some(node);
            }
        }
        let Some(mut chosen) = best.cloned() else { return Err(self.explain(request)) };
        chosen.free_cpu_units -= request.cpu_units;
        chosen.free_memory_mib -= request.memory_mib;
        let id = chosen.id.clone();
        self.put(chosen);
        Ok(id)
    }

    /// The refusal most nodes give. Runs only after a failed look-up, so its scan is off the common path.
    fn explain(&self, request: &Request) -> Refusal {
        let mut votes: BTreeMap<Refusal, usize> = BTreeMap::new();
        for node in self.nodes.values() {
            let refusal = if !node.connected {
                Refusal::Agent
            } else if !speaks(node, request) {
                Refusal::Attribute
            } else if node.free_memory_mib < request.memory_mib {
                Refusal::Memory
            } else {
                Refusal::Cpu
            };
            *votes.entry(refusal).or_default() += 1;
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map_or(Refusal::NoNodes, |(refusal, _)| refusal)
    }
}

fn speaks(node: &Candidate, request: &Request) -> bool {
    request.architecture.as_ref().is_none_or(|wanted| *wanted == node.architecture)
}

fn fits(node: &Candidate, request: &Request) -> bool {
    node.connected
        && speaks(node, request)
        && node.free_cpu_units >= request.cpu_units
        && node.free_memory_mib >= request.memory_mib
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(id: &str, cpu: u32, memory: u32) -> Candidate {
        Candidate {
            id: id.into(),
            free_cpu_units: cpu,
            free_memory_mib: memory,
            architecture: "x86_64".into(),
            connected: true,
        }
    }

    fn request(cpu_units: u32, memory_mib: u32) -> Request {
        Request { cpu_units, memory_mib, architecture: None }
    }

    fn check(nodes: Vec<Candidate>, wanted: Request, expected: Result<&str, Refusal>) {
        assert_eq!(Index::new(nodes).place(&wanted), expected.map(str::to_owned));
    }

    #[test]
    fn the_emptiest_node_wins() {
        check(vec![node("a", 1024, 2048), node("b", 1024, 4096)], request(256, 512), Ok("b"));
    }

    #[test]
    fn a_roomy_node_without_cpu_is_passed_over() {
        check(vec![node("a", 1024, 2048), node("b", 128, 4096)], request(256, 512), Ok("a"));
    }

    #[test]
    fn the_most_frequent_reason_is_told() {
        check(vec![], request(256, 512), Err(Refusal::NoNodes));
        check(
            vec![node("a", 1024, 256), node("b", 1024, 128), node("c", 1, 9999)],
            request(256, 512),
            Err(Refusal::Memory),
        );
        let silent = Candidate { connected: false, ..node("a", 1024, 2048) };
        check(vec![silent], request(256, 512), Err(Refusal::Agent));
        let arm = Request { architecture: Some("arm64".into()), ..request(1, 1) };
        check(vec![node("a", 1024, 2048)], arm, Err(Refusal::Attribute));
    }

    proptest! {
        #[test]
        fn nothing_is_placed_beyond_capacity(
            nodes in prop::collection::vec((0u32..4096, 0u32..8192), 0..6),
            requests in prop::collection::vec((1u32..2048, 1u32..4096), 0..40),
        ) {
            let nodes: Vec<_> = nodes.iter().enumerate().map(|(i, (c, m))| node(&i.to_string(), *c, *m)).collect();
            let mut index = Index::new(nodes.clone());
            let mut used: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            for (cpu, memory) in requests {
                if let Ok(id) = index.place(&request(cpu, memory)) {
                    let entry = used.entry(id).or_default();
                    *entry = (entry.0 + cpu, entry.1 + memory);
                } else {
                    prop_assert!(index.nodes.values().all(|n| n.free_cpu_units < cpu || n.free_memory_mib < memory));
                }
            }
            for node in nodes {
                let (cpu, memory) = used.get(&node.id).copied().unwrap_or_default();
                prop_assert!(cpu <= node.free_cpu_units && memory <= node.free_memory_mib);
            }
        }
    }
}

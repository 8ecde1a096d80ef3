//! A machine without containers: what a node's runtime and network would hold, surviving the
//! agent's crashes as containerd does.
//!
//! How a container behaves follows from its image's name: see [`Nature`].

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dice::Dice;

/// A container on the machine: its task's ARN and its name.
pub type Place = (String, String);

/// A container's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Made, and not started.
    Created,
    /// Running; the number tells this run from the one before a restart.
    Running(u64),
    /// Ended with this code.
    Stopped(i64),
}

/// What is on the machine.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Networks of tasks, by ARN: the address.
    pub sites: BTreeMap<String, String>,
    /// Containers.
    pub containers: BTreeMap<Place, Process>,
    runs: u64,
}

impl Machine {
    /// Starts a container that has been created, or ended; the number of the run, if it could.
    pub fn start(&mut self, place: &Place) -> Option<u64> {
        let process = self.containers.get_mut(place)?;
        if let Process::Running(run) = process {
            return Some(*run);
        }
        self.runs += 1;
        *process = Process::Running(self.runs);
        Some(self.runs)
    }

    /// Ends a run, if it still goes on; says whether it did.
    pub fn end(&mut self, place: &Place, run: u64, code: i64) -> bool {
        match self.containers.get_mut(place) {
            Some(process) if *process == Process::Running(run) => {
                *process = Process::Stopped(code);
                true
            }
            Some(_) | None => false,
        }
    }

    /// The run of a container, while it runs.
    pub fn run_of(&self, place: &Place) -> Option<u64> {
        match self.containers.get(place) {
            Some(Process::Running(run)) => Some(*run),
            Some(Process::Created | Process::Stopped(_)) | None => None,
        }
    }

    /// The addresses behind which a container runs.
    pub fn answering(&self) -> impl Iterator<Item = &str> {
        let runs = |arn: &str| {
            let mut own = self.containers.iter().filter(|((of, _), _)| of == arn);
            own.any(|(_, process)| matches!(process, Process::Running(_)))
        };
        self.sites.iter().filter(move |(arn, _)| runs(arn)).map(|(_, address)| address.as_str())
    }

    /// The machine is switched off and on: networks and processes are gone.
    pub fn reboot(&mut self) {
        self.sites.clear();
        self.containers.clear();
    }
}

/// How a container behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Runs until it is told to stop.
    Server,
    /// Ends by itself with code 0.
    Job,
    /// Its image is nowhere.
    Missing,
    /// Its image takes minutes.
    Slow,
    /// Ends only when it is killed.
    Stubborn,
    /// Fails now and then: at creation, at start, or soon after.
    Flaky,
}

impl Nature {
    /// The nature of an image: the name up to the tag.
    pub fn of(image: &str) -> Nature {
        match image.split(':').next().unwrap_or_default() {
            "job" => Nature::Job,
            "missing" => Nature::Missing,
            "slow" => Nature::Slow,
            "stubborn" => Nature::Stubborn,
            "flaky" => Nature::Flaky,
            _ => Nature::Server,
        }
    }

    /// When a run ends by itself, and with which code.
    pub fn end_of_run(self, dice: &mut Dice) -> Option<(Duration, i64)> {
        match self {
            Nature::Job => Some((dice.millis(100, 20_000), 0)),
            Nature::Flaky => {
                dice.chance(60).then(|| (dice.millis(100, 90_000), i64::from(u8::from(dice.chance(70)))))
            }
            Nature::Server | Nature::Missing | Nature::Slow | Nature::Stubborn => None,
        }
    }

    /// How long a pull takes.
    pub fn pull(self, dice: &mut Dice) -> Duration {
        if self == Nature::Slow { dice.millis(20_000, 120_000) } else { dice.millis(10, 2_000) }
    }
}

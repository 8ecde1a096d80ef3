//! Runs simulated worlds from the command line: `sim --seed N --steps M [--seeds COUNT] [--planted FAULT]`.
//!
//! Prints the trace of a single world, or one line for each of many; a broken one is printed in full.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use sim::planted::Planted;
use sim::{Outcome, Plan, run};

const USAGE: &str = "usage: sim [--seed N] [--steps M] [--seeds COUNT] [--planted FAULT]";

struct Options {
    plan: Plan,
    seeds: u64,
}

fn main() -> Result<ExitCode> {
    let options = read(std::env::args().skip(1))?;
    let first = options.plan.seed;
    for seed in first..first.saturating_add(options.seeds) {
        let outcome = run(Plan { seed, ..options.plan })?;
        if !outcome.violations.is_empty() {
            tell(&outcome);
            let Plan { steps, planted, .. } = options.plan;
            let fault = planted.map(|planted| format!(" --planted {planted:?}")).unwrap_or_default();
            println!("again: cargo run -p sim -- --seed {seed} --steps {steps}{fault}");
            return Ok(ExitCode::FAILURE);
        }
        if options.seeds == 1 {
            tell(&outcome);
        } else {
            println!("{}", outcome.summary);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(outcome: &Outcome) {
    outcome.trace.iter().for_each(|line| println!("{line}"));
    println!("{}", outcome.summary);
    outcome.violations.iter().for_each(|text| println!("BROKEN: {text}"));
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options { plan: Plan { seed: 1, steps: 200, planted: None }, seeds: 1 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
        let number = || value.parse::<u64>().with_context(|| format!("{name} {value}; {USAGE}"));
        match name.as_str() {
            "--seed" => options.plan.seed = number()?,
            "--steps" => options.plan.steps = usize::try_from(number()?)?,
            "--seeds" => options.seeds = number()?,
            "--planted" => {
                let planted = Planted::parse(&value);
                options.plan.planted = Some(planted.with_context(|| format!("one of {:?}", Planted::ALL))?);
            }
            _ => bail!("{USAGE}"),
        }
    }
    Ok(options)
}

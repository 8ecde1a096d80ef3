//! The operator's commands: `ps`, `top`, `logs`, `exec`. Clients like any other: they speak the signed API, with the
//! profile that `up` wrote.

mod api;
mod exec;
mod find;
mod log_file;
mod logs;
mod ps;
mod terminal;
mod top;

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::OutputOptions;
use crate::config::{DEFAULT_DATA_DIR, DEFAULT_PROFILE};

/// Which Longshore, and whose key.
#[derive(Debug, Args)]
pub struct ProfileOptions {
    /// The AWS profile that 'up' wrote
    #[arg(long, env = "AWS_PROFILE", default_value = DEFAULT_PROFILE)]
    pub profile: String,
}

/// Options of `ps`.
#[derive(Debug, Args)]
pub struct PsOptions {
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileOptions,
    /// Only tasks of this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// Stopped tasks too
    #[arg(long, short)]
    pub all: bool,
    /// How the answer is written.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `top`.
#[derive(Debug, Args)]
pub struct TopOptions {
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileOptions,
    /// Only tasks of this cluster
    #[arg(long)]
    pub cluster: Option<String>,
    /// One reading, also at a terminal
    #[arg(long)]
    pub once: bool,
    /// How the answer is written.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// Options of `logs`.
#[derive(Debug, Args)]
pub struct LogsOptions {
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileOptions,
    /// The task: its id, the beginning of its id, or its ARN
    pub task: String,
    /// Only this container's output
    #[arg(long, short)]
    pub container: Option<String>,
    /// Go on with what comes, until the task has ended
    #[arg(long, short)]
    pub follow: bool,
    /// The data directory that was given to `up`: for containers that log into files of the node
    #[arg(long, env = "LONGSHORE_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
}

/// Options of `exec`.
#[derive(Debug, Args)]
pub struct ExecOptions {
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileOptions,
    /// The task: its id, the beginning of its id, or its ARN
    pub task: String,
    /// The container, where the task has several
    #[arg(long, short)]
    pub container: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

/// Lists tasks.
pub fn ps(options: &PsOptions) -> Result<()> {
    wait(ps::run(options))
}

/// Shows what running containers use.
pub fn top(options: &TopOptions) -> Result<()> {
    wait(top::run(options))
}

/// Prints what a task's containers wrote.
pub fn logs(options: &LogsOptions) -> Result<()> {
    wait(logs::run(options))
}

/// Runs a command in a container; answers its exit code.
pub fn exec(options: &ExecOptions) -> Result<u8> {
    wait(exec::run(options))
}

fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    let done = runtime.block_on(work);
    // A read of standard input that nobody waits for must not keep the process.
    runtime.shutdown_background();
    done
}

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{DEFAULT_DATA_DIR, LogFormat, UpOptions};
use crate::operator::{ExecOptions, LogsOptions, ProfileOptions, PsOptions, TopOptions};
use crate::profile::Files;

/// Amazon ECS without Amazon.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole cloud in this process, in the foreground
    Up(Box<UpOptions>),
    /// Stop the Longshore of a data directory, its tasks and its containerd, and remove its networks
    Down(Box<UpOptions>),
    /// Carry the traffic of load balancers; started by 'up', and serves on while that is down
    Balancer(BalancerOptions),
    /// Show the Longshore that an AWS profile points to, or that of a data directory
    Status(InstanceOptions),
    /// Print the lines that point a shell's AWS clients at Longshore: eval "$(longshore env)"
    Env(InstanceOptions),
    /// List the tasks of all clusters
    Ps(PsOptions),
    /// Show what the running containers of this machine use: processor, memory, network
    Top(TopOptions),
    /// Print what a task's containers wrote
    Logs(LogsOptions),
    /// Run a command in a container: longshore exec TASK -- sh
    Exec(ExecOptions),
    /// Keep the files that task definitions name by S3-style ARNs
    Files(crate::files::FilesOptions),
    /// Print the version
    Version(OutputOptions),
    /// Hold the namespaces that a task's containers share; started by the node
    #[command(hide = true)]
    Holder {
        /// `pid`, `ipc`.
        kinds: Vec<OsString>,
    },
    /// Take a container's output; started by containerd
    #[command(hide = true)]
    Logger {
        /// The spool's directory, and whatever containerd adds.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Whose traffic a balancer carries.
#[derive(Debug, Args)]
pub struct BalancerOptions {
    /// The data directory that was given to `up`
    #[arg(long, env = "LONGSHORE_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
    /// How the balancer's own log is written
    #[arg(long, env = "LONGSHORE_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Which Longshore is meant.
#[derive(Debug, Args)]
pub struct InstanceOptions {
    /// The data directory that was given to `up` [default: the one that the AWS profile names]
    #[arg(long, env = "LONGSHORE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Whose.
    #[command(flatten)]
    pub profile: ProfileOptions,
    /// How the answer is written.
    #[command(flatten)]
    pub output: OutputOptions,
}

impl InstanceOptions {
    /// The data directory: as named, or the one of the Longshore that wrote the profile, as `ps` and its like ask that.
    pub fn data_dir(&self) -> PathBuf {
        let of_profile = || Files::find().ok()?.data_dir(&self.profile.profile);
        self.data_dir.clone().or_else(of_profile).unwrap_or_else(|| DEFAULT_DATA_DIR.into())
    }
}

/// How an answer is written.
#[derive(Debug, Args)]
pub struct OutputOptions {
    /// For people, or for programs
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// The forms of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

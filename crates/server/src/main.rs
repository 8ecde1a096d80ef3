//! The longshore binary: command line, configuration, front door and wiring.
//!
//! `up.rs` is the life of a server, `front` its one port, `cloud.rs` what stands behind it.

mod banner;
mod cli;
mod clock;
mod cloud;
mod config;
mod front;
mod instance;
mod keys;
mod preflight;
mod private;
mod profile;
mod status;
mod trace;
mod up;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Up(options) => up::run(*options),
        Command::Status(options) => status::print(&options),
        Command::Env(options) => status::print_environment(&options),
        Command::Version(options) => status::print_version(&options),
    }
}

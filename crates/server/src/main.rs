//! The longshore binary: command line, configuration, front door and wiring.
//!
//! `up.rs` is the life of a server, `front` its one port, `cloud.rs` what stands behind it.

mod banner;
mod cli;
mod clock;
mod cloud;
mod config;
mod down;
mod front;
mod instance;
mod keys;
mod node;
mod preflight;
mod private;
mod profile;
mod routes;
mod status;
mod trace;
mod traffic;
mod up;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Command::Logger { arguments } = command {
        return agent::logs::logger_main(arguments.into_iter());
    }
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(options) => up::run(*options),
        Command::Down(options) => down::run(*options),
        Command::Balancer(options) => traffic::run(&options),
        Command::Status(options) => status::print(&options),
        Command::Env(options) => status::print_environment(&options),
        Command::Version(options) => status::print_version(&options),
        Command::Logger { .. } => unreachable!("taken before: a logger needs nothing of this"),
    }
}

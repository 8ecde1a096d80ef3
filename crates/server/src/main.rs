//! The longshore binary: command line, configuration, front door and wiring.
//!
//! `up.rs` is the life of a server, `front` its one port, `cloud.rs` what stands behind it.

mod banner;
mod blobs;
mod cli;
mod clock;
mod cloud;
mod config;
mod down;
mod files;
mod front;
mod instance;
mod keys;
mod node;
mod operator;
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
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| agent::containerd::is_veil(&name)) {
        return agent::containerd::veil_main(arguments);
    }
    let ended = match Cli::parse().command {
        Command::Logger { arguments } => return agent::logs::logger_main(arguments.into_iter()),
        Command::Holder { kinds } => return agent::runtime::holder::holder_main(kinds.into_iter()),
        Command::Exec(options) => match operator::exec(&options) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error),
        },
        command => run(command),
    };
    match ended {
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
        Command::Files(options) => files::run(options),
        Command::Version(options) => status::print_version(&options),
        Command::Ps(options) => operator::ps(&options),
        Command::Top(options) => operator::top(&options),
        Command::Logs(options) => operator::logs(&options),
        Command::Logger { .. } | Command::Holder { .. } | Command::Exec(_) => {
            unreachable!("taken before: they need nothing of this")
        }
    }
}

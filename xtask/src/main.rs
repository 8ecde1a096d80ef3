//! The workshop: what the maintainers run besides cargo. `cargo xtask <command>`.
//!
//! `codegen` writes the wire shapes, `tidy` checks what neither rustc nor clippy can, `compat`
//! writes the table of served operations. Nothing here is part of the product, so errors are
//! `anyhow` and go to the terminal.

mod codegen;
mod compat;
mod files;
mod settings;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask <command>

  codegen [--check]   write crates/wire/src/generated from the service models
  tidy                check file lengths, module docs, forbidden words and the shape of the rooms
  compat [--check]    write docs/compatibility.md from the rooms' operation tables

--check writes nothing and fails when a file is out of date.";

/// Whether a command writes its files or compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Write the files.
    Write,
    /// Fail when a file is not what would be written.
    Check,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    let root = root();
    match arguments {
        ["codegen"] => codegen::run(&root, Mode::Write),
        ["codegen", "--check"] => codegen::run(&root, Mode::Check),
        ["tidy"] => tidy::run(&root),
        ["compat"] => compat::run(&root, Mode::Write),
        ["compat", "--check"] => compat::run(&root, Mode::Check),
        _ => bail!("unknown command {arguments:?}\n{USAGE}"),
    }
}

/// The workspace's root directory.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

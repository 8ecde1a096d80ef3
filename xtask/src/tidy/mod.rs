//! `cargo xtask tidy`: the rules of the house that neither rustc nor clippy checks.
//!
//! Works on the files as they are, without git or a build, in well under a second.

mod rooms;
mod text;

use std::path::Path;

use anyhow::{Result, bail};

use crate::files;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, and the line where there is one: `path:line`.
    pub place: String,
    /// The rule, as an instruction.
    pub message: String,
    /// Whether it fails the run.
    pub fatal: bool,
}

impl Finding {
    fn fatal(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), fatal: true }
    }

    fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), fatal: false }
    }
}

/// Checks every rule, prints what is broken, and fails if anything must be mended.
pub fn run(root: &Path) -> Result<()> {
    let files = files::all(root)?;
    let test_modules = text::test_modules(&files);
    let mut findings: Vec<Finding> = files.iter().flat_map(|file| text::check(file, &test_modules)).collect();
    findings.extend(rooms::check(&files));
    findings.sort();
    for finding in &findings {
        let level = if finding.fatal { "error" } else { "warning" };
        println!("{level}: {}: {}", finding.place, finding.message);
    }
    match findings.iter().filter(|finding| finding.fatal).count() {
        0 => {
            println!("tidy: {} files are in order", files.len());
            Ok(())
        }
        broken => bail!("tidy: {broken} rules are broken"),
    }
}

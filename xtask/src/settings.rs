//! The table of container settings in `docs/compatibility.md`.
//!
//! Its source is `acceptance/settings.toml`, whose rows the acceptance test runs as real tasks: a row that is not
//! true fails there.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

const TABLE: &str = "acceptance/settings.toml";

#[derive(Debug, Deserialize)]
struct Table {
    setting: Vec<Setting>,
}

/// One row; members that only the test reads are passed over.
#[derive(Debug, Deserialize)]
struct Setting {
    name: String,
    how: String,
    #[serde(default = "fargate")]
    launch: String,
    refused: Option<Refused>,
}

#[derive(Debug, Deserialize)]
struct Refused {
    at: String,
    error: String,
}

fn fargate() -> String {
    "FARGATE".to_owned()
}

/// The section of the page.
pub fn section(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("read {TABLE}"))?;
    render(&text)
}

fn render(text: &str) -> Result<String> {
    let table: Table = toml::from_str(text).with_context(|| format!("parse {TABLE}"))?;
    let mut out = format!(
        "\n## Container settings\n\n\
         From `{TABLE}`; `acceptance/test_settings.py` shows each row by a real task, judged from inside the\n\
         container or by the kernel.\n\n\
         | setting | launch type | outcome | how |\n|---|---|---|---|\n"
    );
    for Setting { name, how, launch, refused } in &table.setting {
        let outcome = match refused {
            None => "served".to_owned(),
            Some(Refused { at, error }) => match at.as_str() {
                "register" => format!("refused by RegisterTaskDefinition: {error}"),
                "run" => format!("refused by RunTask: {error}"),
                "placement" => format!("a failure of RunTask: {error}"),
                _ => format!("the task stops: {error}"),
            },
        };
        let _ = writeln!(out, "| {name} | {launch} | {outcome} | {how} |");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_served_or_refused() {
        let text = "[[setting]]\nname = 'a'\nhow = 'x'\nscript = 'true'\n\
                    [[setting]]\nname = 'b'\nhow = 'y'\nlaunch = 'EC2'\n\
                    refused = { at = 'run', error = 'E', text = 't' }\n";
        let page = render(text).unwrap();
        assert!(
            page.contains("| a | FARGATE | served | x |\n| b | EC2 | refused by RunTask: E | y |\n"),
            "{page}"
        );
    }
}

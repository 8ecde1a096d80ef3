//! Our own log: to standard error, for people or for programs.

use std::io::IsTerminal;

use anyhow::{Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged unless `LONGSHORE_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info";
/// Libraries that tell of every frame at `debug`; `LONGSHORE_LOG=debug,h2=debug` brings one back.
const QUIET: &str = "h2=warn,hyper=warn,hyper_util=warn,tonic=warn,tower=warn,rustls=warn";

/// Starts logging.
pub fn start(format: LogFormat) -> Result<()> {
    let filter = std::env::var("LONGSHORE_LOG").unwrap_or_else(|_| DEFAULT_FILTER.to_owned());
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| anyhow!("LONGSHORE_LOG={filter}: {error}; try LONGSHORE_LOG=debug"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).compact().init()
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

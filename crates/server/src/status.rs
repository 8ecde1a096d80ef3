//! The small commands that look at a Longshore from outside: `status`, `env`, `version`.

use anyhow::Result;
use comfy_table::{Table, presets};
use serde_json::json;

use crate::cli::{InstanceOptions, Output, OutputOptions};
use crate::instance::Instance;

/// Prints what runs on a data directory.
pub fn print(options: &InstanceOptions) -> Result<()> {
    let instance = Instance::read(&options.data_dir())?;
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&instance)?),
        Output::Text => {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_header(["ENDPOINT", "REGISTRY", "ACCOUNT", "REGION", "PID"]);
            table.add_row([
                instance.endpoint,
                instance.registry,
                instance.account,
                instance.region,
                instance.pid.to_string(),
            ]);
            println!("{table}");
        }
    }
    Ok(())
}

/// Prints the environment of a shell whose AWS clients speak to a Longshore.
pub fn print_environment(options: &InstanceOptions) -> Result<()> {
    let instance = Instance::read(&options.data_dir())?;
    let mut variables = vec![("AWS_ENDPOINT_URL", instance.endpoint), ("AWS_REGION", instance.region)];
    if let Some(profile) = instance.profile {
        variables.push(("AWS_PROFILE", profile));
    }
    match options.output.output {
        Output::Json => {
            let all: serde_json::Map<_, _> =
                variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            println!("{}", serde_json::to_string_pretty(&all)?);
        }
        Output::Text => {
            variables.iter().for_each(|(name, value)| println!("export {name}={}", quoted(value)));
        }
    }
    Ok(())
}

/// Prints the version.
pub fn print_version(options: &OutputOptions) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    match options.output {
        Output::Json => println!("{}", json!({ "version": version })),
        Output::Text => println!("longshore {version}"),
    }
    Ok(())
}

/// A value as a shell takes it.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_get_back_what_was_meant() {
        assert_eq!(quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(quoted("my profile"), "'my profile'");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
    }
}

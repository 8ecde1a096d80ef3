//! What a person reads first.

use std::fmt::Write;
use std::path::Path;

use crate::instance::Instance;

/// The words printed once the port is open.
pub fn text(instance: &Instance, data_dir: &Path) -> String {
    let mut out = format!("\nLongshore {} is ready.\n\n", instance.version);
    let mut line = |name: &str, value: &str| {
        writeln!(out, "  {name:<10} {value}").expect("writing to a string never fails");
    };
    line("endpoint", &instance.endpoint);
    line("registry", &instance.registry);
    line("account", &instance.account);
    line("region", &instance.region);
    line("data", &data_dir.display().to_string());
    match &instance.profile {
        Some(profile) => {
            line("profile", profile);
            out.push_str(&format!("\n  AWS_PROFILE={profile} aws ecs list-clusters\n"));
        }
        None => line("profile", "none was written (--no-profile)"),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_one_needs_is_said() {
        let instance = Instance {
            pid: 7,
            version: "0.1.0".into(),
            endpoint: "http://127.0.0.1:4566".into(),
            registry: "127.0.0.1:4566".into(),
            account: "123456789012".into(),
            region: "us-east-2".into(),
            profile: Some("longshore".into()),
        };
        let text = text(&instance, Path::new("/var/lib/longshore"));
        for word in [
            "http://127.0.0.1:4566",
            "123456789012",
            "us-east-2",
            "/var/lib/longshore",
            "AWS_PROFILE=longshore",
        ] {
            assert!(text.contains(word), "{word} is missing in {text}");
        }
    }
}

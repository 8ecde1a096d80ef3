//! One container definition: what its members must be, apart from the rest of the task.

use std::collections::BTreeSet;

use model::ecs::ContainerDefinition;
use model::ecs::container_definition::{EnvironmentFile, HealthCheck, RestartPolicy, Secret};
use model::ecs::task_definition::NetworkMode;

use crate::ecs::error::Error;

/// The most characters of an image name, its digest apart.
const MAX_IMAGE_LENGTH: usize = 255;
/// The most environment files of a container.
const MAX_ENVIRONMENT_FILES: usize = 10;
/// The most exit codes that a restart policy ignores.
const MAX_IGNORED_EXIT_CODES: usize = 50;

/// Checks everything that one container shows by itself.
pub(crate) fn check(container: &ContainerDefinition, mode: NetworkMode) -> Result<(), Error> {
    check_image(&container.image)?;
    check_secrets(container)?;
    for file in container.environment_files.iter().flatten() {
        check_environment_file(container, file)?;
    }
    if container.environment_files.as_ref().is_some_and(|files| files.len() > MAX_ENVIRONMENT_FILES) {
        return Err(Error::container_setting("environmentFiles", &container.name));
    }
    if let Some(health) = &container.health_check {
        check_health(container, health)?;
    }
    if let Some(policy) = &container.restart_policy {
        check_restart_policy(container, policy)?;
    }
    check_security_options(container)?;
    check_network(container, mode)?;
    super::linux::check(container)
}

fn check_image(image: &str) -> Result<(), Error> {
    let refuse = || Error::Client("Container.image contains invalid characters.".into());
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_:./#".contains(&b);
    if name.is_empty() || name.len() > MAX_IMAGE_LENGTH || !name.bytes().all(allowed) {
        return Err(refuse());
    }
    let is_digest = |raw: &str| {
        let hash = raw.strip_prefix("sha256:");
        hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if digest.is_some_and(|digest| !is_digest(digest)) { Err(refuse()) } else { Ok(()) }
}

fn check_secrets(container: &ContainerDefinition) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for Secret { name, value_from } in container.secrets.iter().flatten() {
        if name.is_empty() || value_from.is_empty() {
            return Err(Error::container_setting("secrets", &container.name));
        }
        if !seen.insert(name) {
            return Err(Error::Client(format!(
                "Duplicate secret names found: {name}. Each secret name must be unique."
            )));
        }
        if container.environment.iter().any(|variable| variable.name == *name) {
            return Err(Error::Client(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set \
                 on the container, such as '{name}'."
            )));
        }
    }
    Ok(())
}

fn check_environment_file(container: &ContainerDefinition, file: &EnvironmentFile) -> Result<(), Error> {
    let object = file.value.strip_prefix("arn:aws:s3:::").and_then(|rest| rest.split_once('/'));
    match object {
        None => Err(Error::Client("Invalid arn syntax.".into())),
        Some((bucket, key)) if !bucket.is_empty() && key.ends_with(".env") => Ok(()),
        Some(_) => Err(Error::container_setting_because(
            "environmentFiles",
            &container.name,
            "It must end with .env.",
        )),
    }
}

fn check_health(container: &ContainerDefinition, health: &HealthCheck) -> Result<(), Error> {
    let refuse = |member: &str, why: &str| {
        Err(Error::container_setting_because(&format!("healthCheck.{member}"), &container.name, why))
    };
    match health.command.first().map(String::as_str) {
        Some("CMD") if health.command.len() > 1 => {}
        Some("CMD-SHELL") if health.command.len() == 2 => {}
        _ => return refuse("command", "It must start with CMD or CMD-SHELL, and have a command."),
    }
    let outside = |value: Option<u32>, least, most| value.is_some_and(|n| !(least..=most).contains(&n));
    if outside(health.interval, 5, 300) {
        return refuse("interval", "It must be between 5 and 300 seconds.");
    }
    if outside(health.timeout, 2, 60) {
        return refuse("timeout", "It must be between 2 and 60 seconds.");
    }
    if outside(health.retries, 1, 10) {
        return refuse("retries", "It must be between 1 and 10.");
    }
    if outside(health.start_period, 0, 300) {
        return refuse("startPeriod", "It must be between 0 and 300 seconds.");
    }
    Ok(())
}

fn check_restart_policy(container: &ContainerDefinition, policy: &RestartPolicy) -> Result<(), Error> {
    let refuse = |member: &str, why: &str| {
        Err(Error::container_setting_because(&format!("restartPolicy.{member}"), &container.name, why))
    };
    if policy.ignored_exit_codes.as_ref().is_some_and(|codes| codes.len() > MAX_IGNORED_EXIT_CODES) {
        return refuse("ignoredExitCodes", "There may be at most 50.");
    }
    if policy.restart_attempt_period.is_some_and(|seconds| !(60..=1800).contains(&seconds)) {
        return refuse("restartAttemptPeriod", "It must be between 60 and 1800 seconds.");
    }
    Ok(())
}

fn check_security_options(container: &ContainerDefinition) -> Result<(), Error> {
    for option in container.docker_security_options.iter().flatten() {
        let known = option == "no-new-privileges"
            || option.strip_prefix("apparmor:").is_some_and(|profile| !profile.is_empty())
            || option.strip_prefix("label:").is_some_and(|label| !label.is_empty());
        if !known {
            return Err(Error::container_setting("dockerSecurityOptions", &container.name));
        }
    }
    Ok(())
}

/// Settings that write the container's own host name, hosts or links do not go with a shared namespace.
fn check_network(container: &ContainerDefinition, mode: NetworkMode) -> Result<(), Error> {
    let refuse = |what: &str| Err(Error::Client(format!("{what} when networkMode={mode}.")));
    let given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if given(&container.links) && mode != NetworkMode::Bridge {
        return refuse("Links are not supported");
    }
    if mode == NetworkMode::Awsvpc {
        if container.hostname.as_deref().is_some_and(|name| !name.is_empty()) {
            return refuse("hostname is not supported on container");
        }
        if container.extra_hosts.as_ref().is_some_and(|hosts| !hosts.is_empty()) {
            return refuse("extraHosts is not supported on container");
        }
        if container.disable_networking == Some(true) {
            return refuse("disableNetworking is not supported on container");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::{EnvironmentFileType, KeyValuePair};

    use super::*;
    use crate::ecs::rules::sample;

    fn check(change: impl FnOnce(&mut ContainerDefinition), expected: &str) {
        let mut container = sample::container("web");
        change(&mut container);
        let found = super::check(&container, NetworkMode::Awsvpc);
        assert_eq!(found.map_err(|error| error.to_string()).err().unwrap_or_default(), expected);
    }

    fn secret(name: &str) -> Secret {
        Secret { name: name.into(), value_from: "arn:aws:ssm:us-east-2:123456789012:parameter/x".into() }
    }

    #[test]
    fn images_are_names_tags_and_digests() {
        let digest = format!("web@sha256:{}", "a".repeat(64));
        for good in ["web", "registry:5000/a/b:1.2-x_y", digest.as_str()] {
            check(|c| c.image = good.into(), "");
        }
        for bad in ["a b", "web@sha256:12", "web@md5:00", "@x", &"x".repeat(256)] {
            check(|c| c.image = bad.into(), "Container.image contains invalid characters.");
        }
    }

    #[test]
    fn secrets_share_no_name() {
        check(|c| c.secrets = Some(vec![secret("A"), secret("B")]), "");
        check(
            |c| c.secrets = Some(vec![secret("A"), secret("A")]),
            "Duplicate secret names found: A. Each secret name must be unique.",
        );
        check(
            |c| {
                c.secrets = Some(vec![secret("A")]);
                c.environment = vec![KeyValuePair { name: "A".into(), value: "1".into() }];
            },
            "The secret name must be unique and not shared with any new or existing environment variables set on \
             the container, such as 'A'.",
        );
    }

    #[test]
    fn health_checks_keep_their_ranges() {
        let health = |command: &[&str], interval| HealthCheck {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            interval: Some(interval),
            timeout: None,
            retries: None,
            start_period: None,
        };
        check(|c| c.health_check = Some(health(&["CMD", "true"], 5)), "");
        check(|c| c.health_check = Some(health(&["CMD-SHELL", "exit 0"], 300)), "");
        check(
            |c| c.health_check = Some(health(&["CMD", "true"], 4)),
            "Invalid 'healthCheck.interval' setting for container 'web'. It must be between 5 and 300 seconds.",
        );
        check(
            |c| c.health_check = Some(health(&["curl"], 30)),
            "Invalid 'healthCheck.command' setting for container 'web'. It must start with CMD or CMD-SHELL, and \
             have a command.",
        );
    }

    #[test]
    fn restart_policies_keep_their_ranges() {
        let policy = |period| RestartPolicy {
            enabled: true,
            ignored_exit_codes: None,
            restart_attempt_period: Some(period),
        };
        check(|c| c.restart_policy = Some(policy(60)), "");
        check(
            |c| c.restart_policy = Some(policy(59)),
            "Invalid 'restartPolicy.restartAttemptPeriod' setting for container 'web'. It must be between 60 and \
             1800 seconds.",
        );
    }

    #[test]
    fn environment_files_are_objects() {
        let file = |value: &str| EnvironmentFile { value: value.into(), kind: EnvironmentFileType::S3 };
        check(|c| c.environment_files = Some(vec![file("arn:aws:s3:::bucket/a.env")]), "");
        check(|c| c.environment_files = Some(vec![file("s3://bucket/a.env")]), "Invalid arn syntax.");
    }

    #[test]
    fn an_awsvpc_container_has_no_name_of_its_own() {
        check(
            |c| c.hostname = Some("x".into()),
            "hostname is not supported on container when networkMode=awsvpc.",
        );
        check(|c| c.links = Some(vec!["db".into()]), "Links are not supported when networkMode=awsvpc.");
    }
}

//! What a container executes: command line, environment, working directory. Pure.

use std::collections::BTreeMap;

use oci_spec::image::Config;
use wire::link;

use crate::metadata;

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The command line: entry point and command, as Docker joins them. An entry point in the task
/// definition drops the image's command.
pub fn arguments(container: &link::Container, image: &Config) -> Vec<String> {
    let own = container.entry_point.as_ref().filter(|words| !words.is_empty());
    let entry_point = own.cloned().or_else(|| image.entrypoint().clone()).unwrap_or_default();
    let command = match (&container.command, own) {
        (Some(command), _) if !command.is_empty() => command.clone(),
        (_, None) => image.cmd().clone().unwrap_or_default(),
        (_, Some(_)) => Vec::new(),
    };
    [entry_point, command].concat()
}

/// The environment: the image's, what the platform adds, the task definition's, later ones winning.
pub fn environment(
    container: &link::Container,
    image: &Config,
    hostname: &str,
    platform: &[(String, String)],
    home: Option<&str>,
) -> Vec<String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    values.insert("PATH".into(), DEFAULT_PATH.into());
    values.insert("HOSTNAME".into(), hostname.into());
    if let Some(home) = home {
        values.insert("HOME".into(), home.into());
    }
    if container.docker_config.config.tty {
        values.insert("TERM".into(), "xterm".into());
    }
    let of_image = image.env().iter().flatten().filter_map(|entry| entry.split_once('='));
    values.extend(of_image.map(|(name, value)| (name.to_string(), value.to_string())));
    values.extend(platform.iter().cloned());
    values.extend(container.environment.clone());
    values.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// What ECS adds to every container's environment.
pub fn platform_variables(
    task: &link::Task,
    region: &str,
    endpoint: &metadata::Endpoint,
    container_id: &str,
) -> Vec<(String, String)> {
    let launched = if task.launch_type == "FARGATE" { "AWS_ECS_FARGATE" } else { "AWS_ECS_EC2" };
    let mut values = vec![
        ("AWS_EXECUTION_ENV".to_string(), launched.to_string()),
        ("AWS_REGION".to_string(), region.to_string()),
        ("AWS_DEFAULT_REGION".to_string(), region.to_string()),
    ];
    let base = endpoint.base_uri();
    let uri = |path: &str| format!("{base}/{path}/{container_id}");
    values.push(("ECS_CONTAINER_METADATA_URI_V4".into(), uri("v4")));
    values.push(("ECS_CONTAINER_METADATA_URI".into(), uri("v3")));
    values.push(("ECS_AGENT_URI".into(), uri("api")));
    if let Some(role) = &task.role_credentials {
        let path = format!("/v2/credentials/{}", role.credentials_id);
        values.push(match endpoint {
            metadata::Endpoint::Namespace => ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI".into(), path),
            // SDKs complete a relative one with 169.254.170.2, which the node itself does not have.
            metadata::Endpoint::Loopback(_) => {
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI".into(), format!("{base}{path}"))
            }
        });
    }
    values
}

/// The directory in which the process starts.
pub fn working_dir(container: &link::Container, image: &Config) -> String {
    let own = container.docker_config.config.working_dir.as_str();
    let dir = if own.is_empty() { image.working_dir().as_deref().unwrap_or_default() } else { own };
    if dir.starts_with('/') { dir.to_string() } else { format!("/{dir}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Vec<String>> {
        Some(text.split_whitespace().map(ToString::to_string).collect())
    }

    fn check(entry_point: Option<&str>, command: Option<&str>, expected: &str) {
        let mut image = Config::default();
        image.set_entrypoint(words("/entry")).set_cmd(words("serve"));
        let container = link::Container {
            entry_point: entry_point.and_then(words),
            command: command.and_then(words),
            ..link::Container::default()
        };
        assert_eq!(arguments(&container, &image).join(" "), expected);
    }

    #[test]
    fn commands_join_as_dockers() {
        check(None, None, "/entry serve");
        check(None, Some("test"), "/entry test");
        check(Some("/own"), None, "/own");
        check(Some("/own"), Some("-v"), "/own -v");
    }

    #[test]
    fn the_task_definition_wins_over_the_image() {
        let mut image = Config::default();
        image.set_env(Some(vec!["A=image".into(), "B=image=2".into()]));
        let container =
            link::Container { environment: [("A".into(), "task".into())].into(), ..Default::default() };
        let env = environment(&container, &image, "h", &[], Some("/root"));
        assert!(env.contains(&"A=task".into()) && env.contains(&"B=image=2".into()));
        assert!(env.contains(&"HOSTNAME=h".into()) && env.contains(&"HOME=/root".into()));
        assert!(env.iter().any(|entry| entry.starts_with("PATH=/usr/local/sbin")));
    }
}

//! FireLens: a container of the task that routes the logs of others, as the Amazon ECS agent sets it up.
//!
//! The router gets a configuration ([`super::firelens_config`]) and a directory for its socket. The others log by the
//! driver `fluentd` into that socket; the directory is below the run directory, since a socket's path must be short.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use wire::link;

use super::errors;
use super::firelens_config::{self, PORT, Router, Settings};
use super::node::Node;
use super::record::{Record, id_of};
use crate::runtime::mounts::Bind;

/// The driver's name.
const DRIVER: &str = "awsfirelens";
/// How many messages the driver holds; an option that is the driver's and not the router's.
const BUFFER_LIMIT: &str = "log-driver-buffer-limit";
/// Options of any driver, which are not the router's either.
const DRIVER_OPTIONS: [&str; 3] = [BUFFER_LIMIT, "mode", "max-buffer-size"];

/// Whether a container logs through the task's router.
pub fn logs_through(container: &link::Container) -> bool {
    container.docker_config.host_config.log_config.driver == DRIVER
}

/// The task's router.
pub fn router(task: &link::Task) -> Option<&link::Container> {
    task.containers.iter().find(|container| container.firelens_configuration.is_some())
}

/// Whether a container must wait for the router. It does not where the router itself waits for others.
pub fn waits_for<'a>(task: &'a link::Task, container: &link::Container) -> Option<&'a str> {
    let router = router(task).filter(|router| router.name != container.name && logs_through(container))?;
    let is_first = router.depends_on.is_empty() && router.links.is_empty() && router.volumes_from.is_empty();
    is_first.then_some(router.name.as_str())
}

/// Where the router listens, as the node sees it.
fn socket_dir(run_dir: &Path, task_id: &str) -> PathBuf {
    run_dir.join("firelens").join(task_id)
}

/// The driver that a container really has.
pub fn log_config(run_dir: &Path, task_arn: &str, container: &link::Container) -> link::LogConfig {
    let given = &container.docker_config.host_config.log_config;
    if !logs_through(container) {
        return given.clone();
    }
    let task_id = id_of(task_arn);
    let socket = socket_dir(run_dir, task_id).join("fluent.sock");
    let mut config = BTreeMap::from([
        ("tag".to_string(), format!("{}-firelens-{task_id}", container.name)),
        ("fluentd-address".to_string(), format!("unix://{}", socket.display())),
        ("fluentd-sub-second-precision".to_string(), "true".to_string()),
        ("fluentd-async".to_string(), "true".to_string()),
    ]);
    for name in DRIVER_OPTIONS {
        if let Some(value) = given.config.get(name) {
            let name = if name == BUFFER_LIMIT { "fluentd-buffer-limit" } else { name };
            config.insert(name.to_string(), value.clone());
        }
    }
    link::LogConfig { driver: "fluentd".into(), config }
}

/// A container with what FireLens adds to its environment.
pub fn complete(record: &Record, mut container: link::Container) -> link::Container {
    let mut set = |name: &str, value: String| container.environment.insert(name.to_string(), value);
    if container.firelens_configuration.as_ref().is_some_and(|router| router.kind == "fluentd") {
        set("FLUENT_UID", "0".into());
    }
    let Some(router) = router(&record.task) else { return container };
    let address = match record.task.network_mode.as_str() {
        "awsvpc" => Some("127.0.0.1".to_string()),
        "bridge" => {
            let network = record.network.as_ref().map(|network| network.of(&router.name));
            network.and_then(|network| network.interface.as_ref()).map(|it| it.address.to_string())
        }
        _ => None,
    };
    if let Some(address) = address.filter(|_| logs_through(&container)) {
        container.environment.insert("FLUENT_HOST".into(), address);
        container.environment.insert("FLUENT_PORT".into(), PORT.into());
    }
    container
}

/// Makes what a router needs and answers how to mount it; nothing for any other container.
pub async fn prepare(node: &Node, record: &Record, container: &link::Container) -> Result<Vec<Bind>, String> {
    let Some(firelens) = &container.firelens_configuration else { return Ok(Vec::new()) };
    let failed = |text: String| errors::reason("ResourceInitializationError", &text);
    let (router, config_path, external_path) = match firelens.kind.as_str() {
        "fluentd" => (Router::Fluentd, "/fluentd/etc/fluent.conf", "/fluentd/etc/external.conf"),
        "fluentbit" => {
            (Router::FluentBit, "/fluent-bit/etc/fluent-bit.conf", "/fluent-bit/etc/external.conf")
        }
        other => return Err(failed(format!("invalid firelens configuration type: {other}"))),
    };
    let option = |name: &str| firelens.options.get(name).map(String::as_str);
    let mut files = Vec::new();
    let include = match (option("config-file-type"), option("config-file-value")) {
        (Some("s3"), Some(arn)) => {
            let text = node.uplink.environment_file(record.task.arn.clone(), arn.to_string()).await;
            let text =
                text.map_err(|e| failed(format!("unable to download firelens s3 config file: {e}")))?;
            files.push(("external.conf", external_path, text));
            Some(external_path.to_string())
        }
        (Some(_file), Some(path)) => Some(path.to_string()),
        _ => None,
    };
    let mut settings = settings(record, container, router, include);
    if record.task.launch_type == "EC2" && !settings.fields.is_empty() {
        settings.fields.insert("ec2_instance_id".into(), instance_id(&node.config.node_id));
    }
    let text = firelens_config::write(&settings)
        .map_err(|e| failed(format!("unable to generate firelens config file: {e}")))?;
    files.push(("fluent.conf", config_path, text));
    let config_dir = node.journal.task_dir(record.id()).join("firelens");
    let socket_dir = socket_dir(&node.config.run_dir(), record.id());
    let user = container.docker_config.config.user.clone();
    let made = tokio::task::spawn_blocking(move || {
        make_socket_dir(&socket_dir, &user)?;
        write_files(&config_dir, &files).map(|mut binds| {
            binds.push(Bind { source: socket_dir, destination: "/var/run/".into(), read_only: false });
            binds
        })
    });
    let made = made.await.map_err(io::Error::other).flatten();
    made.map_err(|error| failed(format!("unable to initialize resource directory: {error}")))
}

fn settings(
    record: &Record,
    container: &link::Container,
    router: Router,
    include: Option<String>,
) -> Settings {
    let task = &record.task;
    let firelens = container.firelens_configuration.as_ref();
    let with_fields =
        firelens.is_none_or(|it| it.options.get("enable-ecs-log-metadata").is_none_or(|it| it != "false"));
    let cluster = task.longshore.as_ref().map(|it| id_of(&it.cluster_arn).to_string());
    let fields = [
        ("ecs_cluster", cluster.unwrap_or_default()),
        ("ecs_task_arn", task.arn.clone()),
        ("ecs_task_definition", format!("{}:{}", task.family, task.version)),
    ];
    let fields = fields.into_iter().filter(|_| with_fields);
    let reserved = container.docker_config.host_config.memory_reservation >> 20;
    let of_output = |container: &link::Container| {
        let mut options = container.docker_config.host_config.log_config.config.clone();
        options.retain(|name, _| !DRIVER_OPTIONS.contains(&name.as_str()));
        (container.name.clone(), options)
    };
    Settings {
        router,
        network_mode: task.network_mode.clone(),
        memory_mib: if reserved > 0 { reserved } else { container.memory },
        fields: fields.map(|(name, value)| (name.to_string(), value)).collect(),
        containers: task.containers.iter().filter(|it| logs_through(it)).map(of_output).collect(),
        include,
    }
}

/// The id under which the control plane shows a node as a container instance.
fn instance_id(node_id: &str) -> String {
    format!("i-{}", node_id.get(..17).unwrap_or(node_id))
}

/// The directory belongs to the router's user, who must be a number: its names are those of another file system.
fn make_socket_dir(dir: &Path, user: &str) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if user.is_empty() || user == "root" {
        return Ok(());
    }
    let (uid, gid) = user.split_once(':').unwrap_or((user, ""));
    let invalid = |_| io::Error::other(format!("unable to determine the user ID: {user}"));
    // A group's name leaves the group as it is.
    chown(dir, Some(uid.parse().map_err(invalid)?), gid.parse().ok())
}

fn write_files(dir: &Path, files: &[(&str, &str, String)]) -> io::Result<Vec<Bind>> {
    fs::create_dir_all(dir)?;
    let one = |(name, destination, text): &(&str, &str, String)| {
        let source = dir.join(name);
        fs::write(&source, text)?;
        Ok(Bind { source, destination: destination.to_string(), read_only: false })
    };
    files.iter().map(one).collect()
}

/// Removes the socket's directory of a task.
pub fn remove(run_dir: &Path, task_id: &str) {
    let _ = fs::remove_dir_all(socket_dir(run_dir, task_id));
}

/// Removes what tasks that nobody knows have left.
pub fn sweep(run_dir: &Path, knows: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(run_dir.join("firelens")) else { return };
    for entry in entries.flatten() {
        let id = entry.file_name().to_string_lossy().into_owned();
        if !knows(&id) {
            remove(run_dir, &id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, driver: &str) -> link::Container {
        let mut container = link::Container { name: name.into(), ..link::Container::default() };
        container.docker_config.host_config.log_config.driver = driver.into();
        container
    }

    #[test]
    fn the_driver_is_fluentd_with_a_socket_of_the_task() {
        let mut logging = container("web", DRIVER);
        let given = &mut logging.docker_config.host_config.log_config.config;
        given.insert("Name".into(), "stdout".into());
        given.insert(BUFFER_LIMIT.into(), "100".into());
        let found = log_config(Path::new("/run/x"), "arn:aws:ecs:r:1:task/c/0123", &logging);
        let expected = [
            ("fluentd-address", "unix:///run/x/firelens/0123/fluent.sock"),
            ("fluentd-async", "true"),
            ("fluentd-buffer-limit", "100"),
            ("fluentd-sub-second-precision", "true"),
            ("tag", "web-firelens-0123"),
        ];
        let expected = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(found, link::LogConfig { driver: "fluentd".into(), config: expected });
    }

    #[test]
    fn containers_wait_for_a_router_that_waits_for_nobody() {
        let mut task: link::Task = serde_json::from_value(serde_json::json!({"arn": "a", "family": "f", "version": "1",
            "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "EC2", "networkMode": "bridge",
            "containers": []}))
        .unwrap();
        let mut router = container("router", "awslogs");
        router.firelens_configuration =
            Some(link::FirelensConfiguration { kind: "fluentbit".into(), options: BTreeMap::new() });
        let (web, other) = (container("web", DRIVER), container("other", "awslogs"));
        task.containers = vec![router, web.clone(), other.clone()];
        assert_eq!((waits_for(&task, &web), waits_for(&task, &other)), (Some("router"), None));
        task.containers[0].links = vec!["web".into()];
        assert_eq!(waits_for(&task, &web), None);
    }
}

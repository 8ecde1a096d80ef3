//! FireLens: a container of the task that routes the logs of others.

use std::collections::BTreeMap;

use model::ecs::container_definition::{FirelensConfiguration, LogDriver};
use model::ecs::task_definition::{Compatibility, TaskDefinitionSpec};
use model::ecs::{ContainerDefinition, TextEnum};

use crate::ecs::error::Error;

/// Whether records are told whose they are.
pub(crate) const METADATA: &str = "enable-ecs-log-metadata";
/// Where a configuration of the user's own lies: `file` or `s3`.
pub(crate) const FILE_TYPE: &str = "config-file-type";
/// Its path in the router's image, or its ARN.
pub(crate) const FILE_VALUE: &str = "config-file-value";
/// How many messages the driver holds for the router; an option of the containers that log.
pub(crate) const BUFFER_LIMIT: &str = "log-driver-buffer-limit";
const BUFFER_LIMIT_MOST: u64 = 536_870_912;
const S3_ARN: &str = "arn:aws:s3:::";

/// Checks the router of a task definition and the containers that log through it.
pub(crate) fn check(spec: &TaskDefinitionSpec) -> Result<(), Error> {
    let routers: Vec<_> = spec
        .container_definitions
        .iter()
        .filter_map(|container| container.firelens_configuration.as_ref().map(|router| (container, router)))
        .collect();
    let mut logging =
        spec.container_definitions.iter().filter(|container| logs_through(container)).peekable();
    match (routers.as_slice(), logging.peek()) {
        ([], None) => return Ok(()),
        ([], Some(_)) => {
            return Err(Error::Client(
                "When awsfirelens log driver is specified in log configuration, a firelens configuration object must \
                 be configured in one of the containers."
                    .into(),
            ));
        }
        ([_], None) => {
            return Err(Error::Client(
                "When a firelensConfiguration object is specified, at least one container has to be configured with \
                 the awsfirelens log driver."
                    .into(),
            ));
        }
        ([(container, router)], Some(_)) => check_router(spec, container, router)?,
        ([_, (second, _), ..], _) => {
            return Err(Error::container_setting_because(
                "firelensConfiguration",
                &second.name,
                "Only one container of a task can be a log router.",
            ));
        }
    }
    logging.try_for_each(check_buffer)
}

/// Whether a container's output goes to the router.
fn logs_through(container: &ContainerDefinition) -> bool {
    container.log_configuration.as_ref().is_some_and(|logs| logs.log_driver == LogDriver::Awsfirelens)
}

fn check_router(
    spec: &TaskDefinitionSpec,
    container: &ContainerDefinition,
    router: &FirelensConfiguration,
) -> Result<(), Error> {
    let refuse = |name: &str, why: &str| {
        let member = format!("firelensConfiguration.options.{name}");
        Err(Error::container_setting_because(&member, &container.name, why))
    };
    let none = BTreeMap::new();
    let options = router.options.as_ref().unwrap_or(&none);
    if let Some(name) =
        options.keys().find(|name| ![METADATA, FILE_TYPE, FILE_VALUE].contains(&name.as_str()))
    {
        return refuse(name, "There is no such option.");
    }
    if options.get(METADATA).is_some_and(|value| value != "true" && value != "false") {
        return refuse(METADATA, "It must be 'true' or 'false'.");
    }
    let value = options.get(FILE_VALUE).map_or("", String::as_str);
    match options.get(FILE_TYPE).map(String::as_str) {
        None if value.is_empty() => Ok(()),
        None => refuse(FILE_VALUE, "It needs config-file-type."),
        Some("file" | "s3") if value.is_empty() => refuse(FILE_TYPE, "It needs config-file-value."),
        Some("file") if !value.starts_with('/') => refuse(FILE_VALUE, "It must be an absolute path."),
        Some("file") => Ok(()),
        Some("s3") if spec.requires(Compatibility::Fargate) => {
            refuse(FILE_TYPE, "Fargate only supports the configuration file type 'file'.")
        }
        Some("s3") => {
            let object = value.strip_prefix(S3_ARN).and_then(|object| object.split_once('/'));
            match object {
                Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(()),
                Some(_) | None => refuse(FILE_VALUE, "It must be the ARN of an object."),
            }
        }
        Some(_) => refuse(FILE_TYPE, "It must be 'file' or 's3'."),
    }
}

fn check_buffer(container: &ContainerDefinition) -> Result<(), Error> {
    let logs = container.log_configuration.as_ref();
    let limit = logs.and_then(|logs| logs.options.as_ref()?.get(BUFFER_LIMIT));
    match limit.map(|limit| limit.parse::<u64>()) {
        None => Ok(()),
        Some(Ok(limit)) if limit <= BUFFER_LIMIT_MOST => Ok(()),
        Some(_) => Err(Error::container_setting_because(
            "logConfiguration.options.log-driver-buffer-limit",
            &container.name,
            "It must be a number from 0 to 536870912.",
        )),
    }
}

/// Names what an instance must have for a router, or for a container that logs through it.
pub(crate) fn need(container: &ContainerDefinition, need: &mut impl FnMut(&str)) {
    let logs = container.log_configuration.as_ref();
    if logs.is_some_and(|logs| logs.options.as_ref().is_some_and(|all| all.contains_key(BUFFER_LIMIT)))
        && logs_through(container)
    {
        need("ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit");
    }
    let Some(router) = &container.firelens_configuration else { return };
    need(&format!("ecs.capability.firelens.{}", router.kind.as_str()));
    if let Some(kind) = router.options.as_ref().and_then(|options| options.get(FILE_TYPE)) {
        need(&format!("ecs.capability.firelens.options.config.{kind}"));
    }
    let user = container.user.as_deref().unwrap_or_default();
    let uid = user.split(':').next().unwrap_or_default();
    if !matches!(uid, "" | "0" | "root") {
        need("ecs.capability.firelens.non-root-user");
    }
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::{FirelensType, LogConfiguration};

    use super::*;
    use crate::ecs::rules::sample;

    fn options(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn logging(name: &str, pairs: &[(&str, &str)]) -> ContainerDefinition {
        let (log_driver, options) = (LogDriver::Awsfirelens, options(pairs));
        let logs = LogConfiguration { log_driver, options, secret_options: None };
        ContainerDefinition { log_configuration: Some(logs), ..sample::container(name) }
    }

    fn router(name: &str, pairs: &[(&str, &str)]) -> ContainerDefinition {
        let firelens = FirelensConfiguration { kind: FirelensType::Fluentbit, options: options(pairs) };
        ContainerDefinition { firelens_configuration: Some(firelens), ..sample::container(name) }
    }

    fn check(containers: Vec<ContainerDefinition>, expected: &str) {
        let spec = TaskDefinitionSpec { container_definitions: containers, ..sample::spec() };
        let found = super::check(&spec).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn a_router_and_who_logs_through_it_need_each_other() {
        check(vec![router("r", &[]), logging("a", &[])], "");
        check(
            vec![logging("a", &[])],
            "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be \
             configured in one of the containers.",
        );
        check(
            vec![router("r", &[]), sample::container("a")],
            "When a firelensConfiguration object is specified, at least one container has to be configured with the \
             awsfirelens log driver.",
        );
        check(
            vec![router("r", &[]), router("s", &[]), logging("a", &[])],
            "Invalid 'firelensConfiguration' setting for container 's'. Only one container of a task can be a log router.",
        );
    }

    #[test]
    fn options_are_known_and_go_together() {
        let of_router = |pairs: &[(&str, &str)], expected: &str| {
            let text = expected.split_once(' ').map_or(String::new(), |(name, why)| {
                format!("Invalid 'firelensConfiguration.options.{name}' setting for container 'r'. {why}")
            });
            check(vec![router("r", pairs), logging("a", &[])], &text);
        };
        of_router(&[(METADATA, "false"), (FILE_TYPE, "file"), (FILE_VALUE, "/extra.conf")], "");
        of_router(&[("colour", "red")], "colour There is no such option.");
        of_router(&[(METADATA, "yes")], "enable-ecs-log-metadata It must be 'true' or 'false'.");
        of_router(&[(FILE_TYPE, "file")], "config-file-type It needs config-file-value.");
        of_router(&[(FILE_VALUE, "/x")], "config-file-value It needs config-file-type.");
        of_router(&[(FILE_TYPE, "ftp"), (FILE_VALUE, "/x")], "config-file-type It must be 'file' or 's3'.");
        let why = "config-file-type Fargate only supports the configuration file type 'file'.";
        of_router(&[(FILE_TYPE, "s3"), (FILE_VALUE, "arn:aws:s3:::b/k")], why);
        let beyond = [router("r", &[]), logging("a", &[(BUFFER_LIMIT, "536870913")])];
        check(
            beyond.to_vec(),
            "Invalid 'logConfiguration.options.log-driver-buffer-limit' setting for container 'a'. It must be a number \
             from 0 to 536870912.",
        );
    }

    #[test]
    fn an_instance_must_have_what_the_router_needs() {
        let mut container = router("r", &[(FILE_TYPE, "file"), (FILE_VALUE, "/x")]);
        container.user = Some("1000:1000".into());
        let mut found = Vec::new();
        need(&container, &mut |name: &str| found.push(name.to_owned()));
        need(&logging("a", &[(BUFFER_LIMIT, "100")]), &mut |name: &str| found.push(name.to_owned()));
        assert_eq!(
            found,
            [
                "ecs.capability.firelens.fluentbit",
                "ecs.capability.firelens.options.config.file",
                "ecs.capability.firelens.non-root-user",
                "ecs.capability.logging-driver.awsfirelens.log-driver-buffer-limit",
            ]
        );
    }
}

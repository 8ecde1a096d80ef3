//! Log configurations: the options that each driver takes. What an option's value means is for the node to say.

use model::ecs::container_definition::{LogConfiguration, LogDriver};
use model::ecs::{ContainerDefinition, TextEnum, log_options};

use crate::ecs::error::Error;

const AWSLOGS_REQUIRED: [&str; 2] = ["awslogs-region", "awslogs-group"];
const SPLUNK_REQUIRED: [&str; 2] = ["splunk-url", "splunk-token"];

/// Checks a container's log configuration.
pub(crate) fn check(container: &ContainerDefinition) -> Result<(), Error> {
    let Some(configuration) = &container.log_configuration else { return Ok(()) };
    let docker = |own: &[&str]| {
        refuse_other_options(configuration, &[own, &log_options::COMMON, &log_options::BUFFER].concat())
    };
    match configuration.log_driver {
        LogDriver::Awslogs => {
            refuse_other_options(configuration, &[&log_options::AWSLOGS[..], &log_options::BUFFER].concat())?;
            check_awslogs(configuration)
        }
        LogDriver::JsonFile => docker(&log_options::JSON_FILE),
        LogDriver::Syslog => docker(&log_options::SYSLOG),
        LogDriver::Journald => docker(&[]),
        LogDriver::Gelf => {
            docker(&log_options::GELF)?;
            require(configuration, &["gelf-address"])
        }
        LogDriver::Fluentd => docker(&log_options::FLUENTD),
        LogDriver::Splunk => {
            docker(&log_options::SPLUNK)?;
            require(configuration, &SPLUNK_REQUIRED)
        }
        // Its options are those of the router's output.
        LogDriver::Awsfirelens => Ok(()),
    }
}

/// The value of a log option.
pub(crate) fn option<'a>(configuration: &'a LogConfiguration, name: &str) -> Option<&'a str> {
    configuration.options.as_ref()?.get(name).map(String::as_str)
}

/// Refuses a configuration that lacks one of `options`.
pub(crate) fn require(configuration: &LogConfiguration, options: &[&str]) -> Result<(), Error> {
    let secret = |name: &str| configuration.secret_options.iter().flatten().any(|secret| secret.name == name);
    let missing: Vec<&str> = options
        .iter()
        .copied()
        .filter(|name| option(configuration, name).is_none() && !secret(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let driver = configuration.log_driver.as_str();
    Err(Error::Client(format!("Log driver {driver} requires options: {}", missing.join(", "))))
}

fn refuse_other_options(configuration: &LogConfiguration, known: &[&str]) -> Result<(), Error> {
    let given = configuration.options.iter().flatten().map(|(name, _)| name.as_str());
    let secret = configuration.secret_options.iter().flatten().map(|secret| secret.name.as_str());
    let others: Vec<&str> = given.chain(secret).filter(|name| !known.contains(name)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let driver = configuration.log_driver.as_str();
    Err(Error::Client(format!("Log driver {driver} disallows options: {}", others.join(", "))))
}

fn check_awslogs(configuration: &LogConfiguration) -> Result<(), Error> {
    require(configuration, &AWSLOGS_REQUIRED)?;
    let refuse = |name: &str, must: &str| {
        Err(Error::Client(format!("Log driver awslogs option '{name}' should {must}")))
    };
    for (name, value) in configuration.options.iter().flatten() {
        if value.is_empty() {
            return refuse(name, "not be null or empty.");
        }
    }
    if option(configuration, "awslogs-create-group").is_some_and(|value| !value.eq_ignore_ascii_case("true"))
    {
        return refuse("awslogs-create-group", "only be set to 'true', else omit option.");
    }
    if option(configuration, "mode").is_some_and(|mode| mode != "blocking" && mode != "non-blocking") {
        return refuse("mode", "be 'blocking' or 'non-blocking'.");
    }
    if option(configuration, "max-buffer-size").is_some_and(|size| !is_size(size)) {
        return refuse("max-buffer-size", "be a size such as '25m'.");
    }
    let multiline = option(configuration, "awslogs-multiline-pattern");
    if multiline.is_some() && option(configuration, "awslogs-datetime-format").is_some() {
        return refuse("awslogs-multiline-pattern", "not be set with 'awslogs-datetime-format'.");
    }
    Ok(())
}

fn is_size(raw: &str) -> bool {
    let digits = raw.strip_suffix(['k', 'm', 'g', 'K', 'M', 'G', 'b', 'B']).unwrap_or(raw);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::rules::sample;

    fn check(driver: LogDriver, options: &[(&str, &str)], expected: &str) {
        let mut container = sample::container("web");
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        container.log_configuration = Some(LogConfiguration {
            log_driver: driver,
            options: Some(options.collect()),
            secret_options: None,
        });
        let found = super::check(&container).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn awslogs_needs_a_region_and_a_group() {
        let good = [("awslogs-group", "/ecs/web"), ("awslogs-region", "us-east-2")];
        check(LogDriver::Awslogs, &good, "");
        check(LogDriver::Awslogs, &[], "Log driver awslogs requires options: awslogs-region, awslogs-group");
        check(LogDriver::Awslogs, &good[1..], "Log driver awslogs requires options: awslogs-group");
        check(
            LogDriver::Awslogs,
            &[("awslogs-group", ""), good[1]],
            "Log driver awslogs option 'awslogs-group' should not be null or empty.",
        );
        check(
            LogDriver::Awslogs,
            &[good[0], good[1], ("log_key", "log")],
            "Log driver awslogs disallows options: log_key",
        );
        check(
            LogDriver::Awslogs,
            &[good[0], good[1], ("awslogs-create-group", "false")],
            "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.",
        );
    }

    #[test]
    fn dockers_drivers_have_dockers_options() {
        check(LogDriver::JsonFile, &[("max-size", "10m"), ("labels", "team")], "");
        check(LogDriver::Journald, &[("tag", "{{.Name}}"), ("mode", "non-blocking")], "");
        check(LogDriver::Journald, &[("path", "x")], "Log driver journald disallows options: path");
        check(LogDriver::Gelf, &[], "Log driver gelf requires options: gelf-address");
        check(LogDriver::Splunk, &[("splunk-url", "x")], "Log driver splunk requires options: splunk-token");
        check(LogDriver::Fluentd, &[("fluentd-async", "true")], "");
        check(
            LogDriver::Syslog,
            &[("syslog-tls-key", "x")],
            "Log driver syslog disallows options: syslog-tls-key",
        );
        check(LogDriver::Awsfirelens, &[("Name", "stdout"), ("anything", "goes")], "");
    }
}

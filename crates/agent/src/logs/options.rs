//! Log drivers and their options, as Docker and ECS spell them. Pure.

use std::collections::BTreeMap;

use model::ecs::log_options;
use regex::bytes::Regex;
use wire::link;

use super::drivers::DockerDriver;
use super::multiline::datetime_pattern;
use super::spool::WhenFull;
use super::values;

/// A container that writes faster than its lines can be shipped waits when this much is unread.
const BLOCKING_LIMIT: u64 = 256 << 20;
/// ECS's `max-buffer-size` where a non-blocking configuration names none.
const BUFFER_LIMIT: u64 = 10 << 20;

/// Where a container's output goes.
#[derive(Clone, Debug)]
pub(super) enum Driver {
    /// To the log store.
    Awslogs(Awslogs),
    /// To the receiver of one of Docker's drivers.
    Docker(DockerDriver, Buffer),
    /// Nowhere.
    Discard,
}

/// What may wait in the spool, and what happens beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) limit_bytes: u64,
    pub(super) when_full: WhenFull,
}

/// The options of `awslogs`.
#[derive(Clone, Debug)]
pub(super) struct Awslogs {
    pub(super) group: String,
    pub(super) region: Option<String>,
    pub(super) stream: String,
    pub(super) create_group: bool,
    pub(super) starts: Option<Regex>,
    pub(super) buffer: Buffer,
}

/// Whose output is configured.
pub(super) struct Names<'a> {
    pub(super) task_id: &'a str,
    pub(super) container: &'a str,
    pub(super) runtime_id: &'a str,
}

/// Reads a log configuration; an error is the cause in words.
pub(super) fn parse(config: &link::LogConfig, names: &Names<'_>) -> Result<Driver, String> {
    let options = &config.config;
    match config.driver.as_str() {
        "awslogs" => parse_awslogs(options, names).map(Driver::Awslogs),
        "none" => Ok(Driver::Discard),
        name => {
            let own = options.iter().filter(|(name, _)| !log_options::BUFFER.contains(&name.as_str()));
            let own = own.map(|(name, value)| (name.clone(), value.clone())).collect();
            let driver = DockerDriver::parse(name, &own)
                .unwrap_or_else(|| Err(format!("logger: no log driver named '{name}' is registered")))?;
            let blocking = match (&driver, options.get("mode")) {
                // Nobody but the agent takes them, so a container does not wait unless it is told to.
                (DockerDriver::JsonFile(_), None) => WhenFull::DropOld,
                _ if driver.waiting_limit().is_some() => WhenFull::DropNew,
                _ => WhenFull::Block,
            };
            let buffer = buffer(options, blocking)?;
            Ok(Driver::Docker(driver, buffer))
        }
    }
}

/// The buffer that `mode` and `max-buffer-size` ask for; `blocking` is what the driver does when it is not told otherwise.
fn buffer(options: &BTreeMap<String, String>, blocking: WhenFull) -> Result<Buffer, String> {
    let size = options.get("max-buffer-size");
    match options.get("mode").map_or("", String::as_str) {
        "non-blocking" => {
            let size = size.map(|text| values::memory_size(text)).transpose();
            let size = size.map_err(|error| format!("error parsing option max-buffer-size: {error}"))?;
            Ok(Buffer { limit_bytes: size.unwrap_or(BUFFER_LIMIT), when_full: WhenFull::DropNew })
        }
        "blocking" | "" if size.is_some() => {
            Err("logger: max-buffer-size option is only supported with 'mode=non-blocking'".into())
        }
        "blocking" | "" => Ok(Buffer { limit_bytes: BLOCKING_LIMIT, when_full: blocking }),
        mode => Err(format!("logger: logging mode not supported: {mode}")),
    }
}

fn parse_awslogs(options: &BTreeMap<String, String>, names: &Names<'_>) -> Result<Awslogs, String> {
    let option = |name: &str| options.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let group = option("awslogs-group").ok_or("must specify a value for log opt 'awslogs-group'")?;
    let stream = match (option("awslogs-stream"), option("awslogs-stream-prefix")) {
        (Some(stream), _) => stream.to_string(),
        (None, Some(prefix)) => format!("{prefix}/{}/{}", names.container, names.task_id),
        (None, None) => names.runtime_id.to_string(),
    };
    let create_group = match option("awslogs-create-group") {
        None => false,
        Some(text) => text.parse().map_err(|_| {
            format!("must specify valid value for log opt 'awslogs-create-group': {text:?} is no boolean")
        })?,
    };
    let pattern = match (option("awslogs-datetime-format"), option("awslogs-multiline-pattern")) {
        (Some(_), Some(_)) => {
            return Err(
                "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at \
                        the same time"
                    .to_string(),
            );
        }
        (Some(format), None) => Some(datetime_pattern(format)),
        (None, pattern) => pattern.map(ToString::to_string),
    };
    let starts = pattern.as_deref().map(Regex::new).transpose().map_err(|error| {
        format!(
            "awslogs could not parse multiline pattern key {:?}: {error}",
            pattern.as_deref().unwrap_or_default()
        )
    })?;
    // The mode may be the account's, beside a size for the case that it is the other one: so unlike Docker's drivers this
    // one passes over a size that does not count.
    let is_blocking = option("mode").is_none_or(|mode| mode == "blocking");
    let mut of_buffer = options.clone();
    of_buffer.retain(|name, _| name != "max-buffer-size" || !is_blocking);
    let buffer = buffer(&of_buffer, WhenFull::Block)?;
    let (group, region) = (group.to_string(), option("awslogs-region").map(ToString::to_string));
    Ok(Awslogs { group, region, stream, create_group, starts, buffer })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { task_id: "t", container: "c", runtime_id: "r" };

    fn awslogs(options: &[(&str, &str)]) -> Result<Awslogs, String> {
        let config = [("awslogs-group", "/ecs/web")].iter().chain(options);
        let config = config.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let config = link::LogConfig { driver: "awslogs".into(), config };
        match parse(&config, &Names { task_id: "0123", container: "app", runtime_id: "0123-1" })? {
            Driver::Awslogs(awslogs) => Ok(awslogs),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn streams_are_named_as_ecs_names_them() {
        assert_eq!(awslogs(&[("awslogs-stream-prefix", "ecs")]).unwrap().stream, "ecs/app/0123");
        assert_eq!(awslogs(&[]).unwrap().stream, "0123-1");
    }

    #[test]
    fn modes_decide_what_happens_when_full() {
        let blocking = awslogs(&[("mode", "blocking")]).unwrap();
        assert_eq!(blocking.buffer, Buffer { when_full: WhenFull::Block, limit_bytes: BLOCKING_LIMIT });
        let dropping = awslogs(&[("mode", "non-blocking"), ("max-buffer-size", "25m")]).unwrap();
        assert_eq!(dropping.buffer, Buffer { when_full: WhenFull::DropNew, limit_bytes: 25 << 20 });
        let config = |pairs: &[(&str, &str)]| link::LogConfig {
            driver: "fluentd".into(),
            config: pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        };
        let fluentd = |pairs: &[(&str, &str)]| match parse(&config(pairs), &NAMES) {
            Ok(Driver::Docker(_, buffer)) => Ok(buffer.when_full),
            Ok(Driver::Awslogs(_) | Driver::Discard) => Err("another driver".to_string()),
            Err(error) => Err(error),
        };
        assert_eq!(fluentd(&[]), Ok(WhenFull::Block));
        assert_eq!(fluentd(&[("fluentd-async", "true")]), Ok(WhenFull::DropNew));
        assert_eq!(fluentd(&[("mode", "non-blocking")]), Ok(WhenFull::DropNew));
        assert_eq!(fluentd(&[("mode", "x")]), Err("logger: logging mode not supported: x".into()));
        let why = "logger: max-buffer-size option is only supported with 'mode=non-blocking'";
        assert_eq!(fluentd(&[("max-buffer-size", "1m")]), Err(why.into()));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(awslogs(&[("awslogs-create-group", "maybe")]).is_err());
        assert!(awslogs(&[("awslogs-multiline-pattern", "(")]).is_err());
        assert!(awslogs(&[("mode", "non-blocking"), ("max-buffer-size", "many")]).is_err());
        let both = [("awslogs-multiline-pattern", "x"), ("awslogs-datetime-format", "%Y")];
        assert!(awslogs(&both).is_err());
        let other = link::LogConfig { driver: "gcplogs".into(), ..Default::default() };
        assert_eq!(parse(&other, &NAMES).unwrap_err(), "logger: no log driver named 'gcplogs' is registered");
    }
}

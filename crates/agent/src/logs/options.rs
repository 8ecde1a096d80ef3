//! Log drivers and their options, as Docker and ECS spell them. Pure.

use regex::bytes::Regex;
use wire::link;

use super::multiline::datetime_pattern;
use super::spool::WhenFull;

/// A container that writes faster than its lines can be shipped waits when this much is unread.
const BLOCKING_LIMIT: u64 = 256 << 20;
/// ECS's `max-buffer-size` where a non-blocking configuration names none.
const BUFFER_LIMIT: u64 = 10 << 20;
/// What is kept for a container whose output stays on the node.
const LOCAL_LIMIT: u64 = 10 << 20;

/// Where a container's output goes.
#[derive(Clone, Debug)]
pub(super) enum Driver {
    /// To the log store.
    Awslogs(Awslogs),
    /// It stays on the node, for as long as the task is remembered.
    Local {
        /// Bytes kept.
        limit_bytes: u64,
    },
    /// Nowhere.
    Discard,
}

/// The options of `awslogs`.
#[derive(Clone, Debug)]
pub(super) struct Awslogs {
    pub(super) group: String,
    pub(super) region: Option<String>,
    pub(super) stream: String,
    pub(super) create_group: bool,
    pub(super) starts: Option<Regex>,
    pub(super) limit_bytes: u64,
    pub(super) when_full: WhenFull,
}

/// Whose output is configured.
pub(super) struct Names<'a> {
    pub(super) task_id: &'a str,
    pub(super) container: &'a str,
    pub(super) runtime_id: &'a str,
}

/// Reads a log configuration; an error is the cause in words.
pub(super) fn parse(config: &link::LogConfig, names: &Names<'_>) -> Result<Driver, String> {
    let option = |name: &str| config.config.get(name).map(String::as_str).filter(|value| !value.is_empty());
    match config.driver.as_str() {
        "awslogs" => parse_awslogs(&option, names).map(Driver::Awslogs),
        "" | "json-file" | "local" => {
            let files =
                option("max-file").and_then(|text| text.parse::<u64>().ok()).unwrap_or(1).clamp(1, 100);
            let size = option("max-size").map(parse_size).transpose()?;
            Ok(Driver::Local { limit_bytes: size.map_or(LOCAL_LIMIT, |size| size.saturating_mul(files)) })
        }
        "none" => Ok(Driver::Discard),
        other => Err(format!("logger: no log driver named '{other}' is registered")),
    }
}

fn parse_awslogs<'a>(
    option: &impl Fn(&str) -> Option<&'a str>,
    names: &Names<'_>,
) -> Result<Awslogs, String> {
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
    let (when_full, limit_bytes) = match option("mode") {
        Some("non-blocking") => {
            let size = option("max-buffer-size").map(parse_size).transpose()?;
            (WhenFull::DropNew, size.unwrap_or(BUFFER_LIMIT))
        }
        _ => (WhenFull::Block, BLOCKING_LIMIT),
    };
    let (group, region) = (group.to_string(), option("awslogs-region").map(ToString::to_string));
    Ok(Awslogs { group, region, stream, create_group, starts, limit_bytes, when_full })
}

/// Docker's sizes: `10m`, `64KB`, `1g`, `4096`.
fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim();
    let unit = lower[digits.len()..].trim().trim_end_matches('b').trim_end_matches('i');
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err(format!("invalid size: '{text}'")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("invalid size: '{text}'"))?;
    number.checked_mul(factor).ok_or_else(|| format!("invalid size: '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((blocking.when_full, blocking.limit_bytes), (WhenFull::Block, BLOCKING_LIMIT));
        let dropping = awslogs(&[("mode", "non-blocking"), ("max-buffer-size", "25m")]).unwrap();
        assert_eq!((dropping.when_full, dropping.limit_bytes), (WhenFull::DropNew, 25 << 20));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(awslogs(&[("awslogs-create-group", "maybe")]).is_err());
        assert!(awslogs(&[("awslogs-multiline-pattern", "(")]).is_err());
        assert!(awslogs(&[("mode", "non-blocking"), ("max-buffer-size", "many")]).is_err());
        let both = [("awslogs-multiline-pattern", "x"), ("awslogs-datetime-format", "%Y")];
        assert!(awslogs(&both).is_err());
        let splunk = link::LogConfig { driver: "splunk".into(), ..Default::default() };
        let names = Names { task_id: "t", container: "c", runtime_id: "r" };
        assert_eq!(parse(&splunk, &names).unwrap_err(), "logger: no log driver named 'splunk' is registered");
    }

    #[test]
    fn sizes_are_dockers() {
        for (text, expected) in [("4096", 4096), ("10m", 10 << 20), ("64KB", 64 << 10), ("1GiB", 1 << 30)] {
            assert_eq!(parse_size(text), Ok(expected), "{text}");
        }
    }
}

//! The configuration that a FireLens router gets: the text that the Amazon ECS agent writes. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the router listens for containers; the directory is one of the task's.
const SOCKET: &str = "/var/run/fluent.sock";
/// The port that it listens on in networks of its own.
pub const PORT: &str = "24224";
/// `Mem_Buf_Limit` where the router has no memory limit, in MB.
const DEFAULT_BUFFER_MB: i64 = 25;
/// Options of a container that are no options of its output.
const INCLUDE: &str = "include-pattern";
const EXCLUDE: &str = "exclude-pattern";

/// Which router it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// Fluentd.
    Fluentd,
    /// Fluent Bit.
    FluentBit,
}

/// What the configuration is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which router it is.
    pub router: Router,
    /// The task's network mode.
    pub network_mode: String,
    /// The router's memory limit in MiB; 0 for none.
    pub memory_mib: i64,
    /// What is added to each record, by name.
    pub fields: BTreeMap<String, String>,
    /// The containers that log through it, and their options.
    pub containers: Vec<(String, BTreeMap<String, String>)>,
    /// The path of a further configuration in the router's container.
    pub include: Option<String>,
}

/// An input or an output.
struct Pipe {
    name: String,
    tag: String,
    options: BTreeMap<String, String>,
}

/// Writes the configuration; an error is the agent's.
pub fn write(settings: &Settings) -> Result<String, String> {
    let (inputs, health) = inputs(settings);
    let wildcard = match settings.router {
        Router::Fluentd => "**",
        Router::FluentBit => "*",
    };
    let mut outputs: Vec<Pipe> = health.into_iter().collect();
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for (name, options) in &settings.containers {
        let tag = format!("{name}-firelens{wildcard}");
        included.extend(options.get(INCLUDE).map(|pattern| (tag.clone(), pattern)));
        excluded.extend(options.get(EXCLUDE).map(|pattern| (tag.clone(), pattern)));
        let output = output(settings.router, tag, options).map_err(|text| {
            format!("unable to apply log options of container {name} to firelens config: {text}")
        })?;
        outputs.extend(output);
    }
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match settings.router {
        Router::Fluentd => fluentd(&mut text, settings, &inputs, &included, &excluded, &outputs),
        Router::FluentBit => fluent_bit(&mut text, settings, &inputs, &included, &excluded, &outputs),
    };
    Ok(text)
}

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// The inputs, and the output that takes what comes to the input for health checks.
fn inputs(settings: &Settings) -> (Vec<Pipe>, Option<Pipe>) {
    let pipe = |name: &str, tag: &str, pairs: &[(&str, &str)]| Pipe {
        name: name.to_string(),
        tag: tag.to_string(),
        options: options(pairs),
    };
    let limit = if settings.memory_mib / 2 > 0 { settings.memory_mib / 2 } else { DEFAULT_BUFFER_MB };
    let mut inputs = vec![match settings.router {
        Router::Fluentd => pipe("unix", "", &[("path", SOCKET)]),
        Router::FluentBit => {
            pipe("forward", "", &[("unix_path", SOCKET), ("Mem_Buf_Limit", &format!("{limit}MB"))])
        }
    }];
    let bind = match settings.network_mode.as_str() {
        "bridge" => "0.0.0.0",
        "awsvpc" => "127.0.0.1",
        _ => return (inputs, None),
    };
    match settings.router {
        Router::Fluentd => {
            inputs.push(pipe("forward", "", &[("port", PORT), ("bind", bind)]));
            (inputs, None)
        }
        Router::FluentBit => {
            let health = "firelens-healthcheck";
            inputs.push(pipe("forward", "", &[("Port", PORT), ("Listen", bind)]));
            inputs.push(pipe("tcp", health, &[("Port", "8877"), ("Listen", "127.0.0.1")]));
            (inputs, Some(pipe("null", health, &[])))
        }
    }
}

/// The output of a container; none where its options name none, since it may be in a configuration of the user's own.
fn output(router: Router, tag: String, given: &BTreeMap<String, String>) -> Result<Option<Pipe>, String> {
    let (key, kind) = match router {
        Router::Fluentd => ("@type", "fluentd"),
        Router::FluentBit => ("Name", "fluentbit"),
    };
    let mut options = given.clone();
    options.retain(|name, _| ![key, INCLUDE, EXCLUDE].contains(&name.as_str()));
    match given.get(key) {
        Some(name) => Ok(Some(Pipe { name: name.clone(), tag, options })),
        None if options.is_empty() => Ok(None),
        None => Err(format!(
            "missing output key {key} which is required for firelens configuration of type {kind}"
        )),
    }
}

fn fluent_bit(
    out: &mut String,
    settings: &Settings,
    inputs: &[Pipe],
    included: &[(String, &String)],
    excluded: &[(String, &String)],
    outputs: &[Pipe],
) -> std::fmt::Result {
    for input in inputs {
        write!(out, "\n[INPUT]\n    Name {}", input.name)?;
        if !input.tag.is_empty() {
            write!(out, "\n    Tag {}", input.tag)?;
        }
        lines(out, "\n    ", &input.options)?;
        writeln!(out)?;
    }
    for (tag, pattern) in included {
        writeln!(out, "\n[FILTER]\n    Name   grep\n    Match {tag}\n    Regex  log {pattern}")?;
    }
    for (tag, pattern) in excluded {
        writeln!(out, "\n[FILTER]\n    Name   grep\n    Match {tag}\n    Exclude log {pattern}")?;
    }
    if !settings.fields.is_empty() {
        write!(out, "\n[FILTER]\n    Name record_modifier\n    Match *")?;
        lines(out, "\n    Record ", &settings.fields)?;
        writeln!(out)?;
    }
    if let Some(path) = &settings.include {
        writeln!(out, "\n@INCLUDE {path}")?;
    }
    for output in outputs {
        write!(out, "\n[OUTPUT]\n    Name {}\n    Match {}", output.name, output.tag)?;
        lines(out, "\n    ", &output.options)?;
        writeln!(out)?;
    }
    Ok(())
}

fn fluentd(
    out: &mut String,
    settings: &Settings,
    inputs: &[Pipe],
    included: &[(String, &String)],
    excluded: &[(String, &String)],
    outputs: &[Pipe],
) -> std::fmt::Result {
    for input in inputs {
        write!(out, "\n<source>\n    @type {}", input.name)?;
        lines(out, "\n    ", &input.options)?;
        write!(out, "\n</source>\n")?;
    }
    let grep = |out: &mut String, tag: &str, element: &str, pattern: &str| {
        write!(
            out,
            "\n<filter {tag}>\n    @type  grep\n    <{element}>\n        key log\n        pattern {pattern}\n    \
             </{element}>\n</filter>\n"
        )
    };
    included.iter().try_for_each(|(tag, pattern)| grep(out, tag, "regexp", pattern))?;
    excluded.iter().try_for_each(|(tag, pattern)| grep(out, tag, "exclude", pattern))?;
    if !settings.fields.is_empty() {
        write!(out, "\n<filter **>\n    @type record_transformer\n    <record>")?;
        lines(out, "\n        ", &settings.fields)?;
        write!(out, "\n    </record>\n</filter>\n")?;
    }
    if let Some(path) = &settings.include {
        writeln!(out, "\n@include {path}")?;
    }
    for output in outputs {
        write!(out, "\n<match {}>\n    @type {}", output.tag, output.name)?;
        lines(out, "\n    ", &output.options)?;
        write!(out, "\n</match>\n")?;
    }
    Ok(())
}

fn lines(out: &mut String, before: &str, pairs: &BTreeMap<String, String>) -> std::fmt::Result {
    pairs.iter().try_for_each(|(name, value)| write!(out, "{before}{name} {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str =
        "arn:aws:ecs:us-east-2:01234567891011:task/mycluster/3de392df-6bfa-470b-97ed-aa6f482cd7a";

    fn settings(router: Router, mode: &str, include: Option<&str>, output: (&str, &str)) -> Settings {
        let fields = [
            ("ecs_cluster", "mycluster"),
            ("ecs_task_arn", TASK),
            ("ecs_task_definition", "taskdefinition:1"),
            ("ec2_instance_id", "i-123456789a"),
        ];
        let of_container = [
            output,
            ("region", "us-west-2"),
            ("deliver_stream_name", "my-stream"),
            (INCLUDE, "*failure*"),
            (EXCLUDE, "*success*"),
        ];
        Settings {
            router,
            network_mode: mode.into(),
            memory_mib: 100,
            fields: options(&fields),
            containers: vec![("container".into(), options(&of_container))],
            include: include.map(ToString::to_string),
        }
    }

    /// What the Amazon ECS agent's own tests expect (agent/taskresource/firelens/firelensconfig_unix_test.go).
    #[test]
    fn fluent_bit_is_told_as_by_the_ecs_agent() {
        let given = settings(
            Router::FluentBit,
            "bridge",
            Some("/fluent-bit/etc/external.conf"),
            ("Name", "kinesis_firehose"),
        );
        let expected = format!(
            "
[INPUT]
    Name forward
    Mem_Buf_Limit 50MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name   grep
    Match container-firelens*
    Regex  log *failure*

[FILTER]
    Name   grep
    Match container-firelens*
    Exclude log *success*

[FILTER]
    Name record_modifier
    Match *
    Record ec2_instance_id i-123456789a
    Record ecs_cluster mycluster
    Record ecs_task_arn {TASK}
    Record ecs_task_definition taskdefinition:1

@INCLUDE /fluent-bit/etc/external.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name kinesis_firehose
    Match container-firelens*
    deliver_stream_name my-stream
    region us-west-2
"
        );
        assert_eq!(write(&given).unwrap(), expected);
        let without_limit = write(&Settings { memory_mib: 0, ..given }).unwrap();
        assert_eq!(without_limit, expected.replace("50MB", "25MB"));
    }

    #[test]
    fn fluentd_is_told_as_by_the_ecs_agent() {
        let given =
            settings(Router::Fluentd, "awsvpc", Some("/tmp/dummy.conf"), ("@type", "kinesis_firehose"));
        let forward = "
<source>
    @type forward
    bind 127.0.0.1
    port 24224
</source>
";
        let record = format!(
            "
<filter **>
    @type record_transformer
    <record>
        ec2_instance_id i-123456789a
        ecs_cluster mycluster
        ecs_task_arn {TASK}
        ecs_task_definition taskdefinition:1
    </record>
</filter>
"
        );
        let expected = format!(
            "
<source>
    @type unix
    path /var/run/fluent.sock
</source>
{forward}
<filter container-firelens**>
    @type  grep
    <regexp>
        key log
        pattern *failure*
    </regexp>
</filter>

<filter container-firelens**>
    @type  grep
    <exclude>
        key log
        pattern *success*
    </exclude>
</filter>
{record}
@include /tmp/dummy.conf

<match container-firelens**>
    @type kinesis_firehose
    deliver_stream_name my-stream
    region us-west-2
</match>
"
        );
        assert_eq!(write(&given).unwrap(), expected);
        let bare = Settings { network_mode: "host".into(), fields: BTreeMap::new(), ..given };
        assert_eq!(write(&bare).unwrap(), expected.replace(forward, "").replace(&record, ""));
    }

    #[test]
    fn an_output_has_a_name_or_nothing() {
        let of = |pairs: &[(&str, &str)]| {
            let mut settings = settings(Router::FluentBit, "host", None, ("Name", "x"));
            settings.containers = vec![("web".into(), options(pairs))];
            write(&settings)
        };
        assert!(!of(&[]).unwrap().contains("[OUTPUT]"));
        assert_eq!(
            of(&[("region", "x")]).unwrap_err(),
            "unable to apply log options of container web to firelens config: missing output key Name which is required \
             for firelens configuration of type fluentbit"
        );
    }
}

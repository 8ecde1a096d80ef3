//! `longshore logs`: what a task's containers wrote, and with `-f` what they write: to CloudWatch Logs, or into files of
//! the node where this is the node.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use wire::ecs::SERVICE as ECS;
use wire::logs::SERVICE as LOGS;

use super::api::Api;
use super::log_file::LogFile;
use super::{LogsOptions, find};

/// Between two looks at a stream.
const PAUSE: Duration = Duration::from_millis(500);

/// One container's output, and how far it was read.
struct Output {
    container: String,
    place: Place,
}

enum Place {
    Stream(Stream),
    File(LogFile),
}

/// A log stream, and how far it was read.
struct Stream {
    group: String,
    name: String,
    token: Option<String>,
}

pub(super) async fn run(options: &LogsOptions) -> Result<()> {
    let api = Api::of(&options.profile)?;
    let task = find::task(&api, &options.task, true).await?;
    let mut outputs = outputs(&api, &task, options).await?;
    let names = outputs.len() > 1;
    loop {
        // Asked before the streams are read: what an ended task wrote is all there, but for what is on its way.
        let ended = !options.follow || has_ended(&api, &task).await?;
        let mut news = false;
        for output in &mut outputs {
            let prefix = if names { format!("{}: ", output.container) } else { String::new() };
            news |= match &mut output.place {
                Place::Stream(stream) => print(&api, stream, &prefix).await?,
                Place::File(file) => file.print(&prefix)?,
            };
        }
        if ended && !news {
            return Ok(());
        }
        if options.follow {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Where a task's containers log to, as far as it can be read from here.
async fn outputs(api: &Api, task: &Value, options: &LogsOptions) -> Result<Vec<Output>> {
    let only = options.container.as_deref();
    let input = json!({ "taskDefinition": task["taskDefinitionArn"] });
    let definition = api.call(ECS, "DescribeTaskDefinition", input).await?;
    let containers =
        definition["taskDefinition"]["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let id = find::id_of(task["taskArn"].as_str().unwrap_or_default()).to_owned();
    let mut outputs = Vec::new();
    for container in &containers {
        let name = container["name"].as_str().unwrap_or_default();
        let log = &container["logConfiguration"];
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let container = name.to_owned();
        match log["logDriver"].as_str() {
            Some("awslogs") => {}
            None | Some("json-file") => {
                let place = Place::File(LogFile::new(&options.data_dir, &runtime_id(task, name)));
                outputs.push(Output { container, place });
                continue;
            }
            Some(_elsewhere) => continue,
        }
        let option = |key: &str| log["options"][key].as_str().filter(|text| !text.is_empty());
        let stream = match (option("awslogs-stream"), option("awslogs-stream-prefix")) {
            (Some(stream), _) => stream.to_owned(),
            (None, Some(prefix)) => format!("{prefix}/{name}/{id}"),
            (None, None) => runtime_id(task, name),
        };
        let group = option("awslogs-group").unwrap_or_default().to_owned();
        outputs.push(Output { container, place: Place::Stream(Stream { group, name: stream, token: None }) });
    }
    if outputs.is_empty() {
        bail!(
            "no container of the task logs with the driver awslogs or json-file, so there is nothing to show"
        );
    }
    Ok(outputs)
}

fn runtime_id(task: &Value, name: &str) -> String {
    let containers = task["containers"].as_array().into_iter().flatten();
    let container = containers.into_iter().find(|container| container["name"] == name);
    container.and_then(|c| c["runtimeId"].as_str()).unwrap_or_default().to_owned()
}

async fn has_ended(api: &Api, task: &Value) -> Result<bool> {
    let input = json!({ "cluster": task["clusterArn"], "tasks": [task["taskArn"]] });
    let answer = api.call(ECS, "DescribeTasks", input).await?;
    Ok(answer["tasks"][0]["lastStatus"].as_str().is_none_or(|status| status == "STOPPED"))
}

/// Prints what is new in a stream; false when that is nothing.
async fn print(api: &Api, stream: &mut Stream, prefix: &str) -> Result<bool> {
    let mut news = false;
    loop {
        let mut input =
            json!({ "logGroupName": stream.group, "logStreamName": stream.name, "startFromHead": true });
        if let Some(token) = &stream.token {
            input["nextToken"] = token.as_str().into();
        }
        let page = match api.call(LOGS, "GetLogEvents", input).await {
            Ok(page) => page,
            // The container has not started: its stream is made with it.
            Err(error) if error.to_string().contains("ResourceNotFoundException") => return Ok(news),
            Err(error) => return Err(error),
        };
        let mut out = std::io::stdout().lock();
        for event in page["events"].as_array().into_iter().flatten() {
            let message = event["message"].as_str().unwrap_or_default();
            writeln!(out, "{prefix}{message}")?;
            news = true;
        }
        out.flush()?;
        let next = page["nextForwardToken"].as_str().map(ToOwned::to_owned);
        if next == stream.token || next.is_none() {
            return Ok(news);
        }
        stream.token = next;
    }
}

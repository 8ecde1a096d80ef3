//! `longshore ps`: the tasks of all clusters, one a line.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::api::Api;
use super::{PsOptions, find};
use crate::cli::Output;
use crate::clock;

/// So much of a task's id is shown: enough to tell tasks apart, and `logs` and `exec` take it.
const ID: usize = 12;

pub(super) async fn run(options: &PsOptions) -> Result<()> {
    let api = Api::of(&options.profile)?;
    let mut tasks = find::tasks(&api, options.cluster.as_deref(), options.all).await?;
    tasks.sort_by(|a, b| seconds(&b["createdAt"]).total_cmp(&seconds(&a["createdAt"])));
    match options.output.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&json!({ "tasks": tasks }))?),
        Output::Text => println!("{}", table(&tasks, clock::now().as_secs_f64())),
    }
    Ok(())
}

fn table(tasks: &[Value], now: f64) -> Table {
    let mut table = Table::new();
    let mut header = vec!["TASK", "CLUSTER", "DEFINITION", "STATUS", "HEALTH", "AGE", "ADDRESS"];
    let tells_reasons = tasks.iter().any(|task| !reason(task).is_empty());
    if tells_reasons {
        header.push("REASON");
    }
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    for task in tasks {
        let text = |name: &str| task[name].as_str().unwrap_or_default();
        let id = find::id_of(text("taskArn"));
        let mut row = vec![
            id.get(..ID).unwrap_or(id).to_owned(),
            find::id_of(text("clusterArn")).to_owned(),
            find::id_of(text("taskDefinitionArn")).to_owned(),
            status(task),
            text("healthStatus").to_owned(),
            age(now - seconds(&task["createdAt"])),
            address(task),
        ];
        if tells_reasons {
            row.push(reason(task).to_owned());
        }
        table.add_row(row);
    }
    table
}

/// Where the task is; for an ended one how its containers ended.
fn status(task: &Value) -> String {
    let last = task["lastStatus"].as_str().unwrap_or_default();
    let codes: Vec<String> = task["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| Some(c["exitCode"].as_i64()?.to_string()))
        .collect();
    if last == "STOPPED" && !codes.is_empty() {
        format!("{last} ({})", codes.join(","))
    } else {
        last.to_owned()
    }
}

/// Why the task stopped: what a container says of it, or else the task.
fn reason(task: &Value) -> &str {
    let mut containers = task["containers"].as_array().into_iter().flatten();
    let told = containers.find_map(|container| container["reason"].as_str());
    told.or_else(|| task["stoppedReason"].as_str()).unwrap_or_default()
}

fn address(task: &Value) -> String {
    let details = task["attachments"].as_array().into_iter().flatten();
    let mut details = details.flat_map(|attachment| attachment["details"].as_array().into_iter().flatten());
    let address = details.find(|detail| detail["name"] == "privateIPv4Address");
    address.and_then(|detail| detail["value"].as_str()).unwrap_or("-").to_owned()
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_a_task_what_an_operator_asks_first() {
        let task = json!({ "taskArn": "arn:aws:ecs:r:1:task/web/0123456789abcdef0123456789abcdef",
            "clusterArn": "arn:aws:ecs:r:1:cluster/web", "taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/app:3",
            "lastStatus": "STOPPED", "healthStatus": "UNKNOWN", "createdAt": 1000.0, "containers": [{ "exitCode": 137 }],
            "stoppedReason": "Essential container in task exited",
            "attachments": [{ "details": [{ "name": "privateIPv4Address", "value": "10.0.0.7" }] }] });
        let shown = table(&[task], 1000.0 + 7200.0).to_string();
        let line: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(
            line[..8],
            ["0123456789ab", "web", "app:3", "STOPPED", "(137)", "UNKNOWN", "2h", "10.0.0.7"]
        );
        assert_eq!(line[8..].join(" "), "Essential container in task exited");
    }
}

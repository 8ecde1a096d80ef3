//! `longshore top`: what the running containers of this machine use, as `docker stats` shows it.
//!
//! Which containers there are is asked of the API; what they use is read from this machine's control groups, so
//! containers of other machines are not shown.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use agent::metadata::{Usage, usage};
use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::api::Api;
use super::{TopOptions, find, terminal};
use crate::cli::Output;

/// Processor time is measured between two readings so far apart.
const INTERVAL: Duration = Duration::from_secs(1);
/// So much of a task's id is shown, as `ps` shows it.
const ID: usize = 12;
/// Goes to the upper left corner and forgets what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// A container, and what it used between two readings.
struct Row {
    task: String,
    container: String,
    cpu_percent: f64,
    now: Usage,
}

pub(super) async fn run(options: &TopOptions) -> Result<()> {
    let api = Api::of(&options.profile)?;
    let repeats = !options.once && options.output.output == Output::Text && std::io::stdout().is_terminal();
    let mut earlier = read(&api, options.cluster.as_deref()).await?;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = read(&api, options.cluster.as_deref()).await?;
        let rows = rows(&earlier, &now);
        match options.output.output {
            Output::Json => println!("{}", serde_json::to_string_pretty(&document(&rows))?),
            Output::Text if repeats => {
                let lines = terminal::size().map_or(usize::MAX, |size| size.rows.saturating_sub(1) as usize);
                let table = table(&rows).to_string();
                let shown: Vec<&str> = table.lines().take(lines).collect();
                let mut out = std::io::stdout().lock();
                writeln!(out, "{CLEAR}{}", shown.join("\n"))?;
                out.flush()?;
            }
            Output::Text => println!("{}", table(&rows)),
        }
        if !repeats {
            return Ok(());
        }
        earlier = now;
    }
}

/// What each container of this machine uses, by task and name.
async fn read(api: &Api, cluster: Option<&str>) -> Result<BTreeMap<(String, String), Usage>> {
    let mut found = BTreeMap::new();
    for task in find::tasks(api, cluster, false).await? {
        let id = find::id_of(task["taskArn"].as_str().unwrap_or_default()).to_owned();
        for container in task["containers"].as_array().into_iter().flatten() {
            let text = |name: &str| container[name].as_str().unwrap_or_default();
            if let Some(usage) = usage(&id, text("runtimeId")) {
                found.insert((id.clone(), text("name").to_owned()), usage);
            }
        }
    }
    Ok(found)
}

/// The busiest first.
fn rows(earlier: &BTreeMap<(String, String), Usage>, now: &BTreeMap<(String, String), Usage>) -> Vec<Row> {
    let row = |((task, container), now): (&(String, String), &Usage)| {
        let before = earlier.get(&(task.clone(), container.clone())).unwrap_or(now);
        let nanos = now.cpu_nanos.saturating_sub(before.cpu_nanos) as f64;
        let passed = (now.read_at_ms - before.read_at_ms) as f64 * 1e6;
        let cpu_percent = if passed > 0.0 { nanos / passed * 100.0 } else { 0.0 };
        Row { task: task.clone(), container: container.clone(), cpu_percent, now: *now }
    };
    let mut rows: Vec<Row> = now.iter().map(row).collect();
    rows.sort_by(|a, b| b.cpu_percent.total_cmp(&a.cpu_percent));
    rows
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "TASK",
        "CONTAINER",
        "CPU %",
        "MEMORY",
        "LIMIT",
        "NET IN",
        "NET OUT",
        "PIDS",
    ]);
    for row in rows {
        let now = &row.now;
        table.add_row([
            row.task.get(..ID).unwrap_or(&row.task).to_owned(),
            row.container.clone(),
            format!("{:.1}", row.cpu_percent),
            bytes(now.memory_bytes),
            bytes(now.memory_limit_bytes),
            bytes(now.received_bytes),
            bytes(now.sent_bytes),
            now.processes.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn document(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({ "task": row.task, "container": row.container, "cpuPercent": row.cpu_percent,
            "memoryBytes": row.now.memory_bytes, "memoryLimitBytes": row.now.memory_limit_bytes,
            "receivedBytes": row.now.received_bytes, "sentBytes": row.now.sent_bytes,
            "processes": row.now.processes })
    };
    json!({ "containers": rows.iter().map(row).collect::<Vec<_>>() })
}

/// In the unit that leaves the fewest digits; `-` for no limit.
fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = count as f64;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    match unit {
        // Version 1 writes "no limit" as a number that no machine has.
        4 if scaled > 1024.0 => "-".to_owned(),
        0 => format!("{count} B"),
        _ => format!("{scaled:.1} {}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_a_share_of_one_core() {
        let key = ("0123456789abcdef".to_owned(), "web".to_owned());
        let at = |read_at_ms, cpu_nanos| {
            let usage =
                Usage { read_at_ms, cpu_nanos, memory_bytes: 3 << 20, processes: 2, ..Usage::default() };
            BTreeMap::from([(key.clone(), usage)])
        };
        let rows = rows(&at(0, 0), &at(2000, 1_000_000_000));
        let shown = table(&rows).to_string();
        let line: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(line[..5], ["0123456789ab", "web", "50.0", "3.0", "MiB"]);
        assert_eq!(document(&rows)["containers"][0]["cpuPercent"], 50.0);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            (bytes(12).as_str(), bytes(1536).as_str(), bytes(u64::MAX / 2).as_str()),
            ("12 B", "1.5 KiB", "-")
        );
    }
}

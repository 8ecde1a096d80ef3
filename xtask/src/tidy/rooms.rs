//! Rules about the rooms of `services`: each has the same parts, each operation its own file,
//! and doors open to the left only.

use std::collections::BTreeSet;

use super::Finding;
use crate::codegen::names::snake;
use crate::files::File;

const SERVICES: &str = "crates/services/src/";

/// The rooms from left to right: a room may call the doors of those before it.
const ORDER: &[&str] = &[
    "iam",
    "sts",
    "secrets",
    "ssm",
    "ecr",
    "logs",
    "cloudwatch",
    "ec2",
    "elbv2",
    "discovery",
    "ecs",
    "autoscaling",
];

/// Checks every directory of `services` that has an `ops` directory or a room's name.
pub fn check(files: &[File]) -> Vec<Finding> {
    let inside = |file: &&File| file.path.strip_prefix(SERVICES).is_some_and(|rest| rest.contains('/'));
    let files: Vec<&File> = files.iter().filter(inside).collect();
    let rooms: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix(SERVICES)?.split_once('/'))
        .filter(|(room, rest)| rest.starts_with("ops/") || ORDER.contains(room))
        .map(|(room, _)| room)
        .collect();
    rooms.into_iter().flat_map(|room| check_room(room, &files)).collect()
}

fn check_room(room: &str, files: &[&File]) -> Vec<Finding> {
    let directory = format!("{SERVICES}{room}/");
    let own: Vec<(&str, &File)> =
        files.iter().filter_map(|file| Some((file.path.strip_prefix(&directory)?, *file))).collect();
    let has = |path: &str| own.iter().any(|(name, _)| *name == path);
    let mut findings = Vec::new();
    if !ORDER.contains(&room) {
        findings
            .push(Finding::fatal(&directory, "give the room its place in the row (xtask/src/tidy/rooms.rs)"));
    }
    // A room without operations (`iam`, for now) is a door; one that stores nothing converts nothing.
    let (serves, stores) = (own.iter().any(|(name, _)| name.starts_with("ops/")), has("store.rs"));
    for (part, needed) in [("mod", true), ("error", serves), ("wire", stores)] {
        if needed && !has(&format!("{part}.rs")) && !has(&format!("{part}/mod.rs")) {
            findings.push(Finding::fatal(&directory, format!("a room has its {part}.rs")));
        }
    }
    let served = served(&own);
    for operation in &served {
        let file = format!("ops/{}.rs", snake(operation));
        if !has(&file) {
            findings.push(Finding::fatal(&directory, format!("{operation} is served: it belongs in {file}")));
        }
    }
    let expected: BTreeSet<String> =
        served.iter().map(|operation| format!("ops/{}.rs", snake(operation))).collect();
    for (name, file) in own.iter().filter(|(name, _)| name.starts_with("ops/") && *name != "ops/mod.rs") {
        if !expected.contains(*name) && !name.ends_with("/tests.rs") {
            findings.push(Finding::fatal(&file.path, "ops/ holds served operations only: one file each"));
        }
    }
    findings.extend(own.iter().flat_map(|(_, file)| doors(room, file)));
    findings
}

/// The operations in the room's table: every `op::<...::Name>()`.
fn served(own: &[(&str, &File)]) -> BTreeSet<String> {
    let tables = own.iter().filter(|(name, _)| !name.starts_with("ops/"));
    let entries = tables.flat_map(|(_, file)| file.text.split("op::<").skip(1));
    entries
        .filter_map(|entry| entry.split_once('>').filter(|(_, rest)| rest.starts_with("()")))
        .filter_map(|(path, _)| path.rsplit("::").next())
        .map(|name| name.trim().to_owned())
        .collect()
}

/// Uses of rooms further right.
fn doors(room: &str, file: &File) -> Vec<Finding> {
    let Some(place) = ORDER.iter().position(|name| *name == room) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for right in &ORDER[place + 1..] {
            if code.contains(&format!("crate::{right}::")) || code.contains(&format!("crate::{right};")) {
                let place = format!("{}:{number}", file.path);
                findings.push(Finding::fatal(
                    place,
                    format!("{room} may not call {right}, which is to its right"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_files(files: &[(&str, &str)], expected: &[&str]) {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: format!("{SERVICES}{path}"), text: (*text).to_owned() })
            .collect();
        let found: Vec<String> = check(&files).into_iter().map(|finding| finding.message).collect();
        assert_eq!(found, expected);
    }

    const TABLE: &str = "operations: &[op::<::wire::ecs::RunTask>()]";

    #[test]
    fn a_room_has_its_parts() {
        let whole = [
            ("ecs/mod.rs", TABLE),
            ("ecs/wire/mod.rs", ""),
            ("ecs/error.rs", ""),
            ("ecs/ops/run_task.rs", ""),
        ];
        check_files(&whole, &[]);
        check_files(&whole[..1], &["RunTask is served: it belongs in ops/run_task.rs"]);
        check_files(&[whole[0], whole[3]], &["a room has its error.rs"]);
        check_files(&[whole[0], whole[2], whole[3], ("ecs/store.rs", "")], &["a room has its wire.rs"]);
        let extra = [&whole[..], &[("ecs/ops/helpers.rs", "")]].concat();
        check_files(&extra, &["ops/ holds served operations only: one file each"]);
    }

    #[test]
    fn doors_open_to_the_left() {
        let room = |text| [("logs/mod.rs", text), ("logs/wire.rs", ""), ("logs/error.rs", "")];
        check_files(&room("use crate::ecr::repository;"), &[]);
        check_files(&room("use crate::ecs::tasks;"), &["logs may not call ecs, which is to its right"]);
    }
}

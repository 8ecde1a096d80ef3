//! Rules about one file's text.

use std::collections::BTreeSet;

use super::Finding;
use crate::files::File;

/// Lines from which a file is too long, and from which it is refused.
const LONG: usize = 500;
const TOO_LONG: usize = 800;

/// Words that must not be in Rust code, and what to do instead.
/// They are spelt in two halves, so that this file passes.
const IN_RUST: &[(&str, &str)] = &[
    (concat!("todo", "!("), "finish it, or leave it out"),
    (concat!("unimplemented", "!("), "finish it, or answer the service's own refusal"),
    (concat!("dbg", "!("), "take it out"),
    (concat!("#[", "ignore"), "a test runs or does not exist"),
];

/// Words that must not be in any file, and what to do instead.
const ANYWHERE: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "name no path of one machine"),
    (concat!("/ro", "ot/venv"), "name no path of one machine"),
    (concat!("FIX", "ME"), "mend it, or open an issue and write TODO(#number)"),
    (concat!("<<<<", "<<< "), "resolve the conflict"),
];

/// Checks one file; `test_modules` are the files that only tests compile.
pub fn check(file: &File, test_modules: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let generated = file.path.contains("/generated/");
    if file.path.ends_with(".rs") {
        let product = is_product(&file.path) && !test_modules.contains(&file.path);
        rust(file, generated, product, &mut findings);
    }
    for (number, line) in file.lines().filter(|_| !generated) {
        let place = format!("{}:{number}", file.path);
        for (word, instead) in ANYWHERE.iter().filter(|(word, _)| line.contains(word)) {
            findings.push(Finding::fatal(&place, format!("`{word}`: {instead}")));
        }
        if line.contains(concat!("TO", "DO")) && !line.contains(concat!("TO", "DO(#")) {
            findings.push(Finding::fatal(&place, concat!("write TO", "DO(#issue), or do it")));
        }
    }
    findings
}

/// The files of modules that are declared under `#[cfg(test)]`.
pub fn test_modules(files: &[File]) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let (directory, name) = file.path.rsplit_once('/').unwrap_or_default();
        let inside = match name {
            "mod.rs" | "lib.rs" | "main.rs" => directory.to_owned(),
            _ => file.path.trim_end_matches(".rs").to_owned(),
        };
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            if let Some(module) = pair[1].split("mod ").nth(1).and_then(|rest| rest.strip_suffix(';')) {
                modules.insert(format!("{inside}/{module}.rs"));
                modules.insert(format!("{inside}/{module}/mod.rs"));
            }
        }
    }
    modules
}

fn rust(file: &File, generated: bool, mut product: bool, findings: &mut Vec<Finding>) {
    if !file.text.starts_with("//! ") {
        findings.push(Finding::fatal(&file.path, "open with `//!`: what the file is for"));
    }
    if generated {
        return;
    }
    let lines = file.text.lines().count();
    if lines > TOO_LONG {
        findings.push(Finding::fatal(&file.path, format!("{lines} lines: split it ({TOO_LONG} at most)")));
    } else if lines > LONG {
        findings.push(Finding::warning(&file.path, format!("{lines} lines: it wants splitting")));
    }
    for (number, line) in file.lines() {
        // By convention the tests are the last module of a file.
        product &= line.trim() != "#[cfg(test)]";
        let code = line.split("//").next().unwrap_or_default();
        let place = format!("{}:{number}", file.path);
        for (word, instead) in IN_RUST.iter().filter(|(word, _)| code.contains(word)) {
            findings.push(Finding::fatal(&place, format!("`{word}`: {instead}")));
        }
        if product && code.contains(concat!(".unwrap", "()")) {
            findings.push(Finding::fatal(&place, "say why it holds with `expect`, or return the error"));
        }
    }
}

/// Whether the file is part of what ships, rather than of its tests.
fn is_product(path: &str) -> bool {
    let of_tests = ["/tests/", "/benches/", "/examples/"].iter().any(|directory| path.contains(directory));
    !of_tests && !path.ends_with("/tests.rs") && !path.starts_with("crates/sim/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let found: Vec<String> = check(&file, &BTreeSet::new())
            .into_iter()
            .map(|f| format!("{}: {}", f.place, f.message))
            .collect();
        let matches = found.len() == expected.len()
            && found.iter().zip(expected).all(|(found, expected)| found.contains(expected));
        assert!(matches, "{found:#?}");
    }

    #[test]
    fn files_open_with_their_purpose() {
        check_text("crates/a/src/lib.rs", "//! Nouns.\n", &[]);
        check_text("crates/a/src/lib.rs", "use std::fs;\n", &["a/src/lib.rs: open with `//!`"]);
    }

    #[test]
    fn long_files_are_refused() {
        let text = |lines| "//! Long.\n".repeat(lines);
        check_text("a/src/a.rs", &text(500), &[]);
        check_text("a/src/a.rs", &text(501), &["501 lines: it wants splitting"]);
        check_text("a/src/a.rs", &text(801), &["801 lines: split it"]);
        check_text("a/src/generated/a.rs", &text(801), &[]);
    }

    #[test]
    fn unwrap_is_for_tests() {
        let unwrap = concat!("x.unwrap", "();\n");
        check_text("a/src/a.rs", &format!("//! A.\n{unwrap}"), &["a/src/a.rs:2: say why"]);
        check_text("a/src/a.rs", &format!("//! A.\n// {unwrap}"), &[]);
        check_text("a/src/a.rs", &format!("//! A.\n#[cfg(test)]\nmod tests {{}}\n{unwrap}"), &[]);
        check_text("a/tests/a.rs", &format!("//! A.\n{unwrap}"), &[]);
    }

    #[test]
    fn modules_of_tests_are_known() {
        let file = |path: &str| File {
            path: path.to_owned(),
            text: "#[cfg(test)]\nmod crash;\nmod engine;\n".to_owned(),
        };
        let modules = test_modules(&[file("a/src/lib.rs"), file("a/src/b.rs")]);
        let expected = ["a/src/b/crash.rs", "a/src/b/crash/mod.rs", "a/src/crash.rs", "a/src/crash/mod.rs"];
        assert!(modules.iter().eq(expected), "{modules:?}");
    }

    #[test]
    fn words_are_forbidden() {
        check_text("a/src/a.rs", concat!("//! A.\ntodo", "!();\n"), &["finish it"]);
        check_text("a/tests/a.rs", concat!("//! A.\n#[", "ignore]\n"), &["a test runs"]);
        check_text("docs/a.md", concat!("See /wo", "rk/notes.\n"), &["path of one machine"]);
        check_text("docs/a.md", concat!("TO", "DO later\nTO", "DO(#4): later\n"), &["docs/a.md:1: write"]);
    }
}

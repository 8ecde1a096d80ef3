//! Lock files and installed metadata of programming languages' package managers.

use bytes::Bytes;
use serde_json::Value;

use super::{Ecosystem, Package};

/// How deep npm's oldest lock files nest.
const MAX_NESTING: usize = 64;

/// A kind of file that names packages with their exact versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Npm,
    NpmInstalled,
    Yarn,
    Pnpm,
    Requirements,
    Pipfile,
    PythonToml,
    PythonInstalled,
    Cargo,
    GoMod,
    Gemfile,
    Composer,
}

fn kind(path: &str) -> Option<Lock> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_installed_npm = || {
        let inner = folder.rsplit_once("node_modules/").map(|(_, inner)| inner);
        inner.is_some_and(|inner| inner.split('/').count() == if inner.starts_with('@') { 2 } else { 1 })
    };
    match name {
        "package.json" => is_installed_npm().then_some(Lock::NpmInstalled),
        "METADATA" => folder.ends_with(".dist-info").then_some(Lock::PythonInstalled),
        _ if folder.split('/').any(|part| part == "node_modules") => None,
        "package-lock.json" | "npm-shrinkwrap.json" => Some(Lock::Npm),
        "yarn.lock" => Some(Lock::Yarn),
        "pnpm-lock.yaml" => Some(Lock::Pnpm),
        "requirements.txt" => Some(Lock::Requirements),
        "Pipfile.lock" => Some(Lock::Pipfile),
        "poetry.lock" | "uv.lock" => Some(Lock::PythonToml),
        "Cargo.lock" => Some(Lock::Cargo),
        "go.mod" => Some(Lock::GoMod),
        "Gemfile.lock" => Some(Lock::Gemfile),
        "composer.lock" => Some(Lock::Composer),
        _ => None,
    }
}

pub(super) fn is_lock(path: &str) -> bool {
    kind(path).is_some()
}

/// PyPI's name for a name: lower case, runs of `-`, `_` and `.` as one `-`.
pub(super) fn python_name(name: &str) -> String {
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-").to_ascii_lowercase()
}

/// Reads the packages of one file; one that is malformed names none.
pub(super) fn read(path: &str, bytes: &Bytes, packages: &mut Vec<Package>) {
    let Some(kind) = kind(path) else { return };
    let text = String::from_utf8_lossy(bytes);
    let json = || serde_json::from_str::<Value>(&text).unwrap_or_default();
    let (ecosystem, found) = match kind {
        Lock::Npm => (Ecosystem::Npm, npm(&json())),
        Lock::NpmInstalled => (Ecosystem::Npm, one(&json())),
        Lock::Yarn => (Ecosystem::Npm, yarn(&text)),
        Lock::Pnpm => (Ecosystem::Npm, pnpm(&text)),
        Lock::Requirements => (Ecosystem::PyPi, requirements(&text)),
        Lock::Pipfile => (Ecosystem::PyPi, pipfile(&json())),
        Lock::PythonToml => (Ecosystem::PyPi, toml_packages(&text)),
        Lock::PythonInstalled => (Ecosystem::PyPi, metadata(&text)),
        Lock::Cargo => (Ecosystem::CratesIo, toml_packages(&text)),
        Lock::GoMod => (Ecosystem::Go, go(&text)),
        Lock::Gemfile => (Ecosystem::RubyGems, gems(&text)),
        Lock::Composer => (Ecosystem::Packagist, composer(&json())),
    };
    packages.extend(found.into_iter().map(|(name, version)| Package {
        ecosystem: ecosystem.clone(),
        name,
        version,
        source: None,
        architecture: None,
        path: path.to_owned(),
    }));
}

type Found = Vec<(String, String)>;

fn text_of(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn one(document: &Value) -> Found {
    text_of(document, "name").zip(text_of(document, "version")).into_iter().collect()
}

fn npm(document: &Value) -> Found {
    if let Some(packages) = document.get("packages").and_then(Value::as_object) {
        let named = |(path, package): (&String, &Value)| {
            let name = path.rsplit_once("node_modules/").map(|(_, name)| name.to_owned())?;
            Some((text_of(package, "name").unwrap_or(name), text_of(package, "version")?))
        };
        return packages.iter().filter_map(named).collect();
    }
    let mut found = Vec::new();
    nested(document, &mut found, 0);
    found
}

fn nested(document: &Value, found: &mut Found, depth: usize) {
    let Some(dependencies) = document.get("dependencies").and_then(Value::as_object) else { return };
    for (name, package) in dependencies {
        if let Some(version) = text_of(package, "version") {
            found.push((name.clone(), version));
        }
        if depth < MAX_NESTING {
            nested(package, found, depth + 1);
        }
    }
}

fn yarn(text: &str) -> Found {
    let (mut found, mut name) = (Vec::new(), None);
    for line in text.lines() {
        if !line.starts_with([' ', '#']) && line.ends_with(':') {
            let first =
                line.trim_end_matches(':').split(',').next().unwrap_or_default().trim().trim_matches('"');
            name = first.get(1..).and_then(|rest| rest.find('@')).map(|at| first[..=at].to_owned());
        } else if let Some(version) = line.trim().strip_prefix("version")
            && let Some(name) = name.take()
        {
            found.push((name, version.trim_matches([' ', ':', '"']).to_owned()));
        }
    }
    found
}

fn pnpm(text: &str) -> Found {
    let mut found = Vec::new();
    for line in text.lines().skip_while(|line| *line != "packages:").skip(1) {
        if !line.starts_with(' ') && !line.is_empty() {
            break;
        }
        let Some(key) = line.strip_prefix("  ").filter(|key| !key.starts_with(' ') && key.ends_with(':'))
        else {
            continue;
        };
        let key = key.trim_end_matches(':').trim_matches('\'').trim_start_matches('/');
        let key = key.split('(').next().unwrap_or_default();
        if let Some((name, version)) = key.rsplit_once('@').filter(|(name, _)| !name.is_empty()) {
            found.push((name.to_owned(), version.to_owned()));
        }
    }
    found
}

fn requirements(text: &str) -> Found {
    let pinned = |line: &str| {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let (name, version) = line.split_once("==")?;
        let name = name.split('[').next().unwrap_or_default().trim().to_owned();
        let version =
            version.trim_start_matches('=').split_whitespace().next()?.trim_end_matches('\\').to_owned();
        (!version.contains('*')).then_some((name, version))
    };
    text.lines().filter_map(pinned).collect()
}

fn pipfile(document: &Value) -> Found {
    let sections = ["default", "develop"].iter().filter_map(|section| document.get(section)?.as_object());
    let pinned = |(name, package): (&String, &Value)| {
        Some((name.clone(), text_of(package, "version")?.trim_start_matches('=').to_owned()))
    };
    sections.flatten().filter_map(pinned).collect()
}

fn metadata(text: &str) -> Found {
    let head = text.split("\n\n").next().unwrap_or_default();
    let field =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
    field("Name:").zip(field("Version:")).into_iter().collect()
}

/// `[[package]]` tables with `name` and `version`: Cargo.lock, poetry.lock, uv.lock.
fn toml_packages(text: &str) -> Found {
    let package = |table: &str| {
        let table = table.split("\n[").next().unwrap_or_default();
        let field = |name: &str| {
            let value =
                table.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
            Some(value.trim().trim_matches('"').to_owned())
        };
        field("name").zip(field("version"))
    };
    text.split("[[package]]").skip(1).filter_map(package).collect()
}

fn go(text: &str) -> Found {
    let (mut found, mut is_open) = (Vec::new(), false);
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let required = match line {
            "require (" => {
                is_open = true;
                continue;
            }
            ")" => {
                is_open = false;
                continue;
            }
            line if is_open => Some(line),
            line => line.strip_prefix("require "),
        };
        if let Some((name, version)) = required.and_then(|line| line.trim().split_once(' ')) {
            found.push((name.to_owned(), version.trim().trim_start_matches('v').to_owned()));
        }
    }
    found
}

fn gems(text: &str) -> Found {
    let gem = |line: &str| {
        let line = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?;
        let (name, version) = line.strip_suffix(')')?.split_once(" (")?;
        // `1.2.3-x86_64-linux` is version 1.2.3 for a platform.
        let version = version.split('-').next().unwrap_or_default();
        Some((name.to_owned(), version.to_owned()))
    };
    let section = text.split("GEM\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    section.unwrap_or_default().lines().filter_map(gem).collect()
}

fn composer(document: &Value) -> Found {
    let sections =
        ["packages", "packages-dev"].iter().filter_map(|section| document.get(section)?.as_array());
    let named = |package: &Value| {
        let version = text_of(package, "version")?.trim_start_matches('v').to_owned();
        Some((text_of(package, "name")?, version))
    };
    sections.flatten().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[(&str, &str)]) {
        let mut packages = Vec::new();
        read(path, &Bytes::from(text.to_owned()), &mut packages);
        let found: Vec<_> =
            packages.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn npm_and_its_kin() {
        let text = r#"{"packages": {"": {"version": "0"}, "node_modules/a": {"version": "1.0.0"}, "node_modules/a/node_modules/@s/b": {"version": "2.0.0"}}}"#;
        check("app/package-lock.json", text, &[("a", "1.0.0"), ("@s/b", "2.0.0")]);
        let text =
            r#"{"dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}}}"#;
        check("app/package-lock.json", text, &[("a", "1.0.0"), ("b", "2.0.0")]);
        check("app/node_modules/x/package-lock.json", text, &[]);
        check("app/node_modules/@s/x/package.json", r#"{"name": "@s/x", "version": "3"}"#, &[("@s/x", "3")]);
        check("app/node_modules/x/lib/package.json", r#"{"name": "lib", "version": "3"}"#, &[]);
        let text =
            "# yarn\n\n\"@s/a@^1.0.0\", \"@s/a@^1.1.0\":\n  version \"1.2.0\"\n\nb@2:\n  version: 2.0.1\n";
        check("yarn.lock", text, &[("@s/a", "1.2.0"), ("b", "2.0.1")]);
        let text = "lockfileVersion: '9.0'\npackages:\n\n  '@s/a@1.0.0':\n    resolution: {}\n  /b@2.0.0(c@1):\n    dev: true\nsnapshots:\n  x@1:\n";
        check("pnpm-lock.yaml", text, &[("@s/a", "1.0.0"), ("b", "2.0.0")]);
    }

    #[test]
    fn python() {
        check(
            "requirements.txt",
            "Flask[async]==2.0 ; python\n# no\nx>=1\nY===1.0 \\\n  --hash=z\nw==1.*\n",
            &[("Flask", "2.0"), ("Y", "1.0")],
        );
        check(
            "Pipfile.lock",
            r#"{"default": {"a": {"version": "==1.0"}}, "develop": {"b": {"version": "==2"}}}"#,
            &[("a", "1.0"), ("b", "2")],
        );
        check(
            "x/a.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: A\nVersion: 1.0\n\nName: not\n",
            &[("A", "1.0")],
        );
        check(
            "poetry.lock",
            "[[package]]\nname = \"a\"\nversion = \"1\"\n\n[package.dependencies]\nversion = \"9\"\n",
            &[("a", "1")],
        );
        assert_eq!(python_name("Zope.Interface__X"), "zope-interface-x");
    }

    #[test]
    fn the_others() {
        check(
            "Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n",
            &[("a", "1.0.0"), ("b", "2.0.0")],
        );
        check(
            "go.mod",
            "module m\n\nrequire x.y/a v1.2.3\nrequire (\n\tx.y/b v2.0.0 // indirect\n)\n",
            &[("x.y/a", "1.2.3"), ("x.y/b", "2.0.0")],
        );
        check(
            "Gemfile.lock",
            "GEM\n  remote: x\n  specs:\n    rack (2.0.1)\n      dep (>= 1)\n    nokogiri (1.2.3-x86_64-linux)\n\nPLATFORMS\n    ruby (1)\n",
            &[("rack", "2.0.1"), ("nokogiri", "1.2.3")],
        );
        check(
            "composer.lock",
            r#"{"packages": [{"name": "a/b", "version": "v1.0"}], "packages-dev": []}"#,
            &[("a/b", "1.0")],
        );
        check("Cargo.lock", "broken", &[]);
        check("composer.lock", "broken", &[]);
    }
}

//! `cargo xtask codegen`: writes `crates/wire/src/generated` from botocore's service models.
//!
//! The version of botocore is pinned in `codegen.toml`; its wheel is fetched by pip once and
//! kept under `target/codegen`. The result is committed, so a build needs neither.

mod emit;
mod model;
pub mod names;
mod reach;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use model::Model;

use crate::Mode;

/// `codegen.toml`.
#[derive(Debug, Deserialize)]
struct Config {
    botocore: String,
    service: Vec<Service>,
}

/// One service to generate.
#[derive(Debug, Deserialize)]
pub struct Service {
    /// The Rust module's name.
    pub module: String,
    /// `<directory>/<version>` under botocore's data.
    pub model: String,
    /// Patterns of operation names.
    pub serve: Vec<String>,
}

impl Service {
    /// Whether the operation gets shapes: the last pattern that matches decides.
    pub fn serves(&self, operation: &str) -> bool {
        let mut served = false;
        for pattern in &self.serve {
            match pattern.strip_prefix('!') {
                Some(pattern) if names::matches(pattern, operation) => served = false,
                None if names::matches(pattern, operation) => served = true,
                _ => {}
            }
        }
        served
    }
}

/// Generates every configured service.
pub fn run(root: &Path, mode: Mode) -> Result<()> {
    let config = fs::read_to_string(root.join("xtask/codegen.toml")).context("read xtask/codegen.toml")?;
    let config: Config = toml::from_str(&config).context("parse xtask/codegen.toml")?;
    let models = models(root, &config.botocore)?;
    let mut files = BTreeMap::new();
    for service in &config.service {
        let model = read_model(&models, service)?;
        for pattern in service.serve.iter().filter(|p| !p.contains('*')) {
            if !model.operations.contains_key(pattern) {
                bail!("{}: the model has no operation {pattern}", service.module);
            }
        }
        let text = emit::service(service, &model, &config.botocore)
            .with_context(|| format!("generate {}", service.module))?;
        files.insert(format!("{}.rs", service.module), text);
    }
    files.insert("mod.rs".to_owned(), emit::index(&config.service));
    let directory = root.join("crates/wire/src/generated");
    match mode {
        Mode::Write => write(&directory, &files),
        Mode::Check => check(&directory, &files),
    }
}

fn write(directory: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let known = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| files.contains_key(n));
        if !known {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    for (name, text) in files {
        let path = directory.join(name);
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn check(directory: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    let stale: Vec<&str> = files
        .iter()
        .filter(|(name, text)| !fs::read_to_string(directory.join(name)).is_ok_and(|old| old == **text))
        .map(|(name, _)| name.as_str())
        .collect();
    let extra: Vec<String> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !files.contains_key(name))
        .collect();
    if !stale.is_empty() || !extra.is_empty() {
        bail!("out of date: {stale:?}; not generated: {extra:?}; run `cargo xtask codegen`");
    }
    println!("codegen: {} files are up to date", files.len());
    Ok(())
}

fn read_model(models: &Path, service: &Service) -> Result<Model> {
    let path = models.join(&service.model).join("service-2.json.gz");
    let file = fs::File::open(&path).with_context(|| format!("open {}", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .with_context(|| format!("unpack {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

/// The directory of botocore's models, fetched when it is not there.
fn models(root: &Path, version: &str) -> Result<PathBuf> {
    let cache = root.join("target/codegen");
    let unpacked = cache.join(format!("botocore-{version}"));
    if !unpacked.is_dir() {
        fs::create_dir_all(&cache)?;
        let wheel = cache.join(format!("botocore-{version}-py3-none-any.whl"));
        if !wheel.is_file() {
            let requirement = format!("botocore=={version}");
            let cache = cache.to_string_lossy();
            command("python3", &["-m", "pip", "download", "-q", "--no-deps", "-d", &cache, &requirement])?;
        }
        let partial = cache.join(format!("botocore-{version}.partial"));
        command("python3", &["-m", "zipfile", "-e", &wheel.to_string_lossy(), &partial.to_string_lossy()])?;
        fs::rename(&partial, &unpacked)?;
    }
    Ok(unpacked.join("botocore/data"))
}

fn command(program: &str, arguments: &[&str]) -> Result<()> {
    let status =
        Command::new(program).args(arguments).status().with_context(|| format!("start {program}"))?;
    if !status.success() {
        bail!("{program} {} failed: {status}", arguments.join(" "));
    }
    Ok(())
}

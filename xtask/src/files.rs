//! The workspace's own files: a walk that leaves out what is built, fetched or hidden.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Directories that hold nothing of ours.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__", "dist"];

/// Files that nobody wrote. `.git` is one in a second work tree.
const UNREAD: &[&str] = &["Cargo.lock", ".git"];

/// A text file of the workspace.
#[derive(Debug)]
pub struct File {
    /// Its path from the root, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl File {
    /// Its lines with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

/// Every text file under `root`, by path. Files that are not UTF-8 are left out.
pub fn all(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut wanted = vec![root.to_path_buf()];
    while let Some(directory) = wanted.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) && (!name.starts_with('.') || name == ".ci")
            {
                wanted.push(entry.path());
            } else if kind.is_file() && !UNREAD.contains(&name.as_str()) {
                files.extend(read(root, entry.path()));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read(root: &Path, path: PathBuf) -> Option<File> {
    let text = fs::read_to_string(&path).ok()?;
    let path = path.strip_prefix(root).ok()?.to_str()?.to_owned();
    Some(File { path, text })
}

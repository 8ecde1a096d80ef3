//! The file that the log driver `json-file` keeps on the node, as `longshore logs` prints it.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::node;

/// A container's file, and how far it was read.
pub(super) struct LogFile {
    path: PathBuf,
    offset: u64,
}

impl LogFile {
    /// The file of a container, by its id on the node.
    pub(super) fn new(data_dir: &Path, runtime_id: &str) -> LogFile {
        let files = node::agent_dir(data_dir).join("containers");
        LogFile { path: files.join(runtime_id).join(format!("{runtime_id}-json.log")), offset: 0 }
    }

    /// Prints what is new, each line behind `prefix`; false when that is nothing.
    pub(super) fn print(&mut self, prefix: &str) -> Result<bool> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            // It is made with the first line.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("opening {}", self.path.display())),
        };
        if file.metadata()?.len() < self.offset {
            // It was rotated meanwhile.
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut out = std::io::stdout().lock();
        for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
            let entry: Value = serde_json::from_slice(line).unwrap_or_default();
            write!(out, "{prefix}{}", entry["log"].as_str().unwrap_or_default())?;
        }
        out.flush()?;
        self.offset += whole as u64;
        Ok(whole > 0)
    }
}

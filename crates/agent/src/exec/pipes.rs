//! The named pipes between a shim and us.
//!
//! A shim opens its ends when the command starts. Until then we hold each pipe open for reading and
//! writing, so that nothing is lost and no end looks closed before it was opened.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe;

use crate::runtime::ExecStdio;

/// The pipes of one command; removed when dropped.
#[derive(Debug)]
pub struct Pipes {
    dir: PathBuf,
    has_stderr: bool,
    /// Held until the shim has opened its ends.
    held: Vec<pipe::Receiver>,
}

/// Our ends.
#[derive(Debug)]
pub struct Ends {
    /// To the command.
    pub stdin: pipe::Sender,
    /// From its terminal or standard output.
    pub stdout: pipe::Receiver,
    /// From its standard error, when it has no terminal.
    pub stderr: Option<pipe::Receiver>,
}

impl Pipes {
    /// Makes them. A terminal carries standard error too.
    pub fn make(root: &Path, container: &str, exec: &str, terminal: bool) -> io::Result<Pipes> {
        let dir = root.join(container).join(exec);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut pipes = Pipes { dir, has_stderr: !terminal, held: Vec::new() };
        for name in ["stdin", "stdout", "stderr"].iter().take(if terminal { 2 } else { 3 }) {
            mkfifo(&pipes.path(name), Mode::S_IRUSR | Mode::S_IWUSR)?;
        }
        let hold = |name| pipe::OpenOptions::new().read_write(true).open_receiver(pipes.path(name));
        let mut held = vec![hold("stdout")?];
        if pipes.has_stderr {
            held.push(hold("stderr")?);
        }
        pipes.held = held;
        Ok(pipes)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// What the shim is told.
    pub fn stdio(&self) -> ExecStdio {
        let text = |name| self.path(name).display().to_string();
        let stderr = if self.has_stderr { text("stderr") } else { String::new() };
        ExecStdio { stdin: text("stdin"), stdout: text("stdout"), stderr }
    }

    /// The way to the command's input, which may be opened before the command starts.
    pub fn stdin(&self) -> io::Result<pipe::Sender> {
        pipe::OpenOptions::new().read_write(true).open_sender(self.path("stdin"))
    }

    /// Our ends, once the shim has its own: from now on the end of its writing can be seen.
    pub fn connect(&mut self, stdin: pipe::Sender) -> io::Result<Ends> {
        let open = |name| pipe::OpenOptions::new().open_receiver(self.path(name));
        let (stdout, stderr) = (open("stdout")?, self.has_stderr.then(|| open("stderr")).transpose()?);
        self.held.clear();
        Ok(Ends { stdin, stdout, stderr })
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        // The container's directory goes with its last command.
        let _ = self.dir.parent().map(fs::remove_dir);
    }
}

/// The commands whose pipes are there: container and exec id.
pub fn leftovers(root: &Path) -> Vec<(String, String)> {
    let names = |dir: &Path| -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let of = |container: String| -> Vec<(String, String)> {
        names(&root.join(&container)).into_iter().map(|exec| (container.clone(), exec)).collect()
    };
    names(root).into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_was_written_before_we_connect_is_read_and_then_the_end() {
        let root = tempfile::tempdir().unwrap();
        let mut pipes = Pipes::make(root.path(), "c", "e", true).unwrap();
        let stdin = pipes.stdin().unwrap();
        assert_eq!(leftovers(root.path()), [("c".to_string(), "e".to_string())]);
        let mut shim = fs::OpenOptions::new().write(true).open(&pipes.stdio().stdout).unwrap();
        shim.write_all(b"early").unwrap();
        drop(shim);
        let mut ends = pipes.connect(stdin).unwrap();
        let mut text = String::new();
        ends.stdout.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), ends.stderr.is_none()), ("early", true));
        drop(pipes);
        assert!(leftovers(root.path()).is_empty());
    }
}

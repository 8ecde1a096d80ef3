//! The output of a container whose standard input stays open.
//!
//! containerd's shim gives a container with a `binary://` logger no standard input. So such a container has three
//! named pipes instead: the shim copies between them and the container, keeps the writing end of the input open, and
//! the logger, started here in a session of its own, reads the outputs. It outlives us as any logger does.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio as Descriptor};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, setsid};

use super::logger::STANDARD;
use crate::runtime::Stdio;

/// Makes the pipes in a spool's directory and starts the logger that reads them.
pub(super) fn start(executable: &Path, dir: &Path) -> io::Result<Stdio> {
    let pipe = |name: &str| -> io::Result<std::path::PathBuf> {
        let path = dir.join(name);
        // One of an earlier life may have readers that nobody writes to any more.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?,
        }
        Ok(path)
    };
    let (stdin, stdout, stderr) = (pipe("stdin")?, pipe("stdout")?, pipe("stderr")?);
    // Opened before anybody writes: then no writer waits for a reader.
    let open = |path: &Path| -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
    };
    let mut command = Command::new(executable);
    command.arg("logger").arg(dir).arg(STANDARD).current_dir("/");
    command.stdin(open(&stdout)?).stdout(open(&stderr)?).stderr(Descriptor::null());
    // SAFETY: setsid is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| setsid().map(|_| ()).map_err(io::Error::from));
    }
    let mut child = command.spawn()?;
    // The thread reaps it.
    std::thread::Builder::new().name("logger".into()).spawn(move || child.wait())?;
    Ok(Stdio {
        stdin_path: stdin.display().to_string(),
        stdout_uri: stdout.display().to_string(),
        stderr_uri: stderr.display().to_string(),
    })
}

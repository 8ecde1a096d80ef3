//! The private containerd: a child in a session of its own, which outlives us.
//!
//! A pid file with the process's start time lets the next Longshore adopt it. A watch task
//! starts it again, with growing pauses, when it dies; shims and containers do not notice.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use super::{Error, START_TIMEOUT, connection, daemon_config, orphans, probe};
use crate::config::AgentConfig;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// A log that has grown beyond this is emptied at the next start.
const LOG_LIMIT: u64 = 16 << 20;

/// A private daemon under watch.
pub struct Child {
    files: Files,
    watch: tokio::task::JoinHandle<()>,
    released: CancellationToken,
}

#[derive(Clone)]
struct Files {
    run: PathBuf,
    executable: PathBuf,
    config: PathBuf,
    address: PathBuf,
    pid: PathBuf,
    log: PathBuf,
}

impl Child {
    /// Adopts the running daemon of this data directory, or starts one, and waits until it answers.
    pub async fn start(config: &AgentConfig) -> Result<Child, Error> {
        let files = Files::prepare(config)?;
        let process = match Process::recorded(&files.pid) {
            Some(process) if process.lives() && connection::probe(&files.address).await.is_some() => {
                tracing::info!(pid = process.pid, "adopted the running containerd");
                process
            }
            recorded => {
                if let Some(process) = recorded.filter(Process::lives) {
                    tracing::warn!(pid = process.pid, "the running containerd does not answer; replacing it");
                    process.end().await;
                }
                files.launch().await?
            }
        };
        let released = CancellationToken::new();
        let watch = tokio::spawn(watch(files.clone(), process, released.clone()));
        Ok(Child { files, watch, released })
    }

    /// Its socket.
    pub fn address(&self) -> &Path {
        &self.files.address
    }

    /// Ends the daemon and forgets it.
    pub async fn stop(self) {
        self.released.cancel();
        if let Some(process) = Process::recorded(&self.files.pid) {
            process.end().await;
        }
        for file in [&self.files.pid, &self.files.address, &self.files.ttrpc()] {
            let _ = fs::remove_file(file);
        }
        // Nothing in it outlives the last task; a mount that did would be worth keeping for a look.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if !mounts.contains(&*self.files.run.to_string_lossy()) {
            let _ = fs::remove_dir_all(&self.files.run);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Files {
    fn prepare(config: &AgentConfig) -> Result<Files, Error> {
        let executable = probe::in_path("containerd").ok_or(Error::NotInstalled)?;
        probe::in_path("containerd-shim-runc-v2").ok_or(Error::NoShim)?;
        let root = config.data_dir.join("containerd");
        let run = config.run_dir();
        let state = run.join("containerd");
        for dir in [&root, &state] {
            fs::create_dir_all(dir).map_err(|source| Error::Prepare { path: dir.clone(), source })?;
        }
        let files = Files {
            run: run.clone(),
            executable,
            config: root.join("config.toml"),
            address: run.join("containerd.sock"),
            pid: run.join("containerd.pid"),
            log: root.join("containerd.log"),
        };
        let text = daemon_config::render(&root, &state, &files.address);
        fs::write(&files.config, text)
            .map_err(|source| Error::Prepare { path: files.config.clone(), source })?;
        Ok(files)
    }

    /// The second socket that containerd makes beside its own.
    fn ttrpc(&self) -> PathBuf {
        let mut name = self.address.clone().into_os_string();
        name.push(".ttrpc");
        name.into()
    }

    async fn launch(&self) -> Result<Process, Error> {
        let process = self.spawn()?;
        let deadline = tokio::time::Instant::now() + START_TIMEOUT;
        while connection::probe(&self.address).await.is_none() {
            if !process.lives() {
                return Err(Error::Died { log_tail: tail(&self.log) });
            }
            if tokio::time::Instant::now() > deadline {
                return Err(Error::Silent { address: self.address.clone() });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(process)
    }

    async fn end_orphans(&self, daemon: &Process) {
        let Some((client, _)) = connection::probe(&self.address).await else { return };
        if let Err(error) = orphans::end(&client, &self.address, daemon.start_time).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "looking for shims without a containerd"
            );
        }
    }

    fn spawn(&self) -> Result<Process, Error> {
        let prepare = |source| Error::Prepare { path: self.log.clone(), source };
        let full = fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_LIMIT);
        let log = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(full)
            .append(!full)
            .open(&self.log)
            .map_err(prepare)?;
        let errors = log.try_clone().map_err(prepare)?;
        let mut command = Command::new(&self.executable);
        command.arg("--config").arg(&self.config).stdin(Stdio::null()).stdout(log).stderr(errors);
        // A shim inherits the daemon's PATH and looks the runtime up there.
        command.env("PATH", search_path());
        // SAFETY: setsid is async-signal-safe and touches no memory.
        unsafe {
            command.pre_exec(|| nix::unistd::setsid().map(|_| ()).map_err(std::io::Error::from));
        }
        let child =
            command.spawn().map_err(|source| Error::Spawn { executable: self.executable.clone(), source })?;
        let process = Process::of(child.id());
        process.record(&self.pid).map_err(|source| Error::Prepare { path: self.pid.clone(), source })?;
        // The thread reaps it, so that a dead daemon is not taken for a living one.
        std::thread::spawn(move || {
            let mut child = child;
            let _ = child.wait();
        });
        Ok(process)
    }
}

async fn watch(files: Files, mut process: Process, released: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    files.end_orphans(&process).await;
    loop {
        let wait = if process.lives() { WATCH_INTERVAL } else { pause };
        tokio::select! {
            biased;
            () = released.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        if process.lives() {
            pause = FIRST_PAUSE;
            continue;
        }
        tracing::warn!("containerd died; starting it again");
        match files.launch().await {
            Ok(started) => {
                process = started;
                files.end_orphans(&process).await;
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "containerd does not start")
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A process that cannot be mistaken for a later one with the same number.
struct Process {
    pid: i32,
    start_time: u64,
}

impl Process {
    fn of(pid: u32) -> Process {
        let pid = i32::try_from(pid).expect("Linux process ids fit 22 bits");
        Process { pid, start_time: start_time(pid).unwrap_or(0) }
    }

    fn recorded(file: &Path) -> Option<Process> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, start_time) = text.trim().split_once(' ')?;
        Some(Process { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? })
    }

    fn record(&self, file: &Path) -> std::io::Result<()> {
        let mut out = fs::File::create(file)?;
        writeln!(out, "{} {}", self.pid, self.start_time)
    }

    fn lives(&self) -> bool {
        start_time(self.pid) == Some(self.start_time)
    }

    async fn end(&self) {
        for (signal, patience_ms) in [(Signal::SIGTERM, 5000), (Signal::SIGKILL, 5000)] {
            if !self.lives() {
                return;
            }
            let _ = kill(Pid::from_raw(self.pid), signal);
            for _ in 0..patience_ms / 20 {
                if !self.lives() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// Clock ticks since boot at which a process started (field 22 of its stat); `None` for a dead one.
pub(super) fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses: fields are counted behind its last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn search_path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_its_successor() {
        let own = Process::of(std::process::id());
        assert!(own.lives());
        assert!(!Process { pid: own.pid, start_time: own.start_time + 1 }.lives());
    }
}

//! The balancer process from outside: started when the first load balancer exists, adopted when one runs already,
//! started again when it dies, replaced when it is another build.
//!
//! It lives in a session of its own and serves on while we are down. The routes come from the control plane by a
//! [`Feed`], whole; before the first ones have come nothing is said to a balancer that runs.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use balancer::process::{Link, Sending, build_of};
use control::access_logs::Batch;
use control::traffic::Feed;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use wire::link::{BalancerMessage, ROUTES_VERSION, Routes, RoutesMessage};

use crate::cli::BalancerOptions;
use crate::trace;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a started process may take until it answers, and a told one until it has ended.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A log that has grown beyond this is emptied at the next start.
const LOG_LIMIT: u64 = 16 << 20;

/// `longshore balancer`.
pub fn run(options: &BalancerOptions) -> Result<()> {
    trace::start(options.log_format)?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("asking the kernel for randomness")?;
    let directory = directory(&options.data_dir);
    Ok(balancer::process::run(&directory, own_build(), u64::from_ne_bytes(seed))?)
}

/// The supervision of the balancer process.
#[derive(Debug)]
pub struct Traffic {
    data_dir: PathBuf,
    supervising: JoinHandle<()>,
}

impl Traffic {
    /// Begins to supervise.
    pub fn start(data_dir: &Path, feed: Feed) -> Traffic {
        let supervising = tokio::spawn(supervise(directory(data_dir), data_dir.to_owned(), feed));
        Traffic { data_dir: data_dir.to_owned(), supervising }
    }

    /// Ends the supervision, and the process where that is wanted.
    pub async fn stop(self, end_process: bool) {
        self.supervising.abort();
        if end_process && let Err(error) = end(&self.data_dir).await {
            tracing::error!(error = format!("{error:#}"), "ending the balancer");
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.supervising.abort();
    }
}

/// Ends the balancer process of a data directory, if one runs.
pub async fn end(data_dir: &Path) -> Result<()> {
    let Some((mut link, mut sending)) = Link::connect(&directory(data_dir)).await? else { return Ok(()) };
    sending.send(&RoutesMessage::Shutdown).await?;
    let ended = async { while link.next().await.is_ok() {} };
    timeout(PATIENCE, ended).await.with_context(|| format!("balancer {} does not end", link.hello.pid))
}

async fn supervise(directory: PathBuf, data_dir: PathBuf, mut feed: Feed) {
    let mut pause = FIRST_PAUSE;
    loop {
        match linked(&directory, &data_dir, &mut feed).await {
            Ok((link, sending)) => {
                let pid = link.hello.pid;
                let since = Instant::now();
                converse(link, sending, &mut feed).await;
                tracing::warn!(pid, "the balancer has ended; starting it again");
                if since.elapsed() > LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
            }
            Err(error) => tracing::error!(error = format!("{error:#}"), "starting the balancer"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A balancer of our build: one that runs, or a new one as soon as there is a load balancer.
async fn linked(directory: &Path, data_dir: &Path, feed: &mut Feed) -> Result<(Link, Sending)> {
    if let Some((link, sending)) = Link::connect(directory).await? {
        if link.hello.build == own_build() && link.hello.version == ROUTES_VERSION {
            tracing::info!(pid = link.hello.pid, "adopted the running balancer");
            return Ok((link, sending));
        }
        tracing::info!(pid = link.hello.pid, build = link.hello.build, "replacing the running balancer");
        return launch(directory, data_dir).await;
    }
    let wanted = |routes: &Option<Arc<Routes>>| routes.as_ref().is_some_and(|routes| !routes.is_empty());
    if feed.routes.wait_for(wanted).await.is_err() {
        // The control plane has ended, and so shall we.
        std::future::pending::<()>().await;
    }
    launch(directory, data_dir).await
}

/// Starts a process and waits until it answers. One that runs gives it its sockets.
async fn launch(directory: &Path, data_dir: &Path) -> Result<(Link, Sending)> {
    let pid = spawn(directory, data_dir)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        // What answers may still be the predecessor.
        if let Ok(Some((link, sending))) = Link::connect(directory).await
            && link.hello.pid == pid
        {
            tracing::info!(pid, "started the balancer");
            return Ok((link, sending));
        }
        if Instant::now() > deadline {
            bail!("balancer {pid} does not answer: look at {}", log_path(directory).display());
        }
        sleep(LOOK_EVERY).await;
    }
}

fn spawn(directory: &Path, data_dir: &Path) -> Result<u32> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let path = log_path(directory);
    let full = fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT);
    let log = fs::OpenOptions::new().create(true).write(true).truncate(full).append(!full).open(&path);
    let log = log.with_context(|| format!("opening {}", path.display()))?;
    let errors = log.try_clone().context("sharing the balancer's log")?;
    let executable = std::env::current_exe().context("finding our own executable")?;
    let mut command = Command::new(executable);
    command.arg("balancer").arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    // SAFETY: setsid is async-signal-safe and touches no memory.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(|_| ()).map_err(std::io::Error::from));
    }
    let mut child = command.spawn().context("starting the balancer")?;
    let pid = child.id();
    // The thread reaps it, so that no dead process stays behind.
    std::thread::spawn(move || child.wait());
    Ok(pid)
}

/// Passes routes down, reports and lines of access logs up, until the process ends.
async fn converse(mut link: Link, mut sending: Sending, feed: &mut Feed) {
    let (reports, access) = (feed.reports.clone(), feed.access.clone());
    let (stored_in, mut stored) = mpsc::channel(1);
    let mut reading = tokio::spawn(async move {
        while let Ok(message) = link.next().await {
            match message {
                BalancerMessage::Report(report) => drop(reports.send_replace(Some(Arc::new(report)))),
                BalancerMessage::Access(lines) => {
                    let (done, is_stored) = oneshot::channel();
                    access.send(Batch { lines, stored: done }).await.ok();
                    let stored = stored_in.clone();
                    // Reports do not wait for the log store.
                    tokio::spawn(async move {
                        if is_stored.await.is_ok() {
                            stored.send(()).await.ok();
                        }
                    });
                }
                BalancerMessage::Hello(_) | BalancerMessage::Sockets(_) => {}
            }
        }
    });
    feed.routes.mark_changed();
    loop {
        tokio::select! {
            biased;
            _ = &mut reading => return,
            Some(()) = stored.recv() => {
                if let Err(error) = sending.send(&RoutesMessage::AccessStored).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "acknowledging lines of access logs");
                    reading.abort();
                    return;
                }
                continue;
            }
            changed = feed.routes.changed() => {
                if changed.is_err() {
                    reading.await.ok();
                    return;
                }
            }
        }
        let routes = feed.routes.borrow_and_update().clone();
        let Some(routes) = routes else { continue };
        if let Err(error) = sending.send(&RoutesMessage::Routes((*routes).clone())).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "sending routes");
            reading.abort();
            return;
        }
    }
}

/// Where the balancer of a data directory keeps its files.
fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("balancer")
}

fn log_path(directory: &Path) -> PathBuf {
    directory.join("balancer.log")
}

/// The executable that runs, even if another file has its name by now.
fn own_build() -> String {
    build_of(Path::new("/proc/self/exe"))
}

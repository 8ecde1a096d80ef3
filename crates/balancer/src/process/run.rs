//! The life of a balancer process.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::link::{BalancerHello, BalancerMessage, ROUTES_VERSION, Routes, RoutesMessage, RoutesReport};

use super::access::Shipping;
use super::{Error, frame, hand_over, socket_path};
use crate::access::AccessLines;
use crate::{Balancer, Workers};

/// Changes within this time make one report.
const GATHER: Duration = Duration::from_millis(50);
/// How often failed sockets are tried again and idle connections looked through.
const TEND: Duration = Duration::from_secs(2);
/// How often it is looked whether the network of a task has come, while one is waited for.
const LOOK_FOR_TASKS: Duration = Duration::from_millis(50);
/// How long open connections may take once we are told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long they may take when another process has taken over.
const LONGEST_LEAVE: Duration = Duration::from_secs(3600);
/// Enough for half a million connections; the kernel's own limit (`fs.nr_open`) is no lower by default.
const DESCRIPTORS: u64 = 1 << 20;
/// Commands that may wait.
const COMMANDS: usize = 16;

/// What a connection of the control socket asks for.
enum Command {
    Routes(Box<Routes>),
    HandOver(UnixStream),
    Shutdown,
}

/// Runs until it is told to end or replaced. `seed` is random, `build` names the executable.
pub fn run(directory: &Path, build: String, seed: u64) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| file("creating", directory, source))?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start)?;
    runtime.block_on(serve(directory, build, seed))
}

async fn serve(directory: &Path, build: String, seed: u64) -> Result<(), Error> {
    let path = socket_path(directory);
    let taken = hand_over::take(&path).map_err(Error::Link)?;
    let (inherited, predecessor) = taken.map(|taken| (taken.sockets, taken.predecessor)).unzip();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = Workers::start(count).map_err(Error::Start)?;
    let mut balancer =
        Balancer::new(workers, inherited.unwrap_or(BTreeMap::new()), namespaces(directory), seed);
    if let Some(routes) = read_routes(directory) {
        balancer.apply(&routes);
    }
    let control = listen(&path)?;
    let (commands_in, commands) = mpsc::channel(COMMANDS);
    let (reports, reports_out) = watch::channel(balancer.report());
    let hello = BalancerHello { version: ROUTES_VERSION, build, pid: std::process::id(), serial: 0 };
    let superseded = CancellationToken::new();
    let lines = balancer.shared().access.clone();
    let accepting = tokio::spawn(answer(control, hello, commands_in, reports_out, lines, superseded.clone()));
    tracing::info!(serial = balancer.serial(), "serving");
    let ending = work(directory, &mut balancer, commands, &reports).await?;
    accepting.abort();
    match ending {
        Ending::Shutdown => {
            fs::remove_file(&path).ok();
            balancer.close();
            linger(&balancer, LAST_REQUESTS).await;
        }
        Ending::HandOver(successor) => {
            superseded.cancel();
            leave(&mut balancer, successor).await?;
        }
    }
    // The predecessor lives as long as this stays open.
    drop(predecessor);
    tracing::info!("ended");
    Ok(())
}

enum Ending {
    Shutdown,
    HandOver(UnixStream),
}

async fn work(
    directory: &Path,
    balancer: &mut Balancer,
    mut commands: mpsc::Receiver<Command>,
    reports: &watch::Sender<RoutesReport>,
) -> Result<Ending, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
    let mut tend = interval(TEND);
    tend.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = interval(LOOK_FOR_TASKS);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let shared = balancer.shared().clone();
    loop {
        let awaits_tasks = balancer.awaits_tasks();
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(Ending::Shutdown),
            command = commands.recv() => match command {
                Some(Command::Routes(routes)) => {
                    balancer.apply(&routes);
                    // Served first, kept second: a full disk must not stop the traffic.
                    if let Err(error) = keep_routes(directory, &routes) {
                        tracing::error!(error = &error as &dyn std::error::Error, "keeping the routes");
                    }
                    reports.send_replace(balancer.report());
                }
                Some(Command::HandOver(successor)) => return Ok(Ending::HandOver(successor)),
                Some(Command::Shutdown) | None => return Ok(Ending::Shutdown),
            },
            _ = tend.tick() => balancer.tend(),
            _ = look.tick(), if awaits_tasks => balancer.look_for_tasks(),
            () = shared.board.changed.notified() => {
                sleep(GATHER).await;
                let report = balancer.report();
                reports.send_if_modified(|last| std::mem::replace(last, report.clone()) != report);
            }
        }
    }
}

/// Gives the sockets away and waits for what is open, unless the successor ends before.
async fn leave(balancer: &mut Balancer, successor: UnixStream) -> Result<(), Error> {
    let mut successor = successor.into_std().map_err(Error::Link)?;
    successor.set_nonblocking(false).map_err(Error::Link)?;
    hand_over::give(&mut successor, balancer.handles()).map_err(Error::Link)?;
    balancer.leave();
    tracing::info!(connections = balancer.shared().connections(), "another process took over");
    successor.set_nonblocking(true).map_err(Error::Link)?;
    let successor = UnixStream::from_std(successor).map_err(Error::Link)?;
    let gone = async {
        // It never says anything more: readable means ended.
        while successor.readable().await.is_ok() {
            match successor.try_read(&mut [0; 16]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    tokio::select! {
        biased;
        () = linger(balancer, LONGEST_LEAVE) => {}
        () = gone => {}
    }
    Ok(())
}

/// Waits until no connection is open.
async fn linger(balancer: &Balancer, longest: Duration) {
    let end = Instant::now() + longest;
    while balancer.shared().connections() > 0 && Instant::now() < end {
        sleep(GATHER).await;
    }
}

/// Answers the control socket.
async fn answer(
    control: UnixListener,
    hello: BalancerHello,
    commands: mpsc::Sender<Command>,
    reports: watch::Receiver<RoutesReport>,
    lines: Arc<AccessLines>,
    superseded: CancellationToken,
) {
    loop {
        match control.accept().await {
            Ok((stream, _)) => {
                let hello = BalancerHello { serial: reports.borrow().serial, ..hello.clone() };
                let (commands, reports) = (commands.clone(), reports.clone());
                tokio::spawn(converse(stream, hello, commands, reports, lines.clone(), superseded.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "accepting on the control socket");
                sleep(GATHER).await;
            }
        }
    }
}

async fn converse(
    mut stream: UnixStream,
    hello: BalancerHello,
    commands: mpsc::Sender<Command>,
    reports: watch::Receiver<RoutesReport>,
    lines: Arc<AccessLines>,
    superseded: CancellationToken,
) {
    if frame::write(&mut stream, &BalancerMessage::Hello(hello)).await.is_err() {
        return;
    }
    let (mut from, to) = stream.into_split();
    let to = Arc::new(tokio::sync::Mutex::new(to));
    let reporting = tokio::spawn(report(to.clone(), reports));
    let mut shipping = Shipping::default();
    let hand_over = loop {
        let frame = tokio::select! {
            biased;
            // Whoever is connected looks for the successor.
            () = superseded.cancelled() => break false,
            frame = frame::read(&mut from) => frame,
        };
        match frame {
            Ok(RoutesMessage::Routes(routes)) => {
                shipping.begin(&to, &lines);
                if commands.send(Command::Routes(Box::new(routes))).await.is_err() {
                    break false;
                }
            }
            Ok(RoutesMessage::AccessStored) => shipping.stored(),
            Ok(RoutesMessage::HandOver) => break true,
            Ok(RoutesMessage::Shutdown) => {
                commands.send(Command::Shutdown).await.ok();
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break false,
            Err(error) => {
                tracing::warn!(%error, "reading from the control socket");
                break false;
            }
        }
    };
    // A report that is being written is written to its end: half a frame would spoil what follows.
    let whole = to.lock().await;
    reporting.abort();
    shipping.end();
    drop(whole);
    reporting.await.ok();
    shipping.ended().await;
    if let (true, Ok(to)) = (hand_over, Arc::try_unwrap(to).map(tokio::sync::Mutex::into_inner))
        && let Ok(stream) = from.reunite(to)
    {
        commands.send(Command::HandOver(stream)).await.ok();
    }
}

/// The sending half of a control connection; whole frames are written under its lock.
pub(super) type Writer = Arc<tokio::sync::Mutex<tokio::net::unix::OwnedWriteHalf>>;

async fn report(to: Writer, mut reports: watch::Receiver<RoutesReport>) {
    reports.mark_changed();
    while reports.changed().await.is_ok() {
        let report = BalancerMessage::Report(reports.borrow_and_update().clone());
        let mut to = to.lock().await;
        // A reader that is stuck holds up nobody but itself.
        if !matches!(timeout(LAST_REQUESTS, frame::write(&mut *to, &report)).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn listen(path: &Path) -> Result<UnixListener, Error> {
    // Made beside and put in place at once, so that there is always one to connect to.
    let beside = path.with_extension(format!("{}", std::process::id()));
    fs::remove_file(&beside).ok();
    let listener = UnixListener::bind(&beside).map_err(|source| file("binding", &beside, source))?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| file("binding", path, source))?;
    Ok(listener)
}

/// Where the node keeps links to the networks of tasks that have a proxy: beside us.
fn namespaces(directory: &Path) -> PathBuf {
    directory.with_file_name("agent").join("proxied")
}

fn routes_path(directory: &Path) -> PathBuf {
    directory.join("routes.json")
}

/// What was kept. A file that cannot be read is as good as none: the control plane has the truth.
fn read_routes(directory: &Path) -> Option<Routes> {
    let path = routes_path(directory);
    let text = fs::read(&path).ok()?;
    match serde_json::from_slice::<Routes>(&text) {
        Ok(routes) if routes.version == ROUTES_VERSION => Some(routes),
        Ok(routes) => {
            tracing::warn!(version = routes.version, "the kept routes are of another version");
            None
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the kept routes cannot be read");
            None
        }
    }
}

fn keep_routes(directory: &Path, routes: &Routes) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let (path, beside) = (routes_path(directory), directory.join("routes.new"));
    let mut options = fs::OpenOptions::new();
    // They hold private keys.
    let file_of = options.write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let written = file_of.and_then(|mut file| {
        io::Write::write_all(&mut file, &serde_json::to_vec(routes)?)?;
        file.sync_data()?;
        fs::rename(&beside, &path)
    });
    written.map_err(|source| file("writing", &path, source))
}

/// As many descriptors as we may have: two a connection. Root may have more than it was given.
fn raise_descriptor_limit() {
    let raised = setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS, DESCRIPTORS).or_else(|_| {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "raising the limit of open files");
    }
}

fn file(doing: &'static str, path: &Path, source: io::Error) -> Error {
    Error::File { doing, path: path.to_owned(), source }
}

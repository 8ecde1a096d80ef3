//! The logger as a process of its own, killed and restarted, and the shipper behind it.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use agent::AgentConfig;
use agent::logs::spool::{self, Note, Reader, WhenFull};
use agent::logs::{Logs, Origin, Stream, Subject, logger_main};
use agent::task::ports::{LogSink, LogTarget};
use parking_lot::Mutex;
use wire::link::{self, LogBatch, UplinkError, UplinkFuture};

const DIR_VARIABLE: &str = "LONGSHORE_TEST_SPOOL";

/// Not a test by itself: the process that the tests below start.
#[test]
fn logger_process() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    assert_eq!(logger_main([dir].into_iter()), ExitCode::SUCCESS);
}

struct Logger {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Logger {
    /// Starts a logger as containerd's shim does, and waits until it is ready.
    fn start(dir: &Path) -> Logger {
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        let ((out, stdout), (err, stderr), (ready_read, ready)) = (pipe(), pipe(), pipe());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "logger_process", "--nocapture"]).env(DIR_VARIABLE, dir);
        command.stdout(std::process::Stdio::null());
        let sources = [out.as_raw_fd(), err.as_raw_fd(), ready.as_raw_fd()];
        // SAFETY: only dup and dup2 between fork and exec.
        unsafe {
            command.pre_exec(move || {
                // Out of the way first: a source may be one of the numbers wanted.
                let high = sources.map(|fd| nix::libc::fcntl(fd, nix::libc::F_DUPFD_CLOEXEC, 100));
                for (fd, wanted) in high.into_iter().zip(3..) {
                    nix::libc::dup2(fd, wanted);
                }
                Ok(())
            })
        };
        let child = command.spawn().unwrap();
        let ends: [OwnedFd; 3] = [out, err, ready];
        drop(ends);
        let mut byte = [0u8; 1];
        assert_eq!(nix::unistd::read(&ready_read, &mut byte).unwrap(), 0, "ready means closed");
        Logger { child, stdout: stdout.into(), stderr: stderr.into() }
    }

    /// Ends as a container does: its pipes close.
    fn end(self) {
        let Logger { mut child, stdout, stderr } = self;
        drop((stdout, stderr));
        assert!(child.wait().unwrap().success());
    }
}

fn note(limit_bytes: u64, when_full: WhenFull) -> Note {
    Note {
        source: "s".into(),
        task_arn: "arn:aws:ecs:us-east-2:123456789012:task/c/0123".into(),
        container_name: "app".into(),
        driver: "awslogs".into(),
        options: Default::default(),
        limit_bytes,
        when_full,
        origin: Origin::default(),
    }
}

fn read_all(dir: &Path, stream: Stream) -> Vec<String> {
    let mut reader = Reader::new(dir, 0);
    let mut found = Vec::new();
    while let Some((record, _)) = reader.next_record().unwrap() {
        if record.stream == stream {
            found.push(String::from_utf8(record.bytes.to_vec()).unwrap());
        }
    }
    found
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    let dir = tempfile::tempdir().unwrap();
    note(1 << 30, WhenFull::Block).write(dir.path()).unwrap();
    let mut logger = Logger::start(dir.path());
    for number in 0..100_000 {
        writeln!(logger.stdout, "line {number}").unwrap();
        if number % 1000 == 0 {
            writeln!(logger.stderr, "thousand {number}").unwrap();
        }
    }
    write!(logger.stdout, "no end").unwrap();
    logger.end();
    let mut expected: Vec<_> = (0..100_000).map(|number| format!("line {number}")).collect();
    expected.push("no end".into());
    assert_eq!(read_all(dir.path(), Stream::Stdout), expected);
    assert_eq!(read_all(dir.path(), Stream::Stderr).len(), 100);
}

#[test]
fn a_term_takes_what_is_in_the_pipes() {
    let dir = tempfile::tempdir().unwrap();
    note(1 << 30, WhenFull::Block).write(dir.path()).unwrap();
    let mut logger = Logger::start(dir.path());
    writeln!(logger.stdout, "last words").unwrap();
    let pid = nix::unistd::Pid::from_raw(logger.child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    // The pipes stay open, as when something else holds them.
    assert!(logger.child.wait().unwrap().success());
    assert_eq!(read_all(dir.path(), Stream::Stdout), ["last words"]);
}

/// The processes of a logger: its guard and its worker, the older first.
fn processes(dir: &Path) -> Vec<i32> {
    let mark = format!("{DIR_VARIABLE}={}", dir.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let ours = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let mut found: Vec<i32> = pids.filter(ours).collect();
    found.sort_unstable();
    found
}

fn kill(pid: i32) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
}

#[test]
fn a_killed_logger_loses_and_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    note(1 << 30, WhenFull::Block).write(dir.path()).unwrap();
    let Logger { mut child, mut stdout, stderr } = Logger::start(dir.path());
    let mut written = 0;
    for round in 0..12 {
        // While lines are on their way the one or the other dies; its partner puts another in its place.
        let both = loop {
            let both = processes(dir.path());
            if both.len() == 2 {
                break both;
            }
            std::thread::yield_now();
        };
        let doomed = both[round % 2];
        let killer = std::thread::spawn(move || kill(doomed));
        for _ in 0..5_000 {
            writeln!(stdout, "line {written}").unwrap();
            written += 1;
        }
        killer.join().unwrap();
        while processes(dir.path()).contains(&doomed) {
            // The first guard is a child of this process: it stays until it is waited for.
            let _ = child.try_wait();
            std::thread::yield_now();
        }
    }
    drop((stdout, stderr));
    while !processes(dir.path()).is_empty() {
        let _ = child.try_wait();
        std::thread::yield_now();
    }
    let _ = child.wait();
    let expected: Vec<_> = (0..written).map(|number| format!("line {number}")).collect();
    let found = read_all(dir.path(), Stream::Stdout);
    assert!(found == expected, "{} of {} lines", found.len(), expected.len());
}

#[test]
fn a_full_spool_blocks_or_drops() {
    let dir = tempfile::tempdir().unwrap();
    note(100_000, WhenFull::DropNew).write(dir.path()).unwrap();
    let mut logger = Logger::start(dir.path());
    for number in 0..100_000 {
        writeln!(logger.stdout, "line {number}").unwrap();
    }
    logger.end();
    let kept = read_all(dir.path(), Stream::Stdout).len();
    assert!((1..100_000).contains(&kept), "{kept}");

    let dir = tempfile::tempdir().unwrap();
    note(100_000, WhenFull::Block).write(dir.path()).unwrap();
    let mut logger = Logger::start(dir.path());
    let mut stdout = logger.stdout.try_clone().unwrap();
    let writer =
        std::thread::spawn(move || (0..400_000).all(|number| writeln!(stdout, "line {number}").is_ok()));
    let mut reader = Reader::new(dir.path(), 0);
    let mut count = 0;
    // Nothing is removed, so the spool fills up and the container waits: far fewer lines come than it has.
    while spool::segments(dir.path()).unwrap().is_empty() || reader.offset() < 100_000 {
        while reader.next_record().unwrap().is_some() {
            count += 1;
        }
        std::thread::yield_now();
    }
    assert!(count < 400_000);
    assert!(!writer.is_finished());
    let mut left = processes(dir.path());
    while !left.is_empty() {
        left.into_iter().for_each(kill);
        let _ = logger.child.try_wait();
        left = processes(dir.path());
    }
    assert!(!writer.join().unwrap(), "the container had to wait until its logger died");
}

#[test]
fn a_buffer_that_is_read_takes_more() {
    let dir = tempfile::tempdir().unwrap();
    note(100_000, WhenFull::DropNew).write(dir.path()).unwrap();
    let mut logger = Logger::start(dir.path());
    let shipped = |offset: u64| std::fs::write(dir.path().join("shipped"), offset.to_le_bytes()).unwrap();
    let mut reader = Reader::new(dir.path(), 0);
    let mut found = Vec::new();
    // Thirty times what the buffer holds, but never more at once: the reader keeps up and nothing is dropped.
    for round in 0..60 {
        for number in 0..500 {
            writeln!(logger.stdout, "round {round} line {number} {}", "x".repeat(60)).unwrap();
        }
        while found.len() < (round + 1) * 500 {
            match reader.next_record().unwrap() {
                Some((record, _)) => found.push(String::from_utf8_lossy(&record.bytes).into_owned()),
                None => std::thread::yield_now(),
            }
        }
        shipped(reader.offset());
        spool::remove_before(dir.path(), reader.offset()).unwrap();
    }
    logger.end();
    assert!(found[29_999].starts_with("round 59 line 499 "), "{}", found[29_999]);
    let left: u64 =
        spool::segments(dir.path()).unwrap().iter().map(|(_, path)| path.metadata().unwrap().len()).sum();
    assert!(left <= 200_000, "{left} bytes on disk");
}

#[test]
fn a_logger_that_drops_goes_on_exactly_behind_what_it_dropped() {
    let dir = tempfile::tempdir().unwrap();
    note(50_000, WhenFull::DropNew).write(dir.path()).unwrap();
    let Logger { mut child, mut stdout, stderr } = Logger::start(dir.path());
    let write = |stdout: &mut File, from: usize, to: usize| {
        (from..to).for_each(|number| writeln!(stdout, "line {number}").unwrap());
    };
    // The buffer fills up; the rest is dropped. Then the worker dies while more is on its way.
    write(&mut stdout, 0, 20_000);
    let both = loop {
        let both = processes(dir.path());
        if both.len() == 2 {
            break both;
        }
        std::thread::yield_now();
    };
    kill(both[1]);
    write(&mut stdout, 20_000, 40_000);
    drop((stdout, stderr));
    while !processes(dir.path()).is_empty() {
        let _ = child.try_wait();
        std::thread::yield_now();
    }
    let _ = child.wait();
    let kept = read_all(dir.path(), Stream::Stdout);
    let numbers: Vec<usize> = kept.iter().map(|line| line["line ".len()..].parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order, none doubled, none torn");
    let dropped = std::fs::read(dir.path().join("dropped")).unwrap();
    let dropped = u64::from_le_bytes(dropped[..8].try_into().unwrap());
    assert_eq!(kept.len() as u64 + dropped, 40_000, "every line is kept or counted");
}

/// A log store that fails now and then, before or after it has taken a batch.
#[derive(Default)]
struct Store {
    lines: Mutex<Vec<String>>,
    position: Mutex<u64>,
    calls: Mutex<u64>,
    missing: bool,
    /// Whether it answers nobody, for now.
    dead: std::sync::atomic::AtomicBool,
}

impl Store {
    fn is_dead(&self) -> bool {
        self.dead.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl link::Uplink for Store {
    fn register(&self, _node: link::NodeRegistration) -> UplinkFuture<'_, String> {
        Box::pin(async { Ok(String::new()) })
    }
    fn submit_task_state_change(&self, _change: link::TaskStateChange) -> UplinkFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn put_log_events(&self, batch: LogBatch) -> UplinkFuture<'_, ()> {
        Box::pin(async move {
            let call = {
                let mut calls = self.calls.lock();
                *calls += 1;
                *calls
            };
            let busy = || UplinkError { retryable: true, code: "Busy".into(), message: "later".into() };
            if call % 5 == 0 || self.is_dead() {
                return Err(busy());
            }
            let mut position = self.position.lock();
            if batch.next_offset > *position {
                if batch.offset < *position {
                    let code = "DataAlreadyAcceptedException".into();
                    return Err(UplinkError { retryable: false, code, message: "a part is here".into() });
                }
                assert_eq!(batch.offset, *position, "a gap");
                *position = batch.next_offset;
                self.lines.lock().extend(batch.events.into_iter().map(|event| event.message));
            }
            if call % 3 == 0 { Err(busy()) } else { Ok(()) }
        })
    }
    fn open_log_stream(&self, batch: LogBatch) -> UplinkFuture<'_, u64> {
        Box::pin(async move {
            assert_eq!((batch.log_group.as_str(), batch.log_stream.as_str()), ("/ecs/web", "ecs/app/0123"));
            assert_eq!((batch.account.as_str(), batch.region.as_str()), ("123456789012", "us-east-2"));
            if self.is_dead() {
                return Err(UplinkError { retryable: true, code: "Busy".into(), message: "later".into() });
            }
            if self.missing {
                let message = "The specified log group does not exist.".into();
                return Err(UplinkError {
                    retryable: false,
                    code: "ResourceNotFoundException".into(),
                    message,
                });
            }
            Ok(*self.position.lock())
        })
    }
    fn registry_login(&self, _task: String, _host: String) -> UplinkFuture<'_, Option<(String, String)>> {
        Box::pin(async { Ok(None) })
    }
    fn heartbeat(&self, _node_id: String) -> UplinkFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn target() -> LogTarget {
    target_with(&[])
}

fn target_with(more: &[(&str, &str)]) -> LogTarget {
    let config = [("awslogs-group", "/ecs/web"), ("awslogs-stream-prefix", "ecs")];
    let config = config.iter().chain(more);
    LogTarget {
        interactive: false,
        subject: Subject::default(),
        launch_type: "FARGATE".into(),
        task_arn: "arn:aws:ecs:us-east-2:123456789012:task/c/0123".into(),
        container_name: "app".into(),
        runtime_id: "0123-1".into(),
        config: link::LogConfig {
            driver: "awslogs".into(),
            config: config.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        },
    }
}

fn config(dir: &Path) -> AgentConfig {
    AgentConfig::new(dir, "0123456789abcdef0123456789abcdef", "127.0.0.1:1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_are_shipped_once_through_failures_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::default());
    let runtime = |store: Arc<Store>| {
        let config = config(dir.path());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let logs = runtime.block_on(async { Logs::start(&config, store) });
        (runtime, logs)
    };
    let expected: Vec<_> = (0..60_000).map(|number| format!("line {number}")).collect();
    let told = store.clone();
    let spool_dir = tokio::task::block_in_place(|| {
        let (first, logs) = runtime(told.clone());
        let stdio = first.block_on(logs.prepare(&target())).unwrap();
        assert!(stdio.stdout_uri.starts_with("binary:///"), "{stdio:?}");
        let spool_dir = logs.dir("0123-1");
        let mut logger = Logger::start(&spool_dir);
        let mut agent = Some(first);
        for (number, line) in expected.iter().enumerate() {
            writeln!(logger.stdout, "{line}").unwrap();
            if number % 20_000 == 10_000 {
                // The agent dies in the middle of a batch; the next takes up the spool.
                agent.take().unwrap().shutdown_background();
                agent = Some(runtime(told.clone()).0);
            }
        }
        logger.end();
        agent.take().unwrap().shutdown_background();
        spool_dir
    });
    // The last agent finds a spool that nobody holds: it ships the rest and removes it.
    let _logs = Logs::start(&config(dir.path()), store.clone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while spool_dir.exists() {
        assert!(tokio::time::Instant::now() < deadline, "{} lines came", store.lines.lock().len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(*store.lines.lock() == expected, "lost, doubled or out of order");
}

#[tokio::test]
async fn a_missing_group_fails_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store { missing: true, ..Store::default() });
    let error = Logs::start(&config(dir.path()), store).prepare(&target()).await.unwrap_err();
    assert!(
        error.starts_with(
            "ResourceInitializationError: failed to validate logger args: create stream has been"
        )
    );
    assert!(!dir.path().join("spool/0123-1").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_store_stops_no_container_that_may_drop_lines() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::default());
    store.dead.store(true, std::sync::atomic::Ordering::Relaxed);
    let logs = Logs::start(&config(dir.path()), store.clone());
    // A blocking one is refused its start, with what the store said.
    let error = logs.prepare(&target()).await.unwrap_err();
    assert!(error.contains("Busy: later"), "{error}");
    logs.prepare(&target_with(&[("mode", "non-blocking"), ("max-buffer-size", "1m")])).await.unwrap();
    let spool_dir = logs.dir("0123-1");
    let mut logger = tokio::task::block_in_place(|| Logger::start(&spool_dir));
    tokio::task::block_in_place(|| {
        for number in 0..200_000 {
            writeln!(logger.stdout, "line {number}").unwrap();
        }
    });
    store.dead.store(false, std::sync::atomic::Ordering::Relaxed);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let count = || store.lines.lock().len();
    while count() == 0 {
        assert!(tokio::time::Instant::now() < deadline, "nothing came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Once it lives again there is room again.
    tokio::task::block_in_place(|| {
        writeln!(logger.stdout, "again").unwrap();
        logger.end();
    });
    logs.finish("0123-1").await;
    while spool_dir.exists() {
        assert!(tokio::time::Instant::now() < deadline, "{} lines came", count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = store.lines.lock();
    let bytes: usize = lines.iter().map(String::len).sum();
    assert!(bytes < 2 << 20 && lines.len() > 20_000, "{} lines of {bytes} bytes", lines.len());
    let first: Vec<_> = (0..20_000).map(|number| format!("line {number}")).collect();
    assert!(lines[..20_000] == first, "the oldest are kept");
    assert_eq!(lines.last().map(String::as_str), Some("again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_store_has_in_part_is_divided_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::default());
    let logs = Logs::start(&config(dir.path()), store.clone());
    logs.prepare(&target()).await.unwrap();
    let spool_dir = logs.dir("0123-1");
    tokio::task::block_in_place(|| {
        let mut logger = Logger::start(&spool_dir);
        writeln!(logger.stdout, "one").unwrap();
        let mut reader = Reader::new(&spool_dir, 0);
        while reader.next_record().unwrap().is_none() {
            std::thread::yield_now();
        }
        // An earlier agent's batch of the first line is stored only now.
        *store.position.lock() = reader.offset();
        writeln!(logger.stdout, "two").unwrap();
        logger.end();
    });
    logs.finish("0123-1").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while spool_dir.exists() {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", store.lines.lock());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The first may have been shipped before that; the second came once.
    let lines = store.lines.lock();
    assert_eq!(lines.iter().filter(|line| *line == "two").count(), 1, "{lines:?}");
}

//! How fast the log store takes lines and finds them, beside `grep` over the same text.
//!
//! `cargo run --release -p telemetry --example ingest_and_search -- 10000000`

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use model::Timestamp;
use model::logs::{LogGroupId, LogStreamId};
use store::engine::EmbeddedEngine;
use store::{Blobs, Schema, Store};
use telemetry::pattern::Pattern;
use telemetry::{Batch, Direction, Event, Logs, Options, Query};

const STREAMS: u64 = 8;
const BATCH_LINES: u64 = 500;
const GROUP: LogGroupId = LogGroupId::from_bits(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let lines: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |arg| arg.parse())?;
    let directory = tempfile::tempdir()?;
    let raw = directory.path().join("raw.log");
    write_raw(&raw, lines)?;
    let raw_bytes = std::fs::metadata(&raw)?.len();
    println!("{lines} lines, {:.0} MB", raw_bytes as f64 / 1e6);

    let logs = Arc::new(open(directory.path()).await?);
    let begin = Instant::now();
    ingest(&logs, lines).await?;
    let took = begin.elapsed();
    println!("ingest     {:8.2} s   {:.0} lines/s", took.as_secs_f64(), lines as f64 / took.as_secs_f64());
    memory("after ingest")?;
    let begin = Instant::now();
    logs.flush().await?;
    logs.compact().await?;
    println!("settle     {:8.2} s", begin.elapsed().as_secs_f64());
    memory("after joining")?;
    println!("on disk    {:8.1} MB", logs.stored_bytes(GROUP) as f64 / 1e6);

    let needle = format!("{:016x}", mix(lines / 3));
    search(&logs, "needle", &needle).await?;
    search(&logs, "absent", "zzzz_no_such_thing").await?;
    search(&logs, "rare word", "PANIC").await?;
    search(&logs, "json", &format!("{{ $.trace = \"{:016x}\" }}", mix(lines / 7 / 10 * 10))).await?;
    search(&logs, "regex", "%status=5[0-9]7 %").await?;
    tail(&logs).await?;
    grep(&raw, &needle)?;
    zstdcat_grep(&raw, &needle)?;
    memory("at the end")
}

/// Prints the resident memory, and its peak.
fn memory(when: &str) -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    println!("memory     {} now, {} at most ({when})", of("VmRSS:"), of("VmHWM:"));
    Ok(())
}

async fn open(directory: &Path) -> anyhow::Result<Logs> {
    let engine = EmbeddedEngine::open(&directory.join("state")).await?;
    let store = Store::open(Arc::new(engine), telemetry::tables(Schema::new())).await?;
    let blobs = Blobs::open(&directory.join("blobs")).await?;
    Ok(Logs::open(Options::new(directory.join("wal")), store, blobs).await?)
}

/// Spreads a number over 64 bits: trace ids that compress as badly as real ones.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One line in ten is JSON, the others look like a web server's.
fn line(n: u64) -> String {
    let (trace, millis) = (mix(n), mix(n) % 900);
    match n % 10 {
        0 => format!(
            r#"{{"level":"info","trace":"{trace:016x}","path":"/api/items/{}","status":200,"ms":{millis}}}"#,
            n % 9973
        ),
        _ => format!(
            "10.0.{}.{} GET /items/{} status={} trace={trace:016x} took {millis} ms",
            n % 7,
            n % 251,
            n % 9973,
            200 + mix(n + 1) % 2 * 300 + mix(n) % 8
        ),
    }
}

fn write_raw(path: &Path, lines: u64) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    (0..lines).try_for_each(|n| writeln!(out, "{}", line(n)))?;
    out.flush()
}

async fn ingest(logs: &Arc<Logs>, lines: u64) -> anyhow::Result<()> {
    let shipper = |stream: u64| {
        let logs = Arc::clone(logs);
        async move {
            let mut from = stream * BATCH_LINES;
            while from < lines {
                let to = (from + BATCH_LINES).min(lines);
                let event =
                    |n: u64| Event { timestamp: Timestamp::from_millis(n as i64 / 10), message: line(n) };
                let batch = Batch {
                    group: GROUP,
                    stream: LogStreamId::from_bits(u128::from(stream)),
                    ingested_at: Timestamp::from_millis(from as i64 / 10),
                    source: None,
                    events: (from..to).map(event).collect(),
                };
                while let Err(error) = logs.append(batch.clone()).await {
                    anyhow::ensure!(matches!(error, telemetry::Error::Throttled), error);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                from += STREAMS * BATCH_LINES;
            }
            Ok(())
        }
    };
    for task in (0..STREAMS).map(|stream| tokio::spawn(shipper(stream))).collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

fn everything() -> Query {
    Query {
        group: GROUP,
        streams: Arc::new(|_| true),
        start: None,
        end: None,
        direction: Direction::Ascending,
        after: None,
        arrived: None,
        predicate: None,
        limit: 10_000,
        max_bytes: 1 << 20,
    }
}

async fn search(logs: &Logs, what: &str, pattern: &str) -> anyhow::Result<()> {
    let predicate = Pattern::parse(pattern)?;
    let mut query = Query { predicate: Some(Arc::new(predicate)), ..everything() };
    let begin = Instant::now();
    let (mut found, mut pages) = (0, 0);
    loop {
        let page = logs.select(&query).await?;
        (found, pages) = (found + page.entries.len(), pages + 1);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    println!("{what:<10} {:8.3} s   {found} found in {pages} pages", begin.elapsed().as_secs_f64());
    Ok(())
}

async fn tail(logs: &Logs) -> anyhow::Result<()> {
    let query = Query { direction: Direction::Descending, limit: 100, ..everything() };
    let begin = Instant::now();
    let page = logs.select(&query).await?;
    println!("last 100   {:8.3} s   {} found", begin.elapsed().as_secs_f64(), page.entries.len());
    Ok(())
}

fn grep(raw: &Path, needle: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    let status = Command::new("grep").args(["-c", "-F", needle]).arg(raw).status().context("running grep")?;
    println!("grep       {:8.3} s   ({status})", begin.elapsed().as_secs_f64());
    Ok(())
}

fn zstdcat_grep(raw: &Path, needle: &str) -> anyhow::Result<()> {
    let packed = raw.with_extension("log.zst");
    if Command::new("zstd").args(["-q", "-3"]).arg(raw).arg("-o").arg(&packed).status().is_err() {
        println!("zstd is not installed: no comparison with zstdcat | grep");
        return Ok(());
    }
    let begin = Instant::now();
    let script = format!("zstdcat {} | grep -c -F {needle}", packed.display());
    Command::new("sh").args(["-c", &script]).status().context("running zstdcat")?;
    println!("zstdcat|grep {:6.3} s", begin.elapsed().as_secs_f64());
    Ok(())
}

//! The log store from outside: what was acknowledged is read back, in order, once, whatever happens.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod model;
mod world;

use ::model::Timestamp;
use telemetry::{Appended, Direction, Error, Heard, Need, Predicate};
use world::{World, event, group, messages, query, source, stream};

#[tokio::test]
async fn events_are_read_in_order_of_time_from_table_and_segments() {
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(20, "b"), event(40, "d")]).await;
    logs.flush().await.unwrap();
    world.append(&logs, 2, &[event(10, "a"), event(30, "c")]).await;
    logs.flush().await.unwrap();
    world.append(&logs, 1, &[event(25, "late")]).await;
    assert_eq!(messages(&logs, query()).await, ["a", "b", "late", "c", "d"]);
    let newest_first = telemetry::Query { direction: Direction::Descending, ..query() };
    assert_eq!(messages(&logs, newest_first).await, ["d", "c", "late", "b", "a"]);
    let of_one = telemetry::Query { streams: std::sync::Arc::new(|s| s == stream(2)), ..query() };
    assert_eq!(messages(&logs, of_one).await, ["a", "c"]);
    let within = telemetry::Query {
        start: Some(Timestamp::from_millis(20)),
        end: Some(Timestamp::from_millis(30)),
        ..query()
    };
    assert_eq!(messages(&logs, within).await, ["b", "late"]);
}

#[tokio::test]
async fn a_batch_of_a_source_is_stored_once_across_restarts_and_flushes() {
    let world = World::new().await;
    let logs = world.open().await;
    let send = |from, to| source(1, "spool", from, to, &[event(from as i64, "x")]);
    assert!(matches!(logs.append(send(0, 10)).await, Ok(Appended::Stored { .. })));
    assert!(matches!(logs.append(send(0, 10)).await, Ok(Appended::Duplicate)));
    logs.flush().await.unwrap();
    logs.close().await;
    let logs = world.open().await;
    assert_eq!(logs.source_offset("spool"), Some(10));
    assert!(matches!(logs.append(send(0, 10)).await, Ok(Appended::Duplicate)));
    assert!(matches!(logs.append(send(5, 12)).await, Err(Error::Overlap { have: 10 })));
    assert!(matches!(logs.append(send(10, 12)).await, Ok(Appended::Stored { .. })));
    assert_eq!(messages(&logs, query()).await, ["x", "x"]);
}

#[tokio::test]
async fn pages_join_to_the_whole_at_any_limit() {
    let world = World::new().await;
    let logs = world.open().await;
    for part in 0..4 {
        let events: Vec<_> = (0..50).map(|n| event(n * 4 + part, &format!("{}", n * 4 + part))).collect();
        world.append(&logs, u128::try_from(part).unwrap(), &events).await;
        if part < 3 {
            logs.flush().await.unwrap();
        }
    }
    let whole: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    for limit in [1, 7, 50, 200, 1000] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut joined = Vec::new();
            let mut after = None;
            loop {
                let page =
                    logs.select(&telemetry::Query { limit, direction, after, ..query() }).await.unwrap();
                assert!(page.entries.len() <= limit);
                joined.extend(page.entries.iter().map(|e| e.message.to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if direction == Direction::Descending {
                joined.reverse();
            }
            assert_eq!(joined, whole, "limit {limit}, {direction:?}");
        }
    }
}

struct Contains(Need);

impl Predicate for Contains {
    fn need(&self) -> &Need {
        &self.0
    }
    fn matches(&self, message: &str) -> bool {
        matches!(&self.0, Need::Text(text) if message.contains(text))
    }
}

#[tokio::test]
async fn a_needle_is_found_in_tables_and_in_segments() {
    let world = World::new().await;
    let logs = world.open().await;
    for part in 0..3 {
        let events: Vec<_> = (0..20_000)
            .map(|n| {
                let needle = if n == 777 { " needle-4242 " } else { " " };
                event(part * 100_000 + n, &format!("GET /item/{n}{needle}200"))
            })
            .collect();
        world.append(&logs, 1, &events).await;
        if part < 2 {
            logs.flush().await.unwrap();
        }
    }
    let with = |text: &str| telemetry::Query {
        predicate: Some(std::sync::Arc::new(Contains(Need::Text(text.to_owned())))),
        ..query()
    };
    assert_eq!(messages(&logs, with("needle-4242")).await.len(), 3);
    assert_eq!(messages(&logs, with("needle-4243")).await.len(), 0);
    assert_eq!(messages(&logs, with("77 needle")).await, ["GET /item/777 needle-4242 200"; 3]);
    // The end of one text and the beginning of the next are no match.
    assert_eq!(messages(&logs, with("200GET")).await.len(), 0);
}

#[tokio::test]
async fn joined_segments_hold_the_same_events() {
    let world = World::new().await;
    let logs = world.open().await;
    for n in 0..20 {
        world.append(&logs, n % 3, &[event(1000 - n as i64, &format!("m{n}"))]).await;
        logs.flush().await.unwrap();
    }
    let before = messages(&logs, query()).await;
    logs.compact().await.unwrap();
    assert_eq!(messages(&logs, query()).await, before);
    assert!(world.segment_count() < 20, "{} segments", world.segment_count());
    logs.close().await;
    let logs = world.open().await;
    assert_eq!(messages(&logs, query()).await, before);
}

#[tokio::test]
async fn dropped_groups_and_expired_segments_leave_nothing() {
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(10, "old")]).await;
    logs.flush().await.unwrap();
    world.append(&logs, 1, &[event(90, "new")]).await;
    logs.flush().await.unwrap();
    assert_eq!(logs.expire(group(), Timestamp::from_millis(50)).await.unwrap(), 1);
    assert_eq!(messages(&logs, query()).await, ["new"]);
    world.append(&logs, 1, &[event(95, "newest")]).await;
    logs.drop_group(group()).await.unwrap();
    assert!(logs.groups().is_empty());
    assert_eq!((world.segment_count(), world.blob_count().await), (0, 0));
    logs.close().await;
    assert!(world.open().await.groups().is_empty());
}

#[tokio::test]
async fn a_dropped_stream_is_gone_from_memory() {
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(1, "one")]).await;
    world.append(&logs, 2, &[event(2, "two")]).await;
    logs.drop_stream(group(), stream(1)).await.unwrap();
    logs.close().await;
    let logs = world.open().await;
    assert_eq!(messages(&logs, query()).await, ["two"]);
    assert_eq!(logs.stream_stats(group(), stream(1)).await.unwrap(), None);
}

#[tokio::test]
async fn the_space_of_dropped_streams_is_freed() {
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(1, "one")]).await;
    world.append(&logs, 2, &[event(2, "two")]).await;
    logs.flush().await.unwrap();
    let only = |kept: u128| -> telemetry::StreamFilter { std::sync::Arc::new(move |s| s == stream(kept)) };
    assert_eq!(logs.purge(group(), &only(2)).await.unwrap(), 1);
    assert_eq!(messages(&logs, query()).await, ["two"]);
    assert_eq!(logs.purge(group(), &only(2)).await.unwrap(), 0);
    assert_eq!(logs.purge(group(), &only(3)).await.unwrap(), 1);
    assert_eq!((world.segment_count(), world.blob_count().await), (0, 0));
}

#[tokio::test]
async fn statistics_count_tables_and_segments() {
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(10, "four")]).await;
    logs.flush().await.unwrap();
    world.append(&logs, 1, &[event(5, "x")]).await;
    let stats = logs.stream_stats(group(), stream(1)).await.unwrap().unwrap();
    assert_eq!(stats.first_event, Timestamp::from_millis(5));
    assert_eq!(stats.last_event, Timestamp::from_millis(10));
    assert_eq!((stats.events, stats.bytes), (2, 4 + 1 + 52));
    assert_eq!(logs.group_stats(group()).await.unwrap()[&stream(1)], stats);
    assert!(logs.stored_bytes(group()) > 0);
}

#[tokio::test]
async fn a_listener_hears_what_comes_in() {
    let world = World::new().await;
    let logs = world.open().await;
    let mut tail = logs.tail();
    world.append(&logs, 1, &[event(1, "hello")]).await;
    let Some(Heard::Batch(fresh)) = tail.next().await else { panic!("a batch") };
    assert_eq!((fresh.group, &*fresh.entries[0].message), (group(), "hello"));
}

#[tokio::test]
async fn an_orphaned_blob_is_swept_at_the_next_start() {
    let world = World::new().await;
    let name = store::BlobName::new("logs/local/00000000000000ff").unwrap();
    world.blobs.put_new(&name, &b"orphan"[..]).await.unwrap();
    let logs = world.open().await;
    assert_eq!(world.blob_count().await, 0);
    world.append(&logs, 1, &[event(1, "x")]).await;
    logs.flush().await.unwrap();
    assert_eq!(world.blob_count().await, 1);
}

#[tokio::test]
async fn arrivals_are_read_in_runs_wherever_they_lie() {
    let world = World::new().await;
    let logs = world.open().await;
    assert_eq!(logs.newest(), 0);
    world.append(&logs, 1, &[event(30, "a"), event(40, "b")]).await;
    let first = logs.newest();
    assert_eq!((first, logs.newest_of(group())), (2, 2));
    logs.flush().await.unwrap();
    world.append(&logs, 2, &[event(10, "c"), event(35, "d")]).await;
    let arrived = |range| telemetry::Query { arrived: Some(range), ..query() };
    assert_eq!(messages(&logs, arrived(1..=first)).await, ["a", "b"]);
    assert_eq!(messages(&logs, arrived(first + 1..=u64::MAX)).await, ["c", "d"]);
    logs.flush().await.unwrap();
    assert_eq!(messages(&logs, arrived(first + 1..=u64::MAX)).await, ["c", "d"]);
    assert_eq!(messages(&logs, arrived(2..=3)).await, ["c", "b"]);
    logs.close().await;
    drop(logs);
    let logs = world.open().await;
    assert_eq!((logs.newest(), logs.newest_of(group())), (4, 4));
}

#[tokio::test]
async fn what_is_too_old_leaves_also_from_memory_and_from_among_younger_events() {
    const DAY: i64 = 86_400_000;
    let world = World::new().await;
    let logs = world.open().await;
    world.append(&logs, 1, &[event(0, "old"), event(3 * DAY, "young")]).await;
    // Still in memory: it is written out first, and then rewritten without the old.
    logs.expire(group(), Timestamp::from_millis(2 * DAY)).await.unwrap();
    assert_eq!(messages(&logs, query()).await, ["young"]);
    assert_eq!(world.segment_count(), 1);
    // Less than a day too old: not yet worth it.
    world.append(&logs, 1, &[event(2 * DAY + 1, "a little late"), event(4 * DAY, "last")]).await;
    logs.expire(group(), Timestamp::from_millis(3 * DAY - 1)).await.unwrap();
    assert_eq!(messages(&logs, query()).await, ["a little late", "young", "last"]);
    logs.close().await;
    drop(logs);
    let logs = world.open().await;
    logs.expire(group(), Timestamp::from_millis(5 * DAY)).await.unwrap();
    assert_eq!(messages(&logs, query()).await, Vec::<String>::new());
    assert_eq!((world.segment_count(), world.blob_count().await), (0, 0));
}

//! Random histories of appends, flushes, joins and restarts, against a list in memory.

use proptest::prelude::*;
use telemetry::{Appended, Direction};

use crate::world::{World, event, messages, query, source, stream};

#[derive(Clone, Debug)]
enum Step {
    Append { to: u128, at: i64, count: usize, size: usize },
    Repeat,
    Flush,
    Join,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u128..3, 0i64..500, 1usize..40, 0usize..300)
            .prop_map(|(to, at, count, size)| Step::Append { to, at, count, size }),
        2 => Just(Step::Repeat),
        2 => Just(Step::Flush),
        1 => Just(Step::Join),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_reads_back_as_a_list_would(steps in proptest::collection::vec(step(), 1..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(run(steps));
    }
}

async fn run(steps: Vec<Step>) {
    let world = World::new().await;
    let open = || {
        world.open_with(|options| {
            options.memtable_bytes = 16 << 10;
            options.fan_in = 3;
        })
    };
    let mut logs = open().await;
    // (time, order of arrival, stream, text)
    let mut expected: Vec<(i64, usize, u128, String)> = Vec::new();
    let mut last = None;
    let mut offset = 0;
    for step in steps {
        match step {
            Step::Append { to, at, count, size } => {
                let text = |n: usize| format!("{to}/{at}/{n}/{}", "x".repeat(size));
                let events: Vec<_> = (0..count).map(|n| event(at + n as i64 / 2, &text(n))).collect();
                let batch = source(to, "spool", offset, offset + count as u64, &events);
                // A full table answers with throttling until it is written out.
                while let Err(telemetry::Error::Throttled) = logs.append(batch.clone()).await {
                    logs.flush().await.unwrap();
                }
                offset += count as u64;
                for (n, event) in events.into_iter().enumerate() {
                    expected.push((at + n as i64 / 2, expected.len(), to, event.message));
                }
                last = Some(batch);
            }
            Step::Repeat => {
                if let Some(batch) = last.clone() {
                    assert_eq!(logs.append(batch).await.unwrap(), Appended::Duplicate);
                }
            }
            Step::Flush => logs.flush().await.unwrap(),
            Step::Join => logs.compact().await.unwrap(),
            Step::Reopen => {
                logs.close().await;
                logs = open().await;
            }
        }
    }
    expected.sort();
    let texts = |keep: &dyn Fn(u128) -> bool| -> Vec<String> {
        expected.iter().filter(|e| keep(e.2)).map(|e| e.3.clone()).collect()
    };
    assert_eq!(messages(&logs, query()).await, texts(&|_| true));
    let of_one = telemetry::Query { streams: std::sync::Arc::new(|s| s == stream(1)), ..query() };
    assert_eq!(messages(&logs, of_one).await, texts(&|to| to == 1));
    let mut backward =
        messages(&logs, telemetry::Query { direction: Direction::Descending, ..query() }).await;
    backward.reverse();
    assert_eq!(backward, texts(&|_| true));
}

//! The typed store over the memory engine: transactions, snapshots, indexes, changes, fencing.

use serde::{Deserialize, Serialize};
use store::{Epoch, Error, Key, Limit, Notice, Row, Schema, Store, Txn, key};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Task {
    id: String,
    cluster: String,
    family: String,
}

impl model::Record for Task {}

impl Row for Task {
    const TABLE: &'static str = "ecs/task";
    fn key(&self) -> Key {
        key![self.id]
    }
    fn index_keys(&self) -> Vec<(&'static str, Key)> {
        vec![("cluster", key![self.cluster, self.family])]
    }
}

fn task(id: &str, cluster: &str, family: &str) -> Task {
    Task { id: id.into(), cluster: cluster.into(), family: family.into() }
}

async fn store() -> Store {
    Store::memory(Schema::new().table::<Task>()).await.expect("an empty store opens")
}

#[tokio::test]
async fn a_commit_is_visible_when_it_answers() {
    let store = store().await;
    let row = task("1", "web", "api");
    let seq = store.commit(Txn::new().insert(&row)).await.unwrap();
    let read = store.get::<Task>(&row.key()).unwrap();
    assert_eq!((read.seq, &*read), (seq, &row));
    assert_eq!(store.snapshot().seq(), seq);
}

#[tokio::test]
async fn a_stale_expectation_conflicts_and_writes_nothing() {
    let store = store().await;
    let row = task("1", "web", "api");
    store.commit(Txn::new().insert(&row)).await.unwrap();
    let stale = store.get::<Task>(&row.key()).unwrap();
    store.commit(Txn::new().put(&task("1", "web", "b"))).await.unwrap();
    let lost = store.commit(Txn::new().update(&stale, &row).put(&task("2", "web", "x"))).await;
    assert!(matches!(lost, Err(Error::Conflict { table, key }) if table == Task::TABLE && key == row.key()));
    assert_eq!(store.count::<Task>(&key![]), 1);
    assert!(store.commit(Txn::new().insert(&row)).await.unwrap_err().is_conflict());
    assert!(store.commit(Txn::new().expect_present::<Task>(&key!["9"])).await.unwrap_err().is_conflict());
    store.commit(Txn::new().expect_present::<Task>(&key!["1"])).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_never_changes() {
    let store = store().await;
    store.commit(Txn::new().put(&task("1", "web", "a"))).await.unwrap();
    let before = store.snapshot();
    store.commit(Txn::new().delete::<Task>(&key!["1"]).put(&task("2", "web", "a"))).await.unwrap();
    let ids = |rows: Vec<store::Versioned<Task>>| rows.iter().map(|r| r.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(before.page(&key![], None, 9)), ["1"]);
    assert_eq!(ids(before.page_by("cluster", &key!["web"], None, 9)), ["1"]);
    assert_eq!(ids(store.page(&key![], None, 9)), ["2"]);
}

#[tokio::test]
async fn pages_go_on_behind_the_last_row() {
    let store = store().await;
    for n in 0..7 {
        let row = task(&format!("{n}"), if n % 2 == 0 { "even" } else { "odd" }, &format!("f{}", 9 - n));
        store.commit(Txn::new().put(&row)).await.unwrap();
    }
    let first = store.page::<Task>(&key![], None, 3);
    let second = store.page::<Task>(&key![], Some(&first[2].key()), 3);
    assert_eq!(second.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["3", "4", "5"]);
    // Index order: by family, which falls as the id rises.
    let even = key!["even"];
    let first = store.page_by::<Task>("cluster", &even, None, 2);
    assert_eq!(first.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["6", "4"]);
    let after = first[1].position("cluster", &even);
    let second = store.page_by::<Task>("cluster", &even, after.as_ref(), 9);
    assert_eq!(second.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["2", "0"]);
    assert_eq!(store.count_by::<Task>("cluster", &even), 4);
    assert_eq!(store.count_by::<Task>("cluster", &key!["even", "f9"]), 1);
}

#[tokio::test]
async fn an_update_moves_the_row_in_its_indexes() {
    let store = store().await;
    store.commit(Txn::new().put(&task("1", "a", "f"))).await.unwrap();
    store.commit(Txn::new().put(&task("1", "b", "f"))).await.unwrap();
    assert_eq!(store.count_by::<Task>("cluster", &key!["a"]), 0);
    assert_eq!(store.count_by::<Task>("cluster", &key!["b"]), 1);
    store.commit(Txn::new().delete::<Task>(&key!["1"])).await.unwrap();
    assert_eq!(store.count_by::<Task>("cluster", &key![]), 0);
}

#[tokio::test]
async fn limits_are_typed_errors() {
    let store = store().await;
    let many = (0..101).fold(Txn::new(), |txn, n| txn.put(&task(&n.to_string(), "c", "f")));
    assert!(matches!(store.commit(many).await, Err(Error::TooLarge(Limit::Operations(101)))));
    let big = task("1", "c", &"x".repeat(store::MAX_COMMIT_BYTES));
    assert!(matches!(store.commit(Txn::new().put(&big)).await, Err(Error::TooLarge(Limit::Bytes(_)))));
    let long = task(&"k".repeat(store::MAX_KEY_BYTES), "c", "f");
    assert!(matches!(store.commit(Txn::new().put(&long)).await, Err(Error::TooLarge(Limit::KeyLength(_)))));
    assert_eq!(store.snapshot().seq(), store::Seq(0));
}

#[tokio::test]
async fn changes_arrive_in_order_and_a_slow_subscriber_is_told() {
    let store = store().await;
    let mut changes = store.changes();
    let seq = store.commit(Txn::new().put(&task("1", "c", "f"))).await.unwrap();
    let first = store::Change { table: Task::TABLE, key: key!["1"], seq };
    assert_eq!(changes.next().await, Some(Notice::Change(first)));
    for n in 0..100 {
        let txn = (0..100).fold(Txn::new(), |txn, m| txn.put(&task(&format!("{n}-{m}"), "c", "f")));
        store.commit(txn).await.unwrap();
    }
    assert_eq!(changes.next().await, Some(Notice::Lagged));
    assert!(matches!(changes.next().await, Some(Notice::Change(_))));
}

#[tokio::test]
async fn a_former_leader_commits_nothing() {
    let store = store().await;
    let first = Epoch::take(&store, "control", "one").await.unwrap();
    store.commit(Txn::new().fenced(&first).put(&task("1", "c", "f"))).await.unwrap();
    let second = Epoch::take(&store, "control", "two").await.unwrap();
    assert!(second.term() > first.term() && second.is_current(&store) && !first.is_current(&store));
    let late = store.commit(Txn::new().fenced(&first).put(&task("2", "c", "f"))).await;
    assert!(matches!(late, Err(Error::Fenced { name }) if name == "control"));
    store.commit(Txn::new().fenced(&second).put(&task("2", "c", "f"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_increments_lose_nothing() {
    let store = store().await;
    store.commit(Txn::new().put(&task("n", "0", ""))).await.unwrap();
    let workers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                loop {
                    let read = store.get::<Task>(&key!["n"]).unwrap();
                    let next = task("n", &(read.cluster.parse::<u32>().unwrap() + 1).to_string(), "");
                    match store.commit(Txn::new().update(&read, &next)).await {
                        Ok(_) => break,
                        Err(error) => assert!(error.is_conflict()),
                    }
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    assert_eq!(store.get::<Task>(&key!["n"]).unwrap().cluster, "400");
}

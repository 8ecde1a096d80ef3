//! Reaping: which records have outlived their use.
//!
//! ECS shows a stopped task for at least an hour and an INACTIVE cluster or task
//! definition for an undefined while; Longshore keeps them for fixed times. The
//! view is a page of candidates ordered by age, so a plan costs what it deletes.

use std::time::Duration;

use model::Timestamp;

/// How long a stopped task stays visible. ECS promises "at least one hour".
pub const STOPPED_TASK_FOR: Duration = Duration::from_secs(3600);

/// How long the record of a service's change stays visible: ECS keeps service deployments for 90 days.
pub const SERVICE_DEPLOYMENT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// Deletions in one plan, at most: they must fit into one commit.
pub const BATCH: usize = 50;

/// Something that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<K> {
    /// What names it.
    pub key: K,
    /// When it ended.
    pub at: Timestamp,
}

/// What to delete now, and when the next deletion falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<K> {
    /// At most [`BATCH`], oldest first.
    pub delete: Vec<K>,
    /// `None` when nothing waits for its end.
    pub wake_at: Option<Timestamp>,
}

/// Chooses what has been kept for `keep` since its end.
pub fn decide<K: Clone + Ord>(ended: &[Ended<K>], keep: Duration, now: Timestamp) -> Plan<K> {
    let mut ordered: Vec<_> = ended.iter().collect();
    ordered.sort_by(|a, b| (a.at, &a.key).cmp(&(b.at, &b.key)));
    let due = ordered.partition_point(|e| e.at + keep <= now);
    let delete: Vec<_> = ordered[..due].iter().take(BATCH).map(|e| e.key.clone()).collect();
    let wake_at = if due > BATCH { Some(now) } else { ordered.get(due).map(|e| e.at + keep) };
    Plan { delete, wake_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = STOPPED_TASK_FOR;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    #[test]
    fn an_hour_is_kept_whole() {
        let ended = [Ended { key: "old", at: at(0) }, Ended { key: "young", at: at(30) }];
        assert_eq!(decide(&ended, HOUR, at(59)), Plan { delete: vec![], wake_at: Some(at(60)) });
        assert_eq!(decide(&ended, HOUR, at(60)), Plan { delete: vec!["old"], wake_at: Some(at(90)) });
    }

    proptest! {
        #[test]
        fn nothing_young_goes_and_everything_old_goes_in_the_end(
            times in prop::collection::vec(0i64..200, 0..200),
            now in 0i64..300,
        ) {
            let mut left: Vec<_> = times.iter().enumerate().map(|(i, m)| Ended { key: i, at: at(*m) }).collect();
            for _ in 0..=times.len() {
                let plan = decide(&left, HOUR, at(now));
                prop_assert!(plan.delete.len() <= BATCH);
                for key in &plan.delete {
                    prop_assert!(at(times[*key]) + HOUR <= at(now));
                }
                left.retain(|e| !plan.delete.contains(&e.key));
                if plan.delete.is_empty() {
                    break;
                }
            }
            prop_assert!(left.iter().all(|e| e.at + HOUR > at(now)));
        }
    }
}

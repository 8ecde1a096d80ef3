//! What the control plane said a moment ago, so that a task that asks in a loop does not ask it each time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wire::link::Resolution;

/// How long an answer is kept: a change in the control plane is seen that much later.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Answers that are kept at once, over all tasks.
const LIMIT: usize = 4096;

/// Answers by task and name.
#[derive(Default)]
pub struct Cache {
    kept: Mutex<BTreeMap<(String, String), (Instant, Resolution)>>,
}

impl Cache {
    /// The answer to the same question, if it is young enough.
    pub fn get(&self, task: &str, name: &str, now: Instant) -> Option<Resolution> {
        let kept = self.kept.lock();
        let (at, resolution) = kept.get(&(task.to_owned(), name.to_owned()))?;
        (now.duration_since(*at) < KEPT_FOR).then(|| resolution.clone())
    }

    /// Keeps an answer.
    pub fn put(&self, task: &str, name: &str, resolution: &Resolution, now: Instant) {
        let mut kept = self.kept.lock();
        if kept.len() >= LIMIT {
            kept.retain(|_, (at, _)| now.duration_since(*at) < KEPT_FOR);
        }
        if kept.len() < LIMIT {
            kept.insert((task.to_owned(), name.to_owned()), (now, resolution.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_of_their_task_and_soon_forgotten() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.put("t1", "a.b", &Resolution::Nothing, now);
        assert_eq!(cache.get("t1", "a.b", now), Some(Resolution::Nothing));
        assert_eq!(cache.get("t2", "a.b", now), None);
        assert_eq!(cache.get("t1", "a.b", now + KEPT_FOR), None);
    }
}

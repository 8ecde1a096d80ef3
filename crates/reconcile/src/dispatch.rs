//! Dispatch: which of a node's tasks its agent must be told about.
//!
//! Level-triggered: the view holds what the store wants and what this session has
//! sent; the plan is the difference. A new session has sent nothing, so after any
//! loss of the link everything is said again, and saying it twice changes nothing.

use std::collections::BTreeMap;

use model::Timestamp;

/// What the store wants of one task on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// The task should run.
    Run,
    /// The task should stop.
    Stop,
}

/// One node's session.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Every task of the node that has not stopped, by ARN.
    pub tasks: BTreeMap<String, Wanted>,
    /// What was last sent on this session, by ARN.
    pub sent: BTreeMap<String, Wanted>,
    /// When the last heartbeat was sent; `None` on a new session.
    pub heartbeat_at: Option<Timestamp>,
    /// Whether the manifest of this session has been sent.
    pub manifest_sent: bool,
}

/// One frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the list of all tasks that belong on the node.
    Manifest,
    /// Send these tasks with what is wanted of them, in this order.
    Payload(Vec<(String, Wanted)>),
    /// Forget what was sent about tasks that are gone.
    Forget(Vec<String>),
    /// Send a heartbeat.
    Heartbeat,
}

/// What to do now, and when to look again though nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are to be sent.
    pub actions: Vec<Action>,
    /// When the next heartbeat is due.
    pub wake_at: Timestamp,
}

/// Tasks in one payload, at most. ECS sends small payloads too, so that one never delays the link for long.
pub const PAYLOAD_LIMIT: usize = 50;

/// Time between heartbeats. The Amazon agent drops a link that is silent for a minute.
pub const HEARTBEAT_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Compares what is wanted with what was sent.
pub fn decide(view: &View, now: Timestamp) -> Plan {
    let mut actions = Vec::new();
    if !view.manifest_sent {
        actions.push(Action::Manifest);
    }
    let news: Vec<_> = view
        .tasks
        .iter()
        // Stops go first: they free what the starts may need.
        .filter(|(arn, wanted)| view.sent.get(*arn).is_none_or(|sent| sent < *wanted))
        .map(|(arn, wanted)| (arn.clone(), *wanted))
        .collect();
    let (stops, starts): (Vec<_>, Vec<_>) = news.into_iter().partition(|(_, wanted)| *wanted == Wanted::Stop);
    let ordered: Vec<_> = stops.into_iter().chain(starts).collect();
    actions.extend(ordered.chunks(PAYLOAD_LIMIT).map(|chunk| Action::Payload(chunk.to_vec())));

    let gone: Vec<_> = view.sent.keys().filter(|arn| !view.tasks.contains_key(*arn)).cloned().collect();
    if !gone.is_empty() {
        actions.push(Action::Forget(gone));
    }
    let due = view.heartbeat_at.map_or(now, |at| at + HEARTBEAT_EVERY);
    if due <= now {
        actions.push(Action::Heartbeat);
        return Plan { actions, wake_at: now + HEARTBEAT_EVERY };
    }
    Plan { actions, wake_at: due }
}

/// Applies a plan to the view as sending it does; the driver and the laws share it.
pub fn apply(view: &mut View, plan: &Plan, now: Timestamp) {
    for action in &plan.actions {
        match action {
            Action::Manifest => view.manifest_sent = true,
            Action::Payload(tasks) => view.sent.extend(tasks.iter().cloned()),
            Action::Forget(gone) => gone.iter().for_each(|arn| {
                view.sent.remove(arn);
            }),
            Action::Heartbeat => view.heartbeat_at = Some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn view(tasks: &[(&str, Wanted)], sent: &[(&str, Wanted)]) -> View {
        let map = |pairs: &[(&str, Wanted)]| pairs.iter().map(|(arn, w)| ((*arn).to_owned(), *w)).collect();
        View { tasks: map(tasks), sent: map(sent), heartbeat_at: Some(NOW), manifest_sent: true }
    }

    fn check(view: View, expected: &[Action]) {
        assert_eq!(decide(&view, NOW).actions, expected);
    }

    #[test]
    fn a_new_session_hears_everything() {
        let fresh = View { tasks: view(&[("a", Wanted::Run)], &[]).tasks, ..View::default() };
        let payload = Action::Payload(vec![("a".into(), Wanted::Run)]);
        check(fresh, &[Action::Manifest, payload, Action::Heartbeat]);
    }

    #[test]
    fn stops_go_first() {
        let tasks = [("a", Wanted::Run), ("b", Wanted::Stop)];
        check(
            view(&tasks, &[("b", Wanted::Run)]),
            &[Action::Payload(vec![("b".into(), Wanted::Stop), ("a".into(), Wanted::Run)])],
        );
    }

    #[test]
    fn nothing_new_is_silence() {
        check(view(&[("a", Wanted::Run)], &[("a", Wanted::Run)]), &[]);
        check(view(&[], &[("a", Wanted::Run)]), &[Action::Forget(vec!["a".into()])]);
    }

    fn wanted() -> impl Strategy<Value = Wanted> {
        prop_oneof![Just(Wanted::Run), Just(Wanted::Stop)]
    }

    proptest! {
        #[test]
        fn deciding_again_after_applying_sends_nothing(
            tasks in prop::collection::btree_map("[a-f]", wanted(), 0..6),
            sent in prop::collection::btree_map("[a-f]", wanted(), 0..6),
            manifest_sent: bool,
        ) {
            let mut view = View { tasks, sent, heartbeat_at: None, manifest_sent };
            let plan = decide(&view, NOW);
            prop_assert_eq!(&plan, &decide(&view, NOW));
            apply(&mut view, &plan, NOW);
            prop_assert!(decide(&view, NOW).actions.is_empty());
            prop_assert!(plan.wake_at > NOW);
            // Everything wanted has been said, and a stop is never taken back.
            for (arn, wanted) in &view.tasks {
                prop_assert!(view.sent.get(arn).is_some_and(|sent| sent >= wanted));
            }
        }
    }
}

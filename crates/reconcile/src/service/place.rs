//! What follows when tasks found a place, or found none.

use std::time::Duration;

use model::Timestamp;
use model::ecs::Service;
use model::ecs::service::EventCause;

use super::event;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Tasks found a place. Answers whether that changes anything.
pub fn found(service: &mut Service) -> bool {
    let before = service.seen.clone();
    service.seen.placements_refused = 0;
    service.seen.place_again_at = None;
    service.seen.told.remove(&EventCause::Placement);
    before != service.seen
}

/// A task found no place: the next attempt comes later, and the user is told why, unless that was told lately.
pub fn refused(service: &mut Service, is_fargate: bool, reason: &str, now: Timestamp) -> Option<String> {
    wait(service, now);
    let may = event::may_tell(service, EventCause::Placement, now);
    may.then(|| event::cannot_place(service, is_fargate, reason))
}

/// A task could not be made at all: as when there is no place for it, told in ECS's words.
pub fn failed(service: &mut Service, error: &str, now: Timestamp) -> Option<String> {
    wait(service, now);
    let may = event::may_tell(service, EventCause::Placement, now);
    may.then(|| event::cannot_launch(service, error))
}

/// Puts the next attempt off, the longer the more have failed.
fn wait(service: &mut Service, now: Timestamp) {
    let seen = &mut service.seen;
    let pause = Duration::from_secs(1 << seen.placements_refused.min(6)).min(LONGEST_PAUSE);
    seen.placements_refused = seen.placements_refused.saturating_add(1);
    seen.place_again_at = Some(now + pause);
}

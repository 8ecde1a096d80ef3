//! Target groups: targets, their health, and which of them is next.
//!
//! A [`Group`] is made anew with every snapshot of the routes; its [`Target`]s live on, with their counts,
//! connections and health. A target that left the routes lives until its last request has ended.

mod cookies;
mod health;
mod outliers;
mod pick;
mod target;

pub use cookies::{Cookie, find_cookie, hash};
pub use health::Outcome;
pub use pick::Turn;
pub use target::{Board, Flight, Target};

use std::collections::HashMap;
use std::sync::Arc;

use wire::link::TargetGroupRoute;

/// A target group as requests see it.
#[derive(Debug)]
pub struct Group {
    /// What it is to be.
    pub route: TargetGroupRoute,
    /// Names it in cookies.
    pub hash: u64,
    /// All of its targets, draining ones too.
    pub targets: Vec<Arc<Target>>,
    /// Whose turn it is; outlives a snapshot.
    pub turn: Arc<Turn>,
}

impl Group {
    /// Makes a group, with the targets and the turn of its predecessor.
    pub fn new(route: &TargetGroupRoute, old: Option<&Group>, board: &Arc<Board>) -> Group {
        let known: HashMap<_, _> = old
            .map(|old| old.targets.iter().map(|target| (target.key(), target.clone())).collect())
            .unwrap_or_default();
        let targets = route.targets.iter().map(|target| {
            let kept = known.get(&(target.id.as_str(), target.address, target.port)).cloned();
            let kept = kept.filter(|kept| kept.zone == target.zone);
            let kept = kept.unwrap_or_else(|| Arc::new(Target::new(&route.arn, target, board)));
            kept.set_draining(target.draining);
            if route.health_check.is_none() {
                kept.trust();
            }
            kept
        });
        Group {
            hash: cookies::hash(&[&route.arn]),
            targets: targets.collect(),
            turn: old.map(|old| old.turn.clone()).unwrap_or_default(),
            route: route.clone(),
        }
    }

    /// The zone that a client at an address of `zone` is kept to; `None` where it may go to any.
    pub fn kept_to<'a>(&self, zone: Option<&'a str>) -> Option<&'a str> {
        zone.filter(|_| !self.route.cross_zone)
    }

    /// The target that a cookie names, if it may still be used.
    pub fn by_hash(&self, hash: u64) -> Option<Arc<Target>> {
        self.targets.iter().find(|target| target.hash == hash && target.is_eligible(false)).cloned()
    }
}

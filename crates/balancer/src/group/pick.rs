//! Whose turn it is.
//!
//! Turns follow the golden ratio where shares are wanted: after any number of them each share is met within a few,
//! and no client can guess or disturb the order by much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use wire::link::Algorithm;

use super::{Group, Target};

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A counter of turns.
#[derive(Debug, Default)]
pub struct Turn(AtomicU64);

impl Turn {
    /// A counter that begins somewhere.
    pub fn starting_at(turn: u64) -> Turn {
        Turn(AtomicU64::new(turn))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// The next number below `total`, spread evenly.
    pub fn next_below(&self, total: u32) -> u32 {
        spread(self.next(), total)
    }
}

/// Turn `turn` as a number below `total`; each comes up equally often, well mixed.
fn spread(turn: u64, total: u32) -> u32 {
    let mixed = turn.wrapping_mul(GOLDEN) >> 32;
    u32::try_from((mixed * u64::from(total)) >> 32).expect("a product of two 32-bit numbers, halved")
}

/// A number without a visible relation to that of another turn: SplitMix64.
fn scatter(turn: u64) -> u64 {
    let mixed = turn.wrapping_add(1).wrapping_mul(GOLDEN);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Group {
    /// The next target for a client at an address of `zone`, none of those that were tried already. `None` when there
    /// is none.
    pub fn pick(&self, zone: Option<&str>, tried: &[Arc<Target>], now: Instant) -> Option<Arc<Target>> {
        let zone = self.kept_to(zone);
        let anyone = self.fails_open(zone);
        let untried = |target: &Arc<Target>| !tried.iter().any(|other| Arc::ptr_eq(other, target));
        let eligible =
            |target: &&Arc<Target>| target.is_eligible(anyone) && target.serves(zone) && untried(target);
        let fresh = |target: &&Arc<Target>| eligible(target) && !target.is_suspect(now);
        // Who refused a connection a moment ago is asked last.
        match self.targets.iter().filter(fresh).count() {
            0 => self.pick_among(&eligible, self.targets.iter().filter(eligible).count(), now),
            count => self.pick_among(&fresh, count, now),
        }
    }

    /// Whether too few targets of the zone are healthy, so that health is ignored.
    fn fails_open(&self, zone: Option<&str>) -> bool {
        let count = |anyone| {
            let here = self.targets.iter().filter(|target| target.serves(zone));
            here.filter(|target| target.is_eligible(anyone)).count()
        };
        let healthy = count(false);
        if healthy == 0 {
            return true;
        }
        let all = count(true);
        healthy < self.route.minimum_healthy_count as usize
            || healthy * 100 < all * usize::from(self.route.minimum_healthy_percent)
    }

    fn pick_among(
        &self,
        allowed: &dyn Fn(&&Arc<Target>) -> bool,
        count: usize,
        now: Instant,
    ) -> Option<Arc<Target>> {
        let turn = self.turn.next();
        let below = u64::try_from(count.max(1)).unwrap_or(1);
        let nth = |number: u64| usize::try_from(number % below).unwrap_or(0);
        let first = nth(turn);
        match self.route.algorithm {
            Algorithm::WeightedRandom => self.targets.iter().filter(allowed).nth(nth(scatter(turn))).cloned(),
            Algorithm::RoundRobin => {
                let chosen = self.targets.iter().filter(allowed).nth(first)?;
                let share = self.share(chosen, now);
                if share >= 1.0 || f64::from(spread(turn, 1000)) < share * 1000.0 {
                    return Some(chosen.clone());
                }
                // Still warming up: somebody else takes it, if anyone is warm.
                let warm = |target: &&Arc<Target>| allowed(target) && self.share(target, now) >= 1.0;
                let warm_count = self.targets.iter().filter(warm).count();
                let other = self.targets.iter().filter(warm).nth(first % warm_count.max(1));
                Some(other.unwrap_or(chosen).clone())
            }
            Algorithm::LeastOutstandingRequests => {
                let from_first = self.targets.iter().filter(allowed).cycle().skip(first).take(count);
                from_first.min_by_key(|target| target.in_flight()).cloned()
            }
        }
    }

    /// How much of its full share a target gets: it grows over the slow start.
    fn share(&self, target: &Target, now: Instant) -> f64 {
        if self.route.slow_start_seconds == 0 {
            return 1.0;
        }
        let length = Duration::from_secs(self.route.slow_start_seconds.into());
        match target.healthy_since() {
            Some(since) => {
                (now.saturating_duration_since(since).as_secs_f64() / length.as_secs_f64()).min(1.0)
            }
            None => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use wire::link::{TargetGroupRoute, TargetHealthCheck};

    use super::super::{Board, Outcome};
    use super::*;

    fn group(targets: usize, more: serde_json::Value) -> Group {
        let targets: Vec<_> = (0..targets)
            .map(|at| serde_json::json!({"id": format!("t{at}"), "address": "10.0.0.1", "port": 80 + at}))
            .collect();
        let mut route = serde_json::json!({"arn": "tg", "protocol": "HTTP", "targets": targets,
            "healthCheck": {"protocol": "HTTP", "path": "/", "intervalSeconds": 5, "timeoutSeconds": 2,
                            "healthyThreshold": 2, "unhealthyThreshold": 2}});
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let route: TargetGroupRoute = serde_json::from_value(route).unwrap();
        Group::new(&route, None, &Arc::new(Board::default()))
    }

    fn check_of(group: &Group) -> TargetHealthCheck {
        group.route.health_check.clone().unwrap()
    }

    fn shares(group: &Group, turns: usize, now: Instant) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for _ in 0..turns {
            *counts.entry(group.pick(None, &[], now).unwrap().id.clone()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn spread_meets_shares_within_a_percent() {
        let turn = Turn::default();
        let hits = (0..10_000).filter(|_| turn.next_below(100) < 10).count();
        assert!((990..=1010).contains(&hits), "{hits}");
    }

    #[tokio::test(start_paused = true)]
    async fn healthy_targets_share_alike_and_unhealthy_get_none() {
        let group = group(3, serde_json::json!({}));
        let check = check_of(&group);
        group.targets[0].observe(&check, Outcome::Success);
        group.targets[2].observe(&check, Outcome::Success);
        let counts = shares(&group, 100, Instant::now());
        assert_eq!(counts.get("t0"), Some(&50));
        assert_eq!(counts.get("t2"), Some(&50));
    }

    #[tokio::test(start_paused = true)]
    async fn with_none_healthy_all_are_used_but_draining_ones() {
        let group = group(3, serde_json::json!({}));
        group.targets[1].set_draining(true);
        assert_eq!(shares(&group, 10, Instant::now()).len(), 2);
        let now = Instant::now();
        assert!(group.pick(None, &[group.targets[0].clone(), group.targets[2].clone()], now).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_is_asked_last() {
        let group = group(2, serde_json::json!({}));
        group.targets[0].suspect(Instant::now());
        assert_eq!(shares(&group, 10, Instant::now()).get("t1"), Some(&10));
        group.targets[1].suspect(Instant::now());
        assert_eq!(shares(&group, 10, Instant::now()).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_busy_is_preferred() {
        let group = group(3, serde_json::json!({"algorithm": "least_outstanding_requests"}));
        let busy: Vec<_> = [0, 0, 2].map(|at| Target::begin(&group.targets[at])).into();
        assert_eq!(shares(&group, 9, Instant::now()).get("t1"), Some(&9));
        drop(busy);
        assert_eq!(shares(&group, 9, Instant::now()).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn chance_is_fair_and_follows_no_order() {
        let group = group(2, serde_json::json!({"algorithm": "weighted_random"}));
        let now = Instant::now();
        let picks: Vec<_> = (0..1000).map(|_| group.pick(None, &[], now).unwrap().id.clone()).collect();
        let first = picks.iter().filter(|id| *id == "t0").count();
        assert!((450..=550).contains(&first), "{first}");
        let repeats = picks.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!((400..=600).contains(&repeats), "{repeats}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_keeps_to_its_targets_where_it_must() {
        let zoned = |cross_zone: bool| {
            let targets: Vec<_> = [("t0", "a"), ("t1", "b"), ("t2", "all")]
                .map(|(id, zone)| serde_json::json!({"id": id, "address": "10.0.0.1", "port": 80, "zone": zone}))
                .into();
            group(0, serde_json::json!({"crossZone": cross_zone, "targets": targets}))
        };
        let seen = |group: &Group, zone| -> BTreeSet<String> {
            (0..10).filter_map(|_| Some(group.pick(zone, &[], Instant::now())?.id.clone())).collect()
        };
        let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(seen(&zoned(true), Some("a")), names(&["t0", "t1", "t2"]));
        let kept = zoned(false);
        assert_eq!(seen(&kept, Some("a")), names(&["t0", "t2"]));
        assert_eq!(seen(&kept, None), names(&["t0", "t1", "t2"]));
        // Health is a zone's own matter: with none healthy there, all of the zone are used.
        kept.targets[1].observe(&check_of(&kept), Outcome::Success);
        assert_eq!(seen(&kept, Some("a")), names(&["t0", "t2"]));
        assert_eq!(seen(&kept, Some("b")), names(&["t1"]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_target_starts_slowly() {
        let group = group(2, serde_json::json!({"slowStartSeconds": 100}));
        let check = check_of(&group);
        group.targets[0].observe(&check, Outcome::Success);
        tokio::time::advance(Duration::from_secs(200)).await;
        group.targets[1].observe(&check, Outcome::Success);
        tokio::time::advance(Duration::from_secs(20)).await;
        let early = shares(&group, 1000, Instant::now())["t1"];
        assert!((80..=120).contains(&early), "a fifth of a half: {early}");
        tokio::time::advance(Duration::from_secs(80)).await;
        assert_eq!(shares(&group, 1000, Instant::now())["t1"], 500);
    }
}

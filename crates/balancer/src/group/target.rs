//! One target: its health, what runs on it, and its idle connections.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::link::{TargetHealthCheck, TargetReport, TargetRoute, TargetState};

use super::cookies;
use super::health::{Health, Outcome};
use super::outliers::Outliers;
use crate::http::Pool;

/// How long a target that refused a connection is asked last.
const SUSPICION: Duration = Duration::from_secs(5);

/// What targets share: where they tell of changes, and how many workers keep connections.
#[derive(Debug)]
pub struct Board {
    /// Told when a report would read otherwise.
    pub changed: Notify,
    /// The number of workers.
    pub workers: usize,
}

impl Default for Board {
    fn default() -> Board {
        Board { changed: Notify::new(), workers: 1 }
    }
}

/// A target.
#[derive(Debug)]
pub struct Target {
    /// The id it was registered by.
    pub id: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Names it in cookies.
    pub hash: u64,
    /// Its availability zone; empty or `all` is every zone.
    pub zone: String,
    /// Its idle connections.
    pub pool: Pool,
    target_group: String,
    draining: AtomicBool,
    healthy: AtomicBool,
    seen: Mutex<Seen>,
    suspected: AtomicBool,
    suspected_until: Mutex<Option<Instant>>,
    outliers: Mutex<Outliers>,
    in_flight: AtomicU32,
    cut: Mutex<CancellationToken>,
    board: Arc<Board>,
}

#[derive(Debug)]
struct Seen {
    health: Health,
    healthy_since: Option<Instant>,
}

impl Target {
    /// A target of which nothing is known.
    pub fn new(target_group: &str, route: &TargetRoute, board: &Arc<Board>) -> Target {
        Target {
            id: route.id.clone(),
            address: SocketAddr::new(route.address, route.port),
            hash: cookies::hash(&[target_group, &route.id, &route.port.to_string()]),
            zone: route.zone.clone(),
            pool: Pool::new(board.workers),
            target_group: target_group.to_owned(),
            draining: AtomicBool::new(route.draining),
            healthy: AtomicBool::new(false),
            seen: Mutex::new(Seen { health: Health::NEW, healthy_since: None }),
            suspected: AtomicBool::new(false),
            suspected_until: Mutex::new(None),
            outliers: Mutex::default(),
            in_flight: AtomicU32::new(0),
            cut: Mutex::default(),
            board: board.clone(),
        }
    }

    /// What makes it the same target in the next snapshot.
    pub fn key(&self) -> (&str, IpAddr, u16) {
        (&self.id, self.address.ip(), self.address.port())
    }

    /// Whether it may get a request: `anyone` leaves health aside.
    pub fn is_eligible(&self, anyone: bool) -> bool {
        !self.draining.load(Ordering::Relaxed) && (anyone || self.healthy.load(Ordering::Relaxed))
    }

    /// Whether it is being deregistered.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Starts or ends draining. One that comes back is new.
    pub fn set_draining(&self, draining: bool) {
        let was = self.draining.swap(draining, Ordering::Relaxed);
        if draining {
            self.pool.clear();
        } else if was {
            let mut seen = self.seen.lock();
            *seen = Seen { health: Health::NEW, healthy_since: None };
            self.healthy.store(false, Ordering::Relaxed);
        }
        if was != draining {
            self.board.changed.notify_one();
        }
    }

    /// Takes it for healthy, since nobody checks.
    pub fn trust(&self) {
        self.seen.lock().health = Health::TRUSTED;
        self.healthy.store(true, Ordering::Relaxed);
    }

    /// Counts a health check. Answers whether the target was healthy and is not any more.
    pub fn observe(&self, check: &TargetHealthCheck, outcome: Outcome) -> bool {
        let mut seen = self.seen.lock();
        let health = seen.health.observe(check, outcome);
        let (is, was) = (health.state == TargetState::Healthy, seen.health.state == TargetState::Healthy);
        if is && !was {
            seen.healthy_since = Some(Instant::now());
        }
        if health.reason() != seen.health.reason() {
            self.board.changed.notify_one();
        }
        seen.health = health;
        self.healthy.store(is, Ordering::Relaxed);
        was && !is
    }

    /// Since when it has been healthy.
    pub fn healthy_since(&self) -> Option<Instant> {
        self.seen.lock().healthy_since
    }

    /// Notes that it refused a connection.
    pub fn suspect(&self, now: Instant) {
        self.avoid_until(now + SUSPICION);
    }

    /// Counts a failure of a target that is left out after too many.
    pub fn fail(&self, now: Instant) {
        let ejected = self.outliers.lock().fail(now);
        if let Some(until) = ejected {
            tracing::info!(target = self.id, address = %self.address, "leaving a target out that failed too often");
            self.avoid_until(until);
        }
    }

    fn avoid_until(&self, until: Instant) {
        let mut suspected = self.suspected_until.lock();
        *suspected = (*suspected).max(Some(until));
        self.suspected.store(true, Ordering::Relaxed);
    }

    /// Whether it refused a connection a moment ago, or is left out.
    pub fn is_suspect(&self, now: Instant) -> bool {
        self.suspected.load(Ordering::Relaxed) && self.suspected_until.lock().is_some_and(|until| now < until)
    }

    /// Forgets a refusal, since a connection came about. Who is left out stays so.
    pub fn absolve(&self, now: Instant) {
        if self.suspected.load(Ordering::Relaxed) && !self.outliers.lock().is_ejected(now) {
            *self.suspected_until.lock() = None;
            self.suspected.store(false, Ordering::Relaxed);
        }
    }

    /// Ends the TCP connections that run; later ones are left alone.
    pub fn cut(&self) {
        std::mem::take(&mut *self.cut.lock()).cancel();
    }

    /// Waits until what runs is to end.
    pub async fn is_cut(&self) {
        let token = self.cut.lock().clone();
        token.cancelled().await;
    }

    /// Whether it serves what comes to an address of this zone; `None` is an address of all zones.
    pub fn serves(&self, zone: Option<&str>) -> bool {
        zone.is_none_or(|zone| self.zone.is_empty() || self.zone == "all" || self.zone == zone)
    }

    /// Running requests and connections.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Begins a request or a connection.
    pub fn begin(target: &Arc<Target>) -> Flight {
        target.in_flight.fetch_add(1, Ordering::Relaxed);
        Flight(target.clone())
    }

    /// How it is, for the control plane.
    pub fn report(&self) -> TargetReport {
        let mut health = self.seen.lock().health;
        if self.is_draining() {
            health.state = TargetState::Draining;
        }
        let (reason, description) = health.reason().unzip();
        TargetReport {
            target_group: self.target_group.clone(),
            id: self.id.clone(),
            port: self.address.port(),
            state: health.state,
            reason,
            description,
            in_flight: self.in_flight(),
        }
    }
}

/// A running request or connection; it ends when this is dropped.
#[derive(Debug)]
pub struct Flight(Arc<Target>);

impl Flight {
    /// Where it runs.
    pub fn target(&self) -> &Arc<Target> {
        &self.0
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.0.is_draining() {
            self.0.board.changed.notify_one();
        }
    }
}

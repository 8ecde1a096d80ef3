//! The doors for the loop that drives the data plane: everything wanted in one view, and what was seen coming back.
//!
//! Only transitions are committed. A sighting is of one registration: what is said of an earlier one is not believed.

use std::collections::BTreeSet;

use model::elbv2::{
    Listener, LoadBalancer, LoadBalancerId, LoadBalancerState, Rule, Target, TargetGroup, TargetGroupId,
    TargetHealth, TargetKey,
};
use model::{Arn, Scope, Timestamp};
use store::{Snapshot, Store, Txn, key};
use wire::link::LogKind;

use super::error::Error;
use super::rules::limit::BATCH;
use super::store::{self as tables, LoadBalancerRow, TargetGroupRow, TargetRow};
use crate::cloud::Cloud;
use crate::iam::certificates::{self, OpenedCertificate};

/// Attempts at a commit that meets conflicts.
const ATTEMPTS: usize = 64;

/// A load balancer with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct LoadBalancerView {
    /// The load balancer.
    pub load_balancer: LoadBalancer,
    /// Its listeners.
    pub listeners: Vec<ListenerView>,
}

/// A listener with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct ListenerView {
    /// The listener.
    pub listener: Listener,
    /// Its rules by rising priority, without the default one.
    pub rules: Vec<Rule>,
    /// Its certificates, the default one first.
    pub certificates: Vec<OpenedCertificate>,
}

/// All that the data plane is to serve.
#[derive(Clone, Debug)]
pub struct View {
    /// Every load balancer of all scopes, the oldest first.
    pub load_balancers: Vec<LoadBalancerView>,
    /// Every target group that a listener or rule forwards to, with its targets.
    pub target_groups: Vec<(TargetGroup, Vec<Target>)>,
}

/// Everything that the data plane is to serve, as it is wanted now.
pub fn view(cloud: &Cloud, snapshot: &Snapshot) -> View {
    let mut used: BTreeSet<(Scope, TargetGroupId)> = BTreeSet::new();
    let mut load_balancers = Vec::new();
    for found in snapshot.all::<LoadBalancerRow>(&key![]) {
        let load_balancer = found.row.0.clone();
        let scope = &load_balancer.scope;
        let mut listeners = Vec::new();
        for listener in tables::listeners(snapshot, scope, &load_balancer.id) {
            let rules: Vec<Rule> =
                tables::rules(snapshot, scope, &listener.id).iter().map(|rule| rule.row.0.clone()).collect();
            let actions = std::iter::once(&listener.default_action).chain(rules.iter().map(|it| &it.action));
            used.extend(
                actions.flat_map(|action| action.groups()).map(|group| (scope.clone(), group.clone())),
            );
            let certificates = listener.certificates.iter();
            let certificates =
                certificates.filter_map(|arn| certificates::open(cloud, snapshot, arn)).collect();
            listeners.push(ListenerView { listener: listener.row.0.clone(), rules, certificates });
        }
        load_balancers.push(LoadBalancerView { load_balancer, listeners });
    }
    load_balancers.sort_by_key(|it| (it.load_balancer.created_at, it.load_balancer.id.clone()));
    let group = |(scope, id): &(Scope, TargetGroupId)| {
        let group = tables::target_group(snapshot, scope, id)?;
        let targets = tables::targets(snapshot, scope, id).iter().map(|it| it.row.0.clone()).collect();
        Some((group.row.0.clone(), targets))
    };
    View { load_balancers, target_groups: used.iter().filter_map(group).collect() }
}

/// Where a log of a load balancer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The load balancer's scope, and the log group's.
    pub scope: Scope,
    /// The log group's name.
    pub group: String,
    /// The stream's name.
    pub stream: String,
}

/// How the names of a log's attributes begin.
pub fn log_attributes(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Access => "access_logs.s3.",
        LogKind::Connection => "connection_logs.s3.",
    }
}

/// Where a log of a load balancer is written; `None` where it has none.
pub fn access_log(snapshot: &Snapshot, arn: &str, kind: LogKind) -> Option<AccessLog> {
    let scope = scope_of(&arn.parse().ok()?)?;
    let id = LoadBalancerId::parse(arn, &scope)?;
    let found = tables::load_balancer(snapshot, &scope, &id)?;
    let value = |key: &str| found.attribute(&format!("{}{key}", log_attributes(kind)));
    if value("enabled") != "true" {
        return None;
    }
    let resource = arn.split_once("loadbalancer/")?.1.replace('/', ".");
    let name = match kind {
        LogKind::Access => resource,
        LogKind::Connection => format!("conn_log.{resource}"),
    };
    let prefix = match value("prefix").trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let stream = format!("{prefix}AWSLogs/{}/elasticloadbalancing/{}/{name}", scope.account, scope.region);
    Some(AccessLog { group: value("bucket").to_owned(), stream, scope })
}

/// What the data plane says of one registration of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The target's group.
    pub target_group: Arn,
    /// The target.
    pub target: TargetKey,
    /// When the registration was made.
    pub registered_at: Timestamp,
    /// Its health.
    pub health: TargetHealth,
}

/// Commits what is new in `sightings`; returns how many targets changed.
///
/// # Errors
/// When the store fails.
pub async fn report_targets(store: &Store, sightings: &[Sighting]) -> Result<usize, Error> {
    let mut changed = 0;
    for batch in sightings.chunks(BATCH) {
        changed += with_attempts(store, |snapshot| {
            let txn = Txn::new();
            batch.iter().fold((txn, 0), |state, sighting| see(snapshot, state, sighting))
        })
        .await?;
    }
    Ok(changed)
}

fn see(snapshot: &Snapshot, (txn, count): (Txn, usize), sighting: &Sighting) -> (Txn, usize) {
    let found = scope_of(&sighting.target_group).and_then(|scope| {
        let group = TargetGroupId::parse(&sighting.target_group.to_string(), &scope)?;
        snapshot.get::<TargetRow>(&tables::target_key(&scope, &group, &sighting.target))
    });
    let Some(found) = found else { return (txn, count) };
    let same_registration = found.registered_at == sighting.registered_at && found.draining_until.is_none();
    if !same_registration || found.seen.as_ref() == Some(&sighting.health) {
        return (txn, count);
    }
    let row = TargetRow(Target { seen: Some(sighting.health.clone()), ..found.row.0.clone() });
    (txn.update(&found, &row), count + 1)
}

/// Forgets what was seen of targets whose groups nothing forwards to any more: nobody looks at them.
///
/// # Errors
/// When the store fails.
pub async fn forget_unused_targets(store: &Store) -> Result<usize, Error> {
    let mut changed = 0;
    let unused: Vec<_> = {
        let snapshot = store.snapshot();
        let groups = snapshot.all::<TargetGroupRow>(&key![]);
        let unused = groups.filter(|it| tables::user_of(&snapshot, &it.scope, &it.id).is_none());
        unused.map(|group| (group.scope.clone(), group.id.clone())).collect()
    };
    for (scope, group) in unused {
        changed += with_attempts(store, |snapshot| {
            let seen = tables::targets(snapshot, &scope, &group).into_iter().filter(|it| it.seen.is_some());
            seen.take(BATCH).fold((Txn::new(), 0), |(txn, count), found| {
                let row = TargetRow(Target { seen: None, ..found.row.0.clone() });
                (txn.update(&found, &row), count + 1)
            })
        })
        .await?;
    }
    Ok(changed)
}

/// Commits the states of load balancers where they are new; returns how many changed.
///
/// # Errors
/// When the store fails.
pub async fn report_load_balancers(
    store: &Store,
    states: &[(Arn, LoadBalancerState)],
) -> Result<usize, Error> {
    let mut changed = 0;
    for (arn, state) in states {
        changed += with_attempts(store, |snapshot| {
            let found = scope_of(arn).and_then(|scope| {
                let id = LoadBalancerId::parse(&arn.to_string(), &scope)?;
                tables::load_balancer(snapshot, &scope, &id)
            });
            match found.filter(|found| found.state != *state) {
                Some(found) => {
                    let row = LoadBalancerRow(LoadBalancer { state: state.clone(), ..found.row.0.clone() });
                    (Txn::new().update(&found, &row), 1)
                }
                None => (Txn::new(), 0),
            }
        })
        .await?;
    }
    Ok(changed)
}

/// The scope that an ARN names.
fn scope_of(arn: &Arn) -> Option<Scope> {
    let account = model::AccountId::new(arn.account.clone()).ok()?;
    Some(Scope::new(account, model::Region::new(arn.region.clone()).ok()?))
}

/// Plans and commits until no conflict is met. Returns what the plan counted.
async fn with_attempts(store: &Store, plan: impl Fn(&Snapshot) -> (Txn, usize)) -> Result<usize, Error> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let (txn, count) = plan(&store.snapshot());
        if txn.is_read_only() {
            return Ok(0);
        }
        match store.commit(txn).await {
            Ok(_) => return Ok(count),
            Err(error) if error.is_conflict() => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    last.map_or(Ok(0), |error| Err(error.into()))
}

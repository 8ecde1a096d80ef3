//! The routes, compiled: for each address what is served there, and every target group.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use rustls::ServerConfig;
use wire::link::{
    Certificate, ListenerProtocol, ListenerRoute, LoadBalancerAttributes, LoadBalancerRoute, RouteAction,
    Routes,
};

use crate::group::{Board, Group, Turn};
use crate::net;
use crate::place::Place;
use crate::proxy;
use crate::rules::{Condition, Head, Redirect};

/// Everything that is served.
#[derive(Debug, Default)]
pub struct Table {
    /// The serial of the routes.
    pub serial: u64,
    /// What is served where.
    pub sockets: BTreeMap<Place, Serving>,
    /// Every target group by its ARN.
    pub groups: HashMap<String, Arc<Group>>,
    /// The groups behind the endpoints of proxies, by the place where each is served: a task has its own connections to
    /// its targets, and its own opinion of them.
    pub proxy_groups: HashMap<Place, Arc<Group>>,
    /// Every listener, with why it is not served at all.
    pub listeners: BTreeMap<String, Status>,
}

/// A listener's state, for the report.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Where it should answer.
    pub addresses: Vec<SocketAddr>,
    /// Why it cannot.
    pub refused: Option<String>,
    /// For what its TLS was made.
    tls: Option<(TlsChoices, Arc<ServerConfig>)>,
}

/// All that a listener's TLS depends on.
#[derive(Clone, Debug, PartialEq)]
struct TlsChoices {
    certificates: Vec<Certificate>,
    policy: Option<String>,
    alpn: Vec<String>,
}

/// The listeners of one address.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    /// HTTP.
    pub plain: Vec<Arc<Listener>>,
    /// HTTPS and TLS.
    pub tls: Vec<Arc<Listener>>,
    /// TCP, which leaves room for nothing else.
    pub tcp: Option<Arc<Listener>>,
    /// The availability zone of the address, if it stands in one.
    pub zone: Option<Arc<str>>,
}

/// A listener.
#[derive(Debug)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// Its port.
    pub port: u16,
    /// What it speaks.
    pub protocol: ListenerProtocol,
    /// The ARN of its load balancer.
    pub load_balancer: String,
    /// The name of its load balancer.
    pub dns_name: String,
    /// The attributes of its load balancer.
    pub attributes: Arc<LoadBalancerAttributes>,
    /// Its TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// The ARNs of its certificates, the default one first, with the names that each stands for.
    pub certificates: Vec<(String, Vec<String>)>,
    /// Whether clients speak HTTP/2 without saying so first.
    pub prior_knowledge: bool,
    /// How long a request may take until its answer has ended.
    pub request_timeout: Option<Duration>,
    /// How long a TCP connection may be silent.
    pub tcp_idle_timeout_seconds: u32,
    /// Whether responses name their server.
    pub server_header: bool,
    /// What every response gets.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// What happens when no rule matches.
    pub default_action: Action,
    /// When something else happens, by rising priority.
    pub rules: Vec<Rule>,
}

/// When something else happens than usual.
#[derive(Debug)]
pub struct Rule {
    /// Its priority.
    pub priority: u32,
    /// When it applies: all must hold.
    pub conditions: Vec<Condition>,
    /// What happens then.
    pub action: Action,
}

/// What happens to a request.
#[derive(Debug)]
pub enum Action {
    /// It goes to a target.
    Forward(Forward),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The answer is known.
    Fixed {
        /// The status.
        status: u16,
        /// The type of the body.
        content_type: Option<String>,
        /// The body.
        body: Bytes,
    },
}

/// Weighted target groups.
#[derive(Debug)]
pub struct Forward {
    /// Weights and groups.
    pub groups: Vec<(u32, Arc<Group>)>,
    /// How long a client stays with its group.
    pub stickiness: Option<Duration>,
    turn: Turn,
}

impl Forward {
    /// Everything goes to one group.
    pub fn only(group: Arc<Group>) -> Forward {
        Forward { groups: vec![(1, group)], stickiness: None, turn: Turn::default() }
    }

    /// The group whose turn it is; `None` when all weigh nothing.
    pub fn next(&self) -> Option<&Arc<Group>> {
        if let [(1.., group)] = self.groups.as_slice() {
            return Some(group);
        }
        let total: u32 = self.groups.iter().map(|(weight, _)| weight).sum();
        let mut left = self.turn.next_below(total);
        for (weight, group) in &self.groups {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return Some(group),
            }
        }
        None
    }
}

impl Action {
    /// As an access log names it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Forward(_) => "forward",
            Action::Redirect(_) => "redirect",
            Action::Fixed { .. } => "fixed-response",
        }
    }
}

impl Listener {
    /// What happens to a request, and by the rule of which priority; 0 is the default.
    pub fn action(&self, head: &Head<'_>) -> (u32, &Action) {
        let matching = |rule: &&Rule| rule.conditions.iter().all(|condition| condition.holds(head));
        self.rules
            .iter()
            .find(matching)
            .map_or((0, &self.default_action), |rule| (rule.priority, &rule.action))
    }

    /// The certificate that a client gets that asks for `name`, with the name if the certificate stands for it.
    pub fn certificate<'a>(&'a self, name: Option<&'a str>) -> (Option<&'a str>, &'a str) {
        let stands = |known: &str, name: &str| {
            let wild = known.strip_prefix("*.").zip(name.split_once('.'));
            known.eq_ignore_ascii_case(name)
                || wild.is_some_and(|(known, (_, rest))| known.eq_ignore_ascii_case(rest))
        };
        let named = name.and_then(|name| {
            let mut certificates = self.certificates.iter();
            let found = certificates.find(|(_, names)| names.iter().any(|known| stands(known, name)))?;
            Some((Some(name), found.0.as_str()))
        });
        named.unwrap_or((None, self.certificates.first().map_or("-", |(arn, _)| arn)))
    }
}

impl Serving {
    /// The HTTP listener for a host: the one of that name, else the first.
    pub fn plain(&self, host: &str) -> Option<&Arc<Listener>> {
        named(&self.plain, host)
    }

    /// The HTTPS or TLS listener for a server name: the one of that name, else the first.
    pub fn secure(&self, name: &str) -> Option<&Arc<Listener>> {
        named(&self.tls, name)
    }

    /// Adds a listener, unless one before it leaves no room.
    fn add(&mut self, listener: &Arc<Listener>) {
        let taken = !self.plain.is_empty() || !self.tls.is_empty();
        match listener.protocol {
            _ if self.tcp.is_some() => {}
            ListenerProtocol::Http => self.plain.push(listener.clone()),
            ListenerProtocol::Https | ListenerProtocol::Tls => self.tls.push(listener.clone()),
            ListenerProtocol::Tcp if taken => {}
            ListenerProtocol::Tcp => self.tcp = Some(listener.clone()),
        }
    }
}

fn named<'a>(listeners: &'a [Arc<Listener>], name: &str) -> Option<&'a Arc<Listener>> {
    match listeners {
        [] => None,
        [only] => Some(only),
        several => several.iter().find(|l| l.dns_name.eq_ignore_ascii_case(name)).or(several.first()),
    }
}

impl Table {
    /// Compiles routes; targets and TLS of the predecessor live on.
    pub fn new(routes: &Routes, old: &Table, board: &Arc<Board>) -> Table {
        let groups: HashMap<_, _> = routes
            .target_groups
            .iter()
            .map(|route| {
                let old = old.groups.get(&route.arn).map(Arc::as_ref);
                (route.arn.clone(), Arc::new(Group::new(route, old, board)))
            })
            .collect();
        let mut table = Table { serial: routes.serial, groups, ..Table::default() };
        for load_balancer in &routes.load_balancers {
            let attributes = Arc::new(load_balancer.attributes.clone());
            for listener in &load_balancer.listeners {
                table.add(load_balancer, listener, &attributes, old);
            }
        }
        for proxy in &routes.proxies {
            let task: Arc<str> = proxy.task_id.as_str().into();
            for endpoint in &proxy.endpoints {
                let targets = routes.proxy_targets.get(&endpoint.targets).map(Vec::as_slice);
                let place = proxy::place(&task, endpoint);
                let group = proxy::group(endpoint, targets.unwrap_or_default());
                let group = Group::new(&group, old.proxy_groups.get(&place).map(Arc::as_ref), board);
                let group = Arc::new(group);
                table.sockets.insert(place.clone(), proxy::serving(endpoint, &group));
                table.proxy_groups.insert(place, group);
            }
        }
        table
    }

    fn add(
        &mut self,
        load_balancer: &LoadBalancerRoute,
        route: &ListenerRoute,
        attributes: &Arc<LoadBalancerAttributes>,
        old: &Table,
    ) {
        let all = load_balancer.addresses.iter().chain(&load_balancer.shared_addresses);
        let addresses: Vec<_> = all.map(|address| SocketAddr::new(*address, route.port)).collect();
        let known = old.listeners.get(&route.arn).and_then(|status| status.tls.as_ref());
        let tls = secure(route, attributes.http2, known);
        let (tls, refused) = match tls {
            Ok(tls) => (tls, None),
            Err(refused) => (None, Some(refused)),
        };
        let status = Status { addresses: addresses.clone(), refused, tls: tls.clone() };
        let served = status.refused.is_none();
        self.listeners.insert(route.arn.clone(), status);
        if !served {
            return;
        }
        let listener = Arc::new(Listener {
            arn: route.arn.clone(),
            port: route.port,
            protocol: route.protocol,
            load_balancer: load_balancer.arn.clone(),
            dns_name: load_balancer.dns_name.clone(),
            attributes: attributes.clone(),
            tls: tls.map(|(_, config)| config),
            certificates: route.certificates.iter().map(|it| (it.arn.clone(), it.names.clone())).collect(),
            prior_knowledge: false,
            request_timeout: None,
            tcp_idle_timeout_seconds: route.tcp_idle_timeout_seconds,
            server_header: route.server_header,
            response_headers: route.response_headers.iter().filter_map(header).collect(),
            default_action: self.action(&route.default_action),
            rules: self.rules(route),
        });
        for address in addresses {
            let serving = self.sockets.entry(address.into()).or_default();
            serving.zone = load_balancer.zones.get(&address.ip()).map(|zone| zone.as_str().into());
            serving.add(&listener);
        }
    }

    fn rules(&self, route: &ListenerRoute) -> Vec<Rule> {
        let mut rules: Vec<_> = route.rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        let compiled = rules.into_iter().map(|rule| Rule {
            priority: rule.priority,
            conditions: rule.conditions.iter().map(Condition::new).collect(),
            action: self.action(&rule.action),
        });
        compiled.collect()
    }

    fn action(&self, action: &RouteAction) -> Action {
        match action {
            RouteAction::Forward { target_groups, stickiness_seconds } => Action::Forward(Forward {
                groups: target_groups
                    .iter()
                    .filter_map(|group| Some((group.weight.into(), self.groups.get(&group.arn)?.clone())))
                    .collect(),
                stickiness: stickiness_seconds.map(|seconds| Duration::from_secs(seconds.into())),
                // Snapshots in quick succession must not all begin with the same group.
                turn: Turn::starting_at(self.serial),
            }),
            RouteAction::Redirect { protocol, host, port, path, query, status } => {
                Action::Redirect(Redirect {
                    protocol: protocol.clone(),
                    host: host.clone(),
                    port: port.clone(),
                    path: path.clone(),
                    query: query.clone(),
                    status: *status,
                })
            }
            RouteAction::FixedResponse { status, content_type, body } => Action::Fixed {
                status: *status,
                content_type: content_type.clone(),
                body: Bytes::from(body.clone()),
            },
        }
    }
}

type MadeTls = (TlsChoices, Arc<ServerConfig>);

/// The TLS of a listener that has one; the predecessor's while nothing changed, since clients hold tickets of it.
fn secure(route: &ListenerRoute, http2: bool, known: Option<&MadeTls>) -> Result<Option<MadeTls>, String> {
    let alpn = match route.protocol {
        ListenerProtocol::Http | ListenerProtocol::Tcp => return Ok(None),
        ListenerProtocol::Https if http2 => vec!["h2".to_owned(), "http/1.1".to_owned()],
        ListenerProtocol::Https => vec!["http/1.1".to_owned()],
        ListenerProtocol::Tls => route.alpn.clone(),
    };
    let choices =
        TlsChoices { certificates: route.certificates.clone(), policy: route.ssl_policy.clone(), alpn };
    if let Some((made_for, config)) = known
        && *made_for == choices
    {
        return Ok(Some((choices, config.clone())));
    }
    let offered: Vec<_> = choices.alpn.iter().map(String::as_str).collect();
    let config = net::server_config(route, &offered)?;
    Ok(Some((choices, config)))
}

fn header((name, value): &(String, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

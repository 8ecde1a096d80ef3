//! CreateListener. Asking again for the same thing answers the same listener.
//!
//! Deviation: of a TLS policy only TLS 1.2 and 1.3 with forward secrecy and authenticated encryption are spoken, as
//! DescribeSSLPolicies tells: no CBC suites, static keys or TLS below 1.2. A listener that names none gets
//! `ELBSecurityPolicy-TLS13-1-2-Res-2021-06`.

use model::ecs::text::TextEnum;
use model::elbv2::{Attributes, Digits, Listener, ListenerId, LoadBalancer, LoadBalancerKind, Protocol};
use store::{Snapshot, Txn};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::rules::limit::MOST_LISTENERS;
use crate::elbv2::rules::tag;
use crate::elbv2::store::{ListenerRow, listeners, touch};
use crate::elbv2::wire::listener::write;
use crate::elbv2::wire::{action, number};
use crate::elbv2::{find, forwarding, tls};
use crate::error::ServiceError;
use crate::iam::certificates;
use crate::room::Handler;

impl Handler for shapes::CreateListener {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:CreateListener", &input.load_balancer_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let load_balancer = find::load_balancer(&snapshot, &ctx.scope, &input.load_balancer_arn)?;
        let listener = read(ctx, &snapshot, &load_balancer, input)?;
        let groups =
            forwarding::groups(&snapshot, &load_balancer, listener.protocol, &listener.default_action)?;
        let known = listeners(&snapshot, &ctx.scope, &load_balancer.id);
        if let Some(known) = known.iter().find(|known| known.port == listener.port) {
            if same_settings(known, &listener) {
                return Ok(Self::Output { listeners: Some(vec![write(known)]) });
            }
            return Err(duplicate(&load_balancer).into());
        }
        if known.len() >= MOST_LISTENERS {
            let message = format!("The maximum number of listeners of a load balancer is '{MOST_LISTENERS}'");
            return Err(Error::client(Code::TooManyListeners, message).into());
        }
        let row = ListenerRow(listener);
        let txn = forwarding::guard(touch(Txn::new(), &load_balancer), &groups).insert(&row);
        let txn = certificates::hold(&snapshot, txn, &row.arn(), &[], &row.certificates);
        store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { listeners: Some(vec![write(&row)]) })
    }
}

fn read(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    load_balancer: &LoadBalancer,
    input: shapes::CreateListenerInput,
) -> Result<Listener, Error> {
    let missing = |what: &str| Error::validation(format!("A listener {what} must be specified"));
    let port = number(input.port.ok_or_else(|| missing("port"))?, "port")?;
    let raw = input.protocol.as_deref().ok_or_else(|| missing("protocol"))?;
    let protocol = protocol(raw, load_balancer.id.kind)?;
    mutual_authentication(input.mutual_authentication)?;
    let tls =
        tls::read(snapshot, &ctx.scope, protocol, input.ssl_policy, input.certificates, input.alpn_policy)?;
    let mut ids = ctx.ids.clone();
    Ok(Listener {
        scope: ctx.scope.clone(),
        id: ListenerId { load_balancer: load_balancer.id.clone(), digits: Digits::draw(&mut ids) },
        protocol,
        port,
        ssl_policy: tls.policy,
        certificates: tls.certificates,
        alpn_policy: tls.alpn,
        default_rule: Digits::draw(&mut ids),
        default_action: action::read(input.default_actions, protocol, &ctx.scope)?,
        attributes: Attributes::default(),
        tags: tag::read(input.tags)?,
    })
}

/// Reads the protocol of a listener of this kind of load balancer.
pub(super) fn protocol(raw: &str, kind: LoadBalancerKind) -> Result<Protocol, Error> {
    let known: &[Protocol] = match kind {
        LoadBalancerKind::Application => &[Protocol::Http, Protocol::Https],
        LoadBalancerKind::Network => &[Protocol::Tcp, Protocol::Tls],
    };
    known.iter().copied().find(|protocol| protocol.as_str() == raw).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|protocol| protocol.as_str()).collect();
        let message = format!("Listener protocol '{raw}' must be one of '{}'", known.join(", "));
        Error::client(Code::UnsupportedProtocol, message)
    })
}

/// Refuses what would need trust stores.
pub(super) fn mutual_authentication(
    asked: Option<shapes::MutualAuthenticationAttributes>,
) -> Result<(), Error> {
    match asked.and_then(|asked| asked.mode).as_deref() {
        None | Some("off") => Ok(()),
        Some(mode) => Err(Error::unsupported(format!(
            "The mutual authentication mode '{mode}' is not supported: use 'off'"
        ))),
    }
}

/// The refusal of a port that is taken.
pub(super) fn duplicate(load_balancer: &LoadBalancer) -> Error {
    let arn = load_balancer.arn();
    Error::client(
        Code::DuplicateListener,
        format!("A listener already exists on this port for this load balancer '{arn}'"),
    )
}

fn same_settings(known: &Listener, asked: &Listener) -> bool {
    known.protocol == asked.protocol
        && known.ssl_policy == asked.ssl_policy
        && known.certificates.first() == asked.certificates.first()
        && known.alpn_policy == asked.alpn_policy
        && known.default_action == asked.default_action
}

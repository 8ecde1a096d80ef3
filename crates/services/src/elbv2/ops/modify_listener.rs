//! ModifyListener: what is not named stays, but for TLS settings when the protocol changes.

use model::elbv2::Listener;
use store::{Snapshot, Txn};
use wire::elbv2 as shapes;

use super::create_listener::{duplicate, mutual_authentication, protocol};
use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::store::{self as tables, ListenerRow, touch};
use crate::elbv2::wire::listener::write;
use crate::elbv2::wire::{action, number};
use crate::elbv2::{find, forwarding, tls};
use crate::error::ServiceError;
use crate::iam::certificates;
use crate::room::Handler;

impl Handler for shapes::ModifyListener {
    fn access(_: &OpCtx, input: &Self::Input) -> Access {
        Access::new("elasticloadbalancing:ModifyListener", &input.listener_arn)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let found = find::listener(&snapshot, &ctx.scope, &input.listener_arn)?;
        let load_balancer = tables::load_balancer(&snapshot, &ctx.scope, &found.id.load_balancer)
            .ok_or_else(|| Error::client(Code::ListenerNotFound, "The load balancer is being deleted"))?;
        let next = change(&snapshot, &found, input)?;
        let taken = |known: &Listener| known.port == next.port && known.id != next.id;
        if tables::listeners(&snapshot, &ctx.scope, &load_balancer.id).iter().any(|known| taken(known)) {
            return Err(duplicate(&load_balancer).into());
        }
        let groups = forwarding::groups(&snapshot, &load_balancer, next.protocol, &next.default_action)?;
        for rule in tables::rules(&snapshot, &ctx.scope, &found.id) {
            forwarding::groups(&snapshot, &load_balancer, next.protocol, &rule.action)?;
        }
        let row = ListenerRow(next);
        let txn = forwarding::guard(touch(Txn::new(), &load_balancer), &groups).update(&found, &row);
        let txn = certificates::hold(&snapshot, txn, &row.arn(), &found.certificates, &row.certificates);
        store.commit(txn).await.map_err(Error::from)?;
        Ok(Self::Output { listeners: Some(vec![write(&row)]) })
    }
}

fn change(
    snapshot: &Snapshot,
    before: &Listener,
    input: shapes::ModifyListenerInput,
) -> Result<Listener, Error> {
    let kind = before.id.load_balancer.kind;
    let protocol = input.protocol.as_deref().map_or(Ok(before.protocol), |raw| protocol(raw, kind))?;
    mutual_authentication(input.mutual_authentication)?;
    // What is not named stays as it was, where the new protocol has it at all.
    let keep = protocol.is_secure() && before.protocol.is_secure();
    let default = before
        .certificates
        .first()
        .filter(|_| keep)
        .map(|arn| vec![shapes::Certificate { certificate_arn: Some(arn.clone()), is_default: None }]);
    let policy = before.ssl_policy.clone().filter(|_| keep);
    let alpn = before.alpn_policy.clone().filter(|_| keep && protocol == before.protocol);
    let asked_alpn = input.alpn_policy.or(alpn.map(|name| vec![name]));
    let tls = tls::read(
        snapshot,
        &before.scope,
        protocol,
        input.ssl_policy.or(policy),
        input.certificates.filter(|named| !named.is_empty()).or(default),
        asked_alpn.filter(|_| protocol == model::elbv2::Protocol::Tls),
    )?;
    let mut certificates = tls.certificates;
    if keep {
        let more = before.certificates.iter().skip(1).filter(|arn| Some(*arn) != certificates.first());
        let more: Vec<_> = more.cloned().collect();
        certificates.extend(more);
    }
    let default_action = match input.default_actions {
        Some(actions) => action::read(actions, protocol, &before.scope)?,
        None => before.default_action.clone(),
    };
    Ok(Listener {
        protocol,
        port: input.port.map_or(Ok(before.port), |port| number(port, "port"))?,
        ssl_policy: tls.policy,
        certificates,
        alpn_policy: tls.alpn,
        default_action,
        ..before.clone()
    })
}

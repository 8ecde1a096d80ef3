//! CreateLoadBalancer: application and network ones. Asking again for the same thing answers the same one.
//!
//! Deviation: the DNS name is `NAME-DIGITS.REGION.elb.localhost`, which resolves to the machine itself.

use std::net::Ipv4Addr;

use model::elbv2::{
    Attributes, Digits, LoadBalancer, LoadBalancerId, LoadBalancerKind, LoadBalancerState, Scheme,
};
use store::{Snapshot, Txn, key};
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::placement;
use crate::elbv2::rules::limit::MOST_LOAD_BALANCERS;
use crate::elbv2::rules::{name, tag};
use crate::elbv2::store::LoadBalancerRow;
use crate::elbv2::wire::load_balancer::{subnet_ids, write};
use crate::elbv2::wire::word;
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::CreateLoadBalancer {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let kind = if input.r#type.as_deref() == Some("network") { "net" } else { "app" };
        let balancer = ctx.arn("elasticloadbalancing", format!("loadbalancer/{kind}/{}/*", input.name));
        Access::new("elasticloadbalancing:CreateLoadBalancer", balancer)
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let store = &ctx.cloud.store;
        let snapshot = store.snapshot();
        let load_balancer = read(ctx, &snapshot, input)?;
        let name = load_balancer.id.name.clone();
        if let Some(known) = snapshot.get::<LoadBalancerRow>(&key![ctx.scope, name.as_str()]) {
            if same_settings(&known, &load_balancer) {
                return Ok(Self::Output { load_balancers: Some(vec![write(&known)]) });
            }
            let message =
                format!("A load balancer with the same name '{name}' exists, but with different settings");
            return Err(Error::client(Code::DuplicateLoadBalancerName, message).into());
        }
        if snapshot.count::<LoadBalancerRow>(&key![ctx.scope]) >= MOST_LOAD_BALANCERS {
            let message = format!("The maximum number of load balancers is '{MOST_LOAD_BALANCERS}'");
            return Err(Error::client(Code::TooManyLoadBalancers, message).into());
        }
        let id = load_balancer.id.clone();
        let claim = placement::claim_address(&snapshot, &ctx.scope, &id, &mut ctx.ids.clone())?;
        let mut ids = ctx.ids.clone();
        let txn = Txn::new().insert(&claim);
        let (txn, subnets) = placement::lease(&snapshot, txn, &load_balancer, ctx.now, &mut ids)?;
        let row = LoadBalancerRow(LoadBalancer { address: claim.address, subnets, ..load_balancer });
        store.commit(txn.insert(&row)).await.map_err(Error::from)?;
        Ok(Self::Output { load_balancers: Some(vec![write(&row)]) })
    }
}

fn read(
    ctx: &OpCtx,
    snapshot: &Snapshot,
    input: shapes::CreateLoadBalancerInput,
) -> Result<LoadBalancer, Error> {
    let mut ids = ctx.ids.clone();
    let kind = input
        .r#type
        .as_deref()
        .map_or(Ok(LoadBalancerKind::Application), |raw| word(raw, "load balancer type"))?;
    let scheme = input.scheme.as_deref().map_or(Ok(Scheme::InternetFacing), |raw| word(raw, "scheme"))?;
    if input.ip_address_type.as_deref().is_some_and(|kind| kind != "ipv4") {
        return Err(Error::unsupported("The IP address type of a load balancer must be 'ipv4'"));
    }
    let pools = input.customer_owned_ipv4_pool.is_some() || input.ipam_pools.is_some();
    if pools || input.enable_prefix_for_ipv6_source_nat.as_deref() == Some("on") {
        return Err(Error::unsupported("Address pools and IPv6 prefixes are not supported"));
    }
    let name = name::load_balancer(&input.name)?;
    let subnet_ids = subnet_ids(input.subnets, input.subnet_mappings)?;
    let place = placement::place(snapshot, &ctx.scope, kind, &subnet_ids)?;
    let named = input.security_groups.unwrap_or_default();
    let security_groups = placement::security_groups(snapshot, &ctx.scope, kind, &place.vpc_id, &named)?;
    let id = LoadBalancerId { kind, name, digits: Digits::draw(&mut ids) };
    Ok(LoadBalancer {
        scope: ctx.scope.clone(),
        dns_name: placement::dns_name(&ctx.scope, &id, scheme == Scheme::Internal, &mut ids),
        id,
        scheme,
        vpc_id: place.vpc_id,
        subnets: place.subnets,
        security_groups,
        // Claimed once it is sure that a load balancer is made.
        address: Ipv4Addr::UNSPECIFIED,
        state: LoadBalancerState::Provisioning,
        attributes: Attributes::default(),
        tags: tag::read(input.tags)?,
        created_at: ctx.now,
    })
}

fn same_settings(one: &LoadBalancer, other: &LoadBalancer) -> bool {
    let subnets = |it: &LoadBalancer| {
        let mut ids: Vec<_> = it.subnets.iter().map(|subnet| subnet.subnet_id.clone()).collect();
        ids.sort();
        ids
    };
    one.id.kind == other.id.kind
        && one.scheme == other.scheme
        && subnets(one) == subnets(other)
        && one.security_groups == other.security_groups
}

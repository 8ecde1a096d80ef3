//! Load balancers as answers show them, and what requests say of their subnets.

use model::elbv2::{LoadBalancer, LoadBalancerKind, LoadBalancerState};
use wire::elbv2 as shapes;

use crate::elbv2::error::Error;

/// The subnets that a request names, in either of its forms.
pub(in crate::elbv2) fn subnet_ids(
    subnets: Option<Vec<String>>,
    mappings: Option<Vec<shapes::SubnetMapping>>,
) -> Result<Vec<String>, Error> {
    match (subnets.unwrap_or_default(), mappings.unwrap_or_default()) {
        (subnets, mappings) if mappings.is_empty() => Ok(subnets),
        (subnets, _) if !subnets.is_empty() => {
            Err(Error::validation("You must specify either subnets or subnet mappings, but not both"))
        }
        (_, mappings) => mappings.into_iter().map(mapped).collect(),
    }
}

fn mapped(mapping: shapes::SubnetMapping) -> Result<String, Error> {
    let special = mapping.allocation_id.is_some()
        || mapping.private_i_pv4_address.is_some()
        || mapping.i_pv6_address.is_some()
        || mapping.source_nat_ipv6_prefix.is_some();
    if special {
        return Err(Error::unsupported("Subnet mappings can name a subnet only: addresses are chosen here"));
    }
    mapping.subnet_id.ok_or_else(|| Error::validation("A subnet ID must be specified in a subnet mapping"))
}

/// A load balancer.
pub(in crate::elbv2) fn write(it: &LoadBalancer) -> shapes::LoadBalancer {
    shapes::LoadBalancer {
        load_balancer_arn: Some(it.arn().to_string()),
        dns_name: Some(it.dns_name.clone()),
        created_time: Some(it.created_at.as_millis()),
        load_balancer_name: Some(it.id.name.to_string()),
        scheme: Some(it.scheme.to_string()),
        vpc_id: Some(it.vpc_id.clone()),
        state: Some(state(&it.state)),
        r#type: Some(it.id.kind.to_string()),
        availability_zones: Some(zones(it)),
        security_groups: security_groups(it),
        ip_address_type: Some("ipv4".into()),
        ..shapes::LoadBalancer::default()
    }
}

/// The zones with their subnets.
pub(in crate::elbv2) fn zones(it: &LoadBalancer) -> Vec<shapes::AvailabilityZone> {
    let zone = |subnet: &model::elbv2::LoadBalancerSubnet| shapes::AvailabilityZone {
        zone_name: Some(subnet.availability_zone.clone()),
        subnet_id: Some(subnet.subnet_id.clone()),
        load_balancer_addresses: Some(Vec::new()),
        ..shapes::AvailabilityZone::default()
    };
    it.subnets.iter().map(zone).collect()
}

/// A network load balancer without groups shows none.
fn security_groups(it: &LoadBalancer) -> Option<Vec<String>> {
    match it.id.kind {
        LoadBalancerKind::Network if it.security_groups.is_empty() => None,
        LoadBalancerKind::Network | LoadBalancerKind::Application => Some(it.security_groups.clone()),
    }
}

fn state(state: &LoadBalancerState) -> shapes::LoadBalancerState {
    let (code, reason) = match state {
        LoadBalancerState::Provisioning => ("provisioning", None),
        LoadBalancerState::Active => ("active", None),
        LoadBalancerState::Impaired(reason) => ("active_impaired", Some(reason.clone())),
    };
    shapes::LoadBalancerState { code: Some(code.into()), reason }
}

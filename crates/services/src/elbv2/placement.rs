//! Where a load balancer stands: its subnets, its security groups and its address on the machine.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use model::ec2::InterfaceKind;
use model::elbv2::{
    AddressClaim, LoadBalancer, LoadBalancerId, LoadBalancerKind, LoadBalancerSubnet, SubnetInterface,
};
use model::{IdSource, Scope, Timestamp};
use store::{Snapshot, Txn, key};

use super::error::{Code, Error, of_network};
use super::store::AddressClaimRow;
use crate::ec2;
use crate::ec2::interfaces::LeaseRequest;
use crate::ec2::store::{SecurityGroupRow, SubnetRow};

/// Random addresses that are tried.
const ATTEMPTS: usize = 64;

/// Subnets in their zones, and the VPC that they divide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vpc_id: String,
    pub(super) subnets: Vec<LoadBalancerSubnet>,
}

/// Checks the subnets of a load balancer, as ELB does.
pub(super) fn place(
    snapshot: &Snapshot,
    scope: &Scope,
    kind: LoadBalancerKind,
    subnet_ids: &[String],
) -> Result<Place, Error> {
    ec2::interfaces::check(snapshot, scope, subnet_ids, &[]).map_err(of_network)?;
    let rows = subnet_ids.iter().filter_map(|id| ec2::store::find::<SubnetRow>(snapshot, scope, id));
    let rows: Vec<_> = rows.collect();
    let mut subnets: Vec<LoadBalancerSubnet> = Vec::new();
    for row in &rows {
        if subnets.iter().any(|known| known.availability_zone == row.availability_zone) {
            return Err(Error::client(
                Code::InvalidConfigurationRequest,
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
            ));
        }
        subnets.push(LoadBalancerSubnet {
            subnet_id: row.id.clone(),
            availability_zone: row.availability_zone.clone(),
            interface: None,
        });
    }
    let vpc_id = rows.first().map(|row| row.vpc_id.clone());
    match (kind, vpc_id) {
        (LoadBalancerKind::Application, vpc_id) => {
            let vpc_id = vpc_id.filter(|_| subnets.len() >= 2).ok_or_else(|| {
                Error::validation(
                    "At least two subnets in two different Availability Zones must be specified",
                )
            })?;
            Ok(Place { vpc_id, subnets })
        }
        (LoadBalancerKind::Network, Some(vpc_id)) => Ok(Place { vpc_id, subnets }),
        (LoadBalancerKind::Network, None) => Err(Error::validation("At least one subnet must be specified")),
    }
}

/// The security groups of a load balancer: those named, or the VPC's default group for an application one.
pub(super) fn security_groups(
    snapshot: &Snapshot,
    scope: &Scope,
    kind: LoadBalancerKind,
    vpc_id: &str,
    named: &[String],
) -> Result<Vec<String>, Error> {
    let all = ec2::store::all::<SecurityGroupRow>(snapshot, scope);
    for id in named {
        if !all.iter().any(|group| group.id == *id && group.vpc_id == vpc_id) {
            let message = format!("The security group '{id}' does not exist in VPC '{vpc_id}'");
            return Err(Error::client(Code::InvalidSecurityGroup, message));
        }
    }
    match (named, kind) {
        ([], LoadBalancerKind::Application) => {
            let default = all.iter().filter(|group| group.vpc_id == vpc_id && group.name == "default");
            Ok(default.map(|group| group.id.clone()).collect())
        }
        (named, _) => Ok(named.to_vec()),
    }
}

/// Adds to `txn` an interface in each subnet of the load balancer that has none. Returns the subnets with them.
pub(super) fn lease(
    snapshot: &Snapshot,
    mut txn: Txn,
    it: &LoadBalancer,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Result<(Txn, Vec<LoadBalancerSubnet>), Error> {
    let (arn, description) = (it.arn().to_string(), format!("ELB {}", it.id.path()));
    let (mut taken, mut subnets) = (Vec::new(), Vec::new());
    for subnet in &it.subnets {
        let mut subnet = subnet.clone();
        if subnet.interface.is_none() {
            let request = LeaseRequest {
                crowd: &BTreeMap::new(),
                scope: &it.scope,
                subnets: std::slice::from_ref(&subnet.subnet_id),
                security_groups: &it.security_groups,
                task_arn: &arn,
                attachment_arn: &description,
                taken: &taken,
                now,
            };
            let kind = InterfaceKind::LoadBalancer;
            let leased =
                ec2::interfaces::lease_for(kind, snapshot, txn, &request, ids).map_err(of_network)?;
            let interface = leased.1.interface;
            txn = leased.0;
            subnet.interface = Some(SubnetInterface { id: interface.id.clone(), address: interface.address });
            taken.push(interface);
        }
        subnets.push(subnet);
    }
    Ok((txn, subnets))
}

/// Adds to `txn` the end of the interfaces in these subnets.
pub(super) fn release(
    snapshot: &Snapshot,
    txn: Txn,
    it: &LoadBalancer,
    subnets: &[LoadBalancerSubnet],
) -> Txn {
    let interfaces = subnets.iter().filter_map(|subnet| subnet.interface.as_ref());
    interfaces.fold(txn, |txn, interface| ec2::interfaces::release(snapshot, txn, &it.scope, &interface.id))
}

/// Claims an address of the machine's own for a load balancer: one of 127.128.0.0/9, so that the addresses that
/// people use stay free.
pub(super) fn claim_address(
    snapshot: &Snapshot,
    scope: &Scope,
    id: &LoadBalancerId,
    ids: &mut dyn IdSource,
) -> Result<AddressClaimRow, Error> {
    let free = (0..ATTEMPTS)
        .map(|_| draw(ids))
        .find(|address| snapshot.get::<AddressClaimRow>(&key![u32::from(*address)]).is_none());
    let address = free.ok_or_else(|| {
        Error::client(Code::TooManyLoadBalancers, "No address of the machine is left for a load balancer")
    })?;
    Ok(AddressClaimRow(AddressClaim { address, scope: scope.clone(), load_balancer: id.clone() }))
}

/// 127.128.0.1 to 127.255.255.254, never .0 or .255 at the end.
fn draw(ids: &mut dyn IdSource) -> Ipv4Addr {
    let mut bytes = [0; 3];
    ids.fill(&mut bytes);
    let [second, third, fourth] = bytes;
    Ipv4Addr::new(127, second | 128, third, fourth % 254 + 1)
}

/// The name that resolves to the machine: `NAME-DIGITS.REGION.elb.localhost`.
pub(super) fn dns_name(scope: &Scope, id: &LoadBalancerId, internal: bool, ids: &mut dyn IdSource) -> String {
    let prefix = if internal && id.kind == LoadBalancerKind::Application { "internal-" } else { "" };
    let tail = match id.kind {
        LoadBalancerKind::Application => ids.digits(10),
        LoadBalancerKind::Network => id.digits.to_string(),
    };
    format!("{prefix}{}-{tail}.{}.elb.localhost", id.name, scope.region).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::SeededIds;

    #[test]
    fn addresses_are_the_machines_own() {
        let mut ids = SeededIds::new(3);
        for _ in 0..1000 {
            let [first, second, _, fourth] = draw(&mut ids).octets();
            assert!(first == 127 && second >= 128 && (1..=254).contains(&fourth));
        }
    }
}

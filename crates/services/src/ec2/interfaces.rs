//! Interfaces of tasks and load balancers: leased when one is accepted, given back when it has ended.
//!
//! These are doors for the rooms to the right. They add to the caller's transaction, so that a
//! task and its address are written together or not at all.

use std::collections::{BTreeMap, BTreeSet};

use model::ec2::{AddressLease, InterfaceKind, InterfaceStatus, MacAddress, NetworkInterface, Subnet};
use model::{IdSource, Scope, Timestamp};
use store::{Snapshot, Txn, key};

use super::error::Error;
use super::store::{self as tables, InterfaceRow, LeaseRow, SecurityGroupRow, SubnetRow};

/// What a task asks for.
#[derive(Clone, Debug)]
pub struct LeaseRequest<'a> {
    /// Where the task lives.
    pub scope: &'a Scope,
    /// The subnets the user named; the emptiest is taken.
    pub subnets: &'a [String],
    /// The security groups the user named; none means the VPC's default group, or none for a load balancer.
    pub security_groups: &'a [String],
    /// The task or load balancer.
    pub task_arn: &'a str,
    /// The attachment's ARN, shown as the interface's description.
    pub attachment_arn: &'a str,
    /// How crowded the zones are with tasks of the same kind: the emptiest comes first.
    pub crowd: &'a BTreeMap<String, usize>,
    /// Addresses taken earlier in the same transaction.
    pub taken: &'a [NetworkInterface],
    /// The time of the request.
    pub now: Timestamp,
}

/// An interface and the subnet it stands in.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The interface.
    pub interface: NetworkInterface,
    /// Its subnet.
    pub subnet: Subnet,
}

/// Checks that subnets and groups exist and belong to one VPC.
///
/// # Errors
/// `InvalidSubnetID.NotFound`, `InvalidGroup.NotFound`, or an `InvalidParameterValue` for a mixture of VPCs.
pub fn check(snapshot: &Snapshot, scope: &Scope, subnets: &[String], groups: &[String]) -> Result<(), Error> {
    let mut vpcs = Vec::new();
    for id in subnets {
        let subnet = tables::find::<SubnetRow>(snapshot, scope, id)
            .ok_or_else(|| Error::SubnetNotFound(id.clone()))?;
        vpcs.push(subnet.vpc_id.clone());
    }
    for id in groups {
        let group = tables::find::<SecurityGroupRow>(snapshot, scope, id)
            .ok_or_else(|| Error::GroupNotFound(id.clone()))?;
        vpcs.push(group.vpc_id.clone());
    }
    vpcs.dedup();
    if vpcs.len() > 1 { Err(Error::MixedVpcs) } else { Ok(()) }
}

/// Adds a task's interface with an address of its own to `txn`.
///
/// # Errors
/// As [`check`], and `InsufficientFreeAddressesInSubnet` when no named subnet has a free address.
pub fn lease(
    snapshot: &Snapshot,
    txn: Txn,
    request: &LeaseRequest<'_>,
    ids: &mut dyn IdSource,
) -> Result<(Txn, Lease), Error> {
    lease_for(InterfaceKind::Task, snapshot, txn, request, ids)
}

/// Adds an interface of any kind: see [`lease`]. The node holds a load balancer's address itself, on the VPC's bridge.
///
/// # Errors
/// As [`lease`].
pub fn lease_for(
    kind: InterfaceKind,
    snapshot: &Snapshot,
    txn: Txn,
    request: &LeaseRequest<'_>,
    ids: &mut dyn IdSource,
) -> Result<(Txn, Lease), Error> {
    check(snapshot, request.scope, request.subnets, request.security_groups)?;
    let mut subnets: Vec<_> = request
        .subnets
        .iter()
        .filter_map(|id| tables::find::<SubnetRow>(snapshot, request.scope, id))
        .collect();
    subnets.sort_by_cached_key(|subnet| {
        let pending = request.taken.iter().filter(|taken| taken.subnet_id == subnet.id).count();
        let crowd = request.crowd.get(&subnet.availability_zone).copied().unwrap_or_default();
        (crowd, tables::leases(snapshot, subnet) + pending, subnet.id.clone())
    });
    let found = subnets.iter().find_map(|subnet| {
        free_address(snapshot, subnet, request.taken, ids).map(|address| (subnet, address))
    });
    let Some((subnet, address)) = found else {
        return Err(Error::NoFreeAddress(request.subnets.join(", ")));
    };
    let security_groups = match (request.security_groups, kind) {
        ([], InterfaceKind::Task) => default_group(snapshot, subnet),
        // A network load balancer without groups is open: see `guard.rs`.
        (named, InterfaceKind::Task | InterfaceKind::LoadBalancer) => named.to_vec(),
    };
    // Whoever deletes one of them meanwhile makes the commit fail.
    let txn = security_groups
        .iter()
        .fold(txn.expect(subnet), |txn, id| txn.expect_present::<SecurityGroupRow>(&key![request.scope, id]));
    let subnet = subnet.row.0.clone();
    let interface = NetworkInterface {
        scope: request.scope.clone(),
        id: format!("eni-{}", ids.hex(17)),
        subnet_id: subnet.id.clone(),
        vpc_id: subnet.vpc_id.clone(),
        availability_zone: subnet.availability_zone.clone(),
        address,
        mac: MacAddress::of(address),
        security_groups,
        description: request.attachment_arn.to_owned(),
        kind,
        task_arn: request.task_arn.to_owned(),
        status: InterfaceStatus::Pending,
        created_at: request.now,
    };
    let lease = AddressLease {
        address,
        scope: request.scope.clone(),
        subnet_id: subnet.id.clone(),
        interface_id: interface.id.clone(),
    };
    let txn = txn.insert(&InterfaceRow(interface.clone())).insert(&LeaseRow(lease));
    Ok((txn, Lease { interface, subnet }))
}

/// The zone of the subnet of a VPC that has this address.
pub fn zone_of(
    snapshot: &Snapshot,
    scope: &Scope,
    vpc_id: &str,
    address: std::net::Ipv4Addr,
) -> Option<String> {
    let subnets = tables::all::<SubnetRow>(snapshot, scope);
    let mut around = subnets.iter().filter(|subnet| subnet.vpc_id == vpc_id && subnet.cidr.contains(address));
    around.next().map(|subnet| subnet.availability_zone.clone())
}

/// The zones of these subnets.
pub fn zones(snapshot: &Snapshot, scope: &Scope, subnets: &[String]) -> BTreeSet<String> {
    let subnets = subnets.iter().filter_map(|id| tables::find::<SubnetRow>(snapshot, scope, id));
    subnets.map(|subnet| subnet.availability_zone.clone()).collect()
}

/// Marks an interface as wired into its task; an unknown or wired one is left alone.
pub fn attach(snapshot: &Snapshot, txn: Txn, scope: &Scope, interface_id: &str) -> Txn {
    match tables::find::<InterfaceRow>(snapshot, scope, interface_id) {
        Some(found) if found.status == InterfaceStatus::Pending => {
            let wired = NetworkInterface { status: InterfaceStatus::InUse, ..found.row.0.clone() };
            txn.update(&found, &InterfaceRow(wired))
        }
        Some(_) | None => txn,
    }
}

/// Gives an interface other security groups; an unknown one is left alone.
pub fn set_security_groups(
    snapshot: &Snapshot,
    txn: Txn,
    scope: &Scope,
    interface_id: &str,
    groups: &[String],
) -> Txn {
    let Some(found) = tables::find::<InterfaceRow>(snapshot, scope, interface_id) else { return txn };
    // Whoever deletes one of them meanwhile makes the commit fail.
    let present = |txn: Txn, id: &String| txn.expect_present::<SecurityGroupRow>(&key![scope, id]);
    let changed = NetworkInterface { security_groups: groups.to_vec(), ..found.row.0.clone() };
    groups.iter().fold(txn, present).update(&found, &InterfaceRow(changed))
}

/// Deletes an interface and gives its address back; an unknown one is left alone.
pub fn release(snapshot: &Snapshot, txn: Txn, scope: &Scope, interface_id: &str) -> Txn {
    let Some(found) = tables::find::<InterfaceRow>(snapshot, scope, interface_id) else { return txn };
    let lease = key![u32::from(found.address)];
    txn.remove(&found).delete::<LeaseRow>(&lease)
}

/// A free address, looked for from a random place on, so that a freed one is not taken again at once.
fn free_address(
    snapshot: &Snapshot,
    subnet: &Subnet,
    taken: &[NetworkInterface],
    ids: &mut dyn IdSource,
) -> Option<std::net::Ipv4Addr> {
    let usable = subnet.cidr.usable();
    if usable == 0 {
        return None;
    }
    let mut word = [0; 4];
    ids.fill(&mut word);
    let start = u32::from_be_bytes(word) % usable;
    let candidates = (0..usable).filter_map(|step| subnet.cidr.usable_address((start + step) % usable));
    candidates.into_iter().find(|address| {
        taken.iter().all(|interface| interface.address != *address)
            && snapshot.get::<LeaseRow>(&key![u32::from(*address)]).is_none()
    })
}

fn default_group(snapshot: &Snapshot, subnet: &Subnet) -> Vec<String> {
    tables::all::<SecurityGroupRow>(snapshot, &subnet.scope)
        .iter()
        .filter(|group| group.vpc_id == subnet.vpc_id && group.name == "default")
        .map(|group| group.id.clone())
        .collect()
}

/// The network around an interface: what a node must know to wire it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The VPC.
    pub vpc_id: String,
    /// The subnet's block.
    pub subnet: model::ec2::Cidr,
}

/// The network around the interface called `interface_id`.
pub fn surroundings(snapshot: &Snapshot, scope: &Scope, interface_id: &str) -> Option<Surroundings> {
    let interface = tables::find::<InterfaceRow>(snapshot, scope, interface_id)?;
    let subnet = tables::find::<SubnetRow>(snapshot, scope, &interface.subnet_id)?;
    Some(Surroundings { vpc_id: interface.vpc_id.clone(), subnet: subnet.cidr })
}

//! The tables of the ec2 room, and the queries over them. Only this room writes them.

use model::Scope;
use model::ec2::{AddressBlock, AddressLease, InterfaceKind, NetworkInterface, SecurityGroup, Subnet, Vpc};
use store::{Row, Schema, Snapshot, Versioned, key};

use super::default_vpc::DefaultVpc;
use crate::table::table;

/// Index of interfaces by VPC: finds the members of a group.
pub const BY_VPC: &str = "vpc";
/// Index of the interfaces of all scopes whose address a node holds itself.
pub const HELD: &str = "held";
/// Index of leases by subnet: counts a subnet's used addresses.
const LEASES_BY_SUBNET: &str = "subnet";

table! {
    /// VPCs by scope and id.
    pub VpcRow(Vpc) in "ec2/vpc" { key(vpc) => key![vpc.scope, vpc.id] }
    /// Subnets by scope and id.
    pub SubnetRow(Subnet) in "ec2/subnet" { key(subnet) => key![subnet.scope, subnet.id] }
    /// Security groups by scope and id.
    pub SecurityGroupRow(SecurityGroup) in "ec2/security-group" { key(group) => key![group.scope, group.id] }
    /// Interfaces by scope and id.
    pub InterfaceRow(NetworkInterface) in "ec2/network-interface" {
        key(it) => key![it.scope, it.id],
        BY_VPC => key![it.scope, it.vpc_id],
        HELD => (it.kind == InterfaceKind::LoadBalancer).then(|| key![it.id]),
    }
    /// Blocks of VPCs by the /16 they lie in, of all scopes.
    pub BlockRow(AddressBlock) in "ec2/address-block" { key(it) => key![it.block.to_string()] }
    /// Leases by address: no address can be leased twice.
    pub LeaseRow(AddressLease) in "ec2/address-lease" {
        key(lease) => key![u32::from(lease.address)],
        LEASES_BY_SUBNET => key![lease.scope, lease.subnet_id],
    }
    /// Each scope's default VPC.
    pub DefaultVpcRow(DefaultVpc) in "ec2/default-vpc" { key(default) => key![default.scope] }
}

/// Adds this room's tables.
pub fn tables(schema: Schema) -> Schema {
    schema
        .table::<VpcRow>()
        .table::<SubnetRow>()
        .table::<SecurityGroupRow>()
        .table::<InterfaceRow>()
        .table::<BlockRow>()
        .table::<LeaseRow>()
        .table::<DefaultVpcRow>()
}

/// All rows of a scope, in the order of their ids.
pub fn all<R: Row>(snapshot: &Snapshot, scope: &Scope) -> Vec<Versioned<R>> {
    snapshot.all::<R>(&key![scope]).collect()
}

/// One row of a scope.
pub fn find<R: Row>(snapshot: &Snapshot, scope: &Scope, id: &str) -> Option<Versioned<R>> {
    snapshot.get::<R>(&key![scope, id])
}

/// How many addresses of a subnet are leased.
pub fn leases(snapshot: &Snapshot, subnet: &Subnet) -> usize {
    snapshot.count_by::<LeaseRow>(LEASES_BY_SUBNET, &key![subnet.scope, subnet.id])
}

/// The scope's default VPC, if it is still there.
pub fn default_vpc(snapshot: &Snapshot, scope: &Scope) -> Option<Versioned<VpcRow>> {
    let default = snapshot.get::<DefaultVpcRow>(&key![scope])?;
    find::<VpcRow>(snapshot, scope, &default.vpc_id)
}

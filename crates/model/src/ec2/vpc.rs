//! The networks themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Cidr;
use crate::{Record, Scope};

/// A virtual private cloud: one address block in one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Where it lives.
    pub scope: Scope,
    /// `vpc-` and 17 hexadecimal digits.
    pub id: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// Whether it is the scope's default VPC.
    pub is_default: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A part of a VPC in one availability zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Where it lives.
    pub scope: Scope,
    /// `subnet-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC it divides.
    pub vpc_id: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// The zone, such as `us-east-2a`.
    pub availability_zone: String,
    /// Whether it is the zone's default subnet.
    pub default_for_az: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A named set of interfaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Where it lives.
    pub scope: Scope,
    /// `sg-` and 17 hexadecimal digits.
    pub id: String,
    /// The VPC it belongs to.
    pub vpc_id: String,
    /// Its name, unique in the VPC.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A claim on one block of the address pool, so that no two VPCs overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressBlock {
    /// The claimed block.
    pub cidr: Cidr,
    /// Whose VPC it is.
    pub scope: Scope,
    /// The VPC.
    pub vpc_id: String,
}

impl Record for Vpc {}
impl Record for Subnet {}
impl Record for SecurityGroup {}
impl Record for AddressBlock {}

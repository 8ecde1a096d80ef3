//! The networks themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Cidr, SecurityGroupRule};
use crate::record::RecordError;
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
    /// Whether its tasks are served names.
    #[serde(default = "yes")]
    pub dns_support: bool,
    /// Whether public addresses would have names.
    #[serde(default)]
    pub dns_hostnames: bool,
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
    /// Whether instances would be given a public address; there are none, and tasks say it for themselves.
    #[serde(default)]
    pub map_public_ip: bool,
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
    /// Its rules, ingress and egress.
    pub rules: Vec<SecurityGroupRule>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// The VPCs within one /16. Whoever makes or deletes a VPC changes this record, so that no two VPCs overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressBlock {
    /// The /16.
    pub block: Cidr,
    /// The VPCs in it.
    pub claims: Vec<AddressClaim>,
}

/// A VPC's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressClaim {
    /// The claimed addresses.
    pub cidr: Cidr,
    /// Whose VPC it is.
    pub scope: Scope,
    /// The VPC.
    pub vpc_id: String,
}

impl AddressBlock {
    /// The prefix length of a block: that of the largest VPC.
    pub const PREFIX: u8 = 16;
}

fn yes() -> bool {
    true
}

impl Record for Vpc {}
impl Record for Subnet {}

impl Record for SecurityGroup {
    const VERSION: u16 = 2;

    /// Groups of the first format had EC2's default rules, unwritten.
    fn upgrade(version: u16, mut old: Value) -> Result<Value, RecordError> {
        if version != 1 {
            return Err(RecordError::UnknownVersion { found: version, newest: Self::VERSION });
        }
        let id = old["id"].as_str().unwrap_or_default().to_owned();
        let digits = id.trim_start_matches("sg-").get(1..).unwrap_or_default().to_owned();
        let rule = |first: &str, direction: &str, peer: Value| {
            let permission = json!({ "direction": direction, "traffic": "All", "peer": peer });
            json!({ "id": format!("sgr-{first}{digits}"), "permission": permission, "description": null, "tags": {} })
        };
        old["rules"] = json!([
            rule("0", "Ingress", json!({ "Group": id })),
            rule("1", "Egress", json!({ "Block": "0.0.0.0/0" })),
        ]);
        Ok(old)
    }
}

impl Record for AddressBlock {
    const VERSION: u16 = 2;

    /// In the first format a block was one VPC's, under the same key.
    fn upgrade(version: u16, old: Value) -> Result<Value, RecordError> {
        if version != 1 {
            return Err(RecordError::UnknownVersion { found: version, newest: Self::VERSION });
        }
        Ok(json!({ "block": old["cidr"], "claims": [old] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::{Direction, Peer, Traffic};

    fn version_1(value: &Value) -> Vec<u8> {
        [&1u16.to_be_bytes()[..], value.to_string().as_bytes()].concat()
    }

    #[test]
    fn a_group_without_written_rules_has_the_default_ones() {
        let scope = json!({ "account": "123456789012", "region": "us-east-2" });
        let old = json!({ "scope": scope, "id": "sg-0123456789abcdef0", "vpc_id": "vpc-1", "name": "default",
            "description": "d", "tags": {} });
        let group = SecurityGroup::decode(&version_1(&old)).unwrap();
        assert_eq!(group.rules[0].permission.peer, Peer::Group("sg-0123456789abcdef0".into()));
        assert_eq!(group.rules[1].permission.direction, Direction::Egress);
        assert_eq!(group.rules[1].permission.traffic, Traffic::All);
        assert_eq!(group.rules[1].id, "sgr-1123456789abcdef0");
    }

    #[test]
    fn a_block_of_one_vpc_is_a_block_with_one_claim() {
        let scope = json!({ "account": "123456789012", "region": "us-east-2" });
        let old = json!({ "cidr": "10.64.0.0/16", "scope": scope, "vpc_id": "vpc-1" });
        let block = AddressBlock::decode(&version_1(&old)).unwrap();
        assert_eq!((block.claims.len(), block.claims[0].cidr), (1, block.block));
    }
}

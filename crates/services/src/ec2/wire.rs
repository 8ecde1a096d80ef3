//! Records of this room as EC2 shows them.

use std::collections::BTreeMap;

use model::ec2::{InterfaceStatus, NetworkInterface, SecurityGroup, Subnet, Vpc};
use model::{Arn, Scope};
use wire::ec2 as shapes;

/// Tags in the order of their keys.
pub fn tags(tags: &BTreeMap<String, String>) -> Vec<shapes::Tag> {
    let pair =
        |(key, value): (&String, &String)| shapes::Tag { key: Some(key.clone()), value: Some(value.clone()) };
    tags.iter().map(pair).collect()
}

/// A VPC.
pub fn vpc(vpc: &Vpc) -> shapes::Vpc {
    let cidr = vpc.cidr.to_string();
    shapes::Vpc {
        owner_id: Some(vpc.scope.account.to_string()),
        instance_tenancy: Some("default".into()),
        cidr_block_association_set: Some(vec![shapes::VpcCidrBlockAssociation {
            association_id: Some(vpc.id.replacen("vpc-", "vpc-cidr-assoc-", 1)),
            cidr_block: Some(cidr.clone()),
            cidr_block_state: Some(shapes::VpcCidrBlockState {
                state: Some("associated".into()),
                status_message: None,
            }),
        }]),
        is_default: Some(vpc.is_default),
        tags: Some(tags(&vpc.tags)),
        vpc_id: Some(vpc.id.clone()),
        state: Some("available".into()),
        cidr_block: Some(cidr),
        ..shapes::Vpc::default()
    }
}

/// A subnet with its number of free addresses.
pub fn subnet(subnet: &Subnet, leased: usize) -> shapes::Subnet {
    let free = usize::try_from(subnet.cidr.usable()).unwrap_or(usize::MAX).saturating_sub(leased);
    let arn = Arn::new("ec2", &subnet.scope, format!("subnet/{}", subnet.id));
    shapes::Subnet {
        availability_zone: Some(subnet.availability_zone.clone()),
        availability_zone_id: Some(zone_id(&subnet.scope, &subnet.availability_zone)),
        available_ip_address_count: Some(i32::try_from(free).unwrap_or(i32::MAX)),
        assign_ipv6_address_on_creation: Some(false),
        cidr_block: Some(subnet.cidr.to_string()),
        default_for_az: Some(subnet.default_for_az),
        enable_dns64: Some(false),
        ipv6_native: Some(false),
        // No address of a task is public: the network is this machine's own.
        map_public_ip_on_launch: Some(false),
        owner_id: Some(subnet.scope.account.to_string()),
        state: Some("available".into()),
        subnet_arn: Some(arn.to_string()),
        subnet_id: Some(subnet.id.clone()),
        tags: Some(tags(&subnet.tags)),
        vpc_id: Some(subnet.vpc_id.clone()),
        ..shapes::Subnet::default()
    }
}

/// A security group. Its rules are EC2's defaults: all out, and in from its own members.
pub fn security_group(group: &SecurityGroup) -> shapes::SecurityGroup {
    let account = group.scope.account.to_string();
    let arn = Arn::new("ec2", &group.scope, format!("security-group/{}", group.id));
    let all = || shapes::IpPermission { ip_protocol: Some("-1".into()), ..shapes::IpPermission::default() };
    let members = shapes::UserIdGroupPair {
        user_id: Some(account.clone()),
        group_id: Some(group.id.clone()),
        ..shapes::UserIdGroupPair::default()
    };
    let anywhere = shapes::IpRange { cidr_ip: Some("0.0.0.0/0".into()), description: None };
    shapes::SecurityGroup {
        group_id: Some(group.id.clone()),
        group_name: Some(group.name.clone()),
        description: Some(group.description.clone()),
        ip_permissions: Some(vec![shapes::IpPermission {
            user_id_group_pairs: Some(vec![members]),
            ..all()
        }]),
        ip_permissions_egress: Some(vec![shapes::IpPermission { ip_ranges: Some(vec![anywhere]), ..all() }]),
        owner_id: Some(account),
        security_group_arn: Some(arn.to_string()),
        tags: Some(tags(&group.tags)),
        vpc_id: Some(group.vpc_id.clone()),
    }
}

/// A task's interface; `group_name` names a security group.
pub fn network_interface(
    interface: &NetworkInterface,
    group_name: impl Fn(&str) -> Option<String>,
) -> shapes::NetworkInterface {
    let address = interface.address.to_string();
    let name = private_dns_name(interface);
    let groups = interface
        .security_groups
        .iter()
        .map(|id| shapes::GroupIdentifier { group_id: Some(id.clone()), group_name: group_name(id) });
    shapes::NetworkInterface {
        availability_zone: Some(interface.availability_zone.clone()),
        description: Some(interface.description.clone()),
        groups: Some(groups.collect()),
        interface_type: Some("interface".into()),
        mac_address: Some(interface.mac.to_string()),
        network_interface_id: Some(interface.id.clone()),
        owner_id: Some(interface.scope.account.to_string()),
        private_dns_name: Some(name.clone()),
        private_ip_address: Some(address.clone()),
        private_ip_addresses: Some(vec![shapes::NetworkInterfacePrivateIpAddress {
            primary: Some(true),
            private_dns_name: Some(name),
            private_ip_address: Some(address),
            association: None,
        }]),
        requester_managed: Some(true),
        source_dest_check: Some(true),
        status: Some(status(interface.status).into()),
        subnet_id: Some(interface.subnet_id.clone()),
        tag_set: Some(Vec::new()),
        vpc_id: Some(interface.vpc_id.clone()),
        ..shapes::NetworkInterface::default()
    }
}

/// `available`, or `in-use` once the task is wired.
pub fn status(status: InterfaceStatus) -> &'static str {
    match status {
        InterfaceStatus::Pending => "available",
        InterfaceStatus::InUse => "in-use",
    }
}

/// `ip-10-64-0-9.us-east-2.compute.internal`.
pub fn private_dns_name(interface: &NetworkInterface) -> String {
    let dashed = interface.address.to_string().replace('.', "-");
    format!("ip-{dashed}.{}.compute.internal", interface.scope.region)
}

/// The zone's id: `us-east-2a` is `use2-az1`.
pub fn zone_id(scope: &Scope, zone: &str) -> String {
    let region = scope.region.as_str();
    let short: String = match region.split('-').collect::<Vec<_>>()[..] {
        [area, direction, number] => {
            format!("{area}{}{number}", direction.chars().next().unwrap_or_default())
        }
        _ => region.replace('-', ""),
    };
    let letter = zone.strip_prefix(region).and_then(|tail| tail.bytes().next()).unwrap_or(b'a');
    format!("{short}-az{}", letter.saturating_sub(b'a') + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AccountId, Region};

    #[test]
    fn zone_ids_are_short() {
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        assert_eq!(zone_id(&scope, "us-east-2c"), "use2-az3");
    }
}

//! Records of this room as EC2 shows them.

use std::collections::BTreeMap;

use model::ec2::{
    Direction, InterfaceKind, InterfaceStatus, NetworkInterface, Peer, SecurityGroup, SecurityGroupRule,
    Subnet, Vpc,
};
use model::{Arn, Scope};
use wire::ec2 as shapes;

use super::permissions;

pub use super::names::private_dns_name;

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
        map_public_ip_on_launch: Some(subnet.map_public_ip),
        owner_id: Some(subnet.scope.account.to_string()),
        state: Some("available".into()),
        subnet_arn: Some(arn.to_string()),
        subnet_id: Some(subnet.id.clone()),
        tags: Some(tags(&subnet.tags)),
        vpc_id: Some(subnet.vpc_id.clone()),
        ..shapes::Subnet::default()
    }
}

/// A security group with its rules.
pub fn security_group(group: &SecurityGroup) -> shapes::SecurityGroup {
    shapes::SecurityGroup {
        group_id: Some(group.id.clone()),
        group_name: Some(group.name.clone()),
        description: Some(group.description.clone()),
        ip_permissions: Some(permissions::write(group, Direction::Ingress)),
        ip_permissions_egress: Some(permissions::write(group, Direction::Egress)),
        owner_id: Some(group.scope.account.to_string()),
        security_group_arn: Some(group_arn(group)),
        tags: Some(tags(&group.tags)),
        vpc_id: Some(group.vpc_id.clone()),
    }
}

/// A group's ARN.
pub fn group_arn(group: &SecurityGroup) -> String {
    Arn::new("ec2", &group.scope, format!("security-group/{}", group.id)).to_string()
}

/// One rule of a group.
pub fn security_group_rule(group: &SecurityGroup, rule: &SecurityGroupRule) -> shapes::SecurityGroupRule {
    let account = group.scope.account.to_string();
    let (protocol, from_port, to_port) = permissions::write_traffic(&rule.permission.traffic);
    let arn = Arn::new("ec2", &group.scope, format!("security-group-rule/{}", rule.id));
    let mut shape = shapes::SecurityGroupRule {
        security_group_rule_id: Some(rule.id.clone()),
        group_id: Some(group.id.clone()),
        group_owner_id: Some(account.clone()),
        is_egress: Some(rule.permission.direction == Direction::Egress),
        ip_protocol: Some(protocol),
        // EC2 shows -1 where a protocol has no ports.
        from_port: Some(from_port.unwrap_or(-1)),
        to_port: Some(to_port.unwrap_or(-1)),
        description: rule.description.clone(),
        tags: Some(tags(&rule.tags)),
        security_group_rule_arn: Some(arn.to_string()),
        ..shapes::SecurityGroupRule::default()
    };
    match &rule.permission.peer {
        Peer::Block(cidr) => shape.cidr_ipv4 = Some(cidr.to_string()),
        Peer::Block6(cidr) => shape.cidr_ipv6 = Some(cidr.clone()),
        Peer::Group(id) => {
            shape.referenced_group_info = Some(shapes::ReferencedSecurityGroup {
                group_id: Some(id.clone()),
                user_id: Some(account),
                ..shapes::ReferencedSecurityGroup::default()
            });
        }
    }
    shape
}

/// A rule that has been taken from its group.
pub fn revoked_rule(group: &SecurityGroup, rule: &SecurityGroupRule) -> shapes::RevokedSecurityGroupRule {
    let shape = security_group_rule(group, rule);
    shapes::RevokedSecurityGroupRule {
        security_group_rule_id: shape.security_group_rule_id,
        group_id: shape.group_id,
        is_egress: shape.is_egress,
        ip_protocol: shape.ip_protocol,
        from_port: shape.from_port,
        to_port: shape.to_port,
        cidr_ipv4: shape.cidr_ipv4,
        cidr_ipv6: shape.cidr_ipv6,
        prefix_list_id: None,
        referenced_group_id: shape.referenced_group_info.and_then(|info| info.group_id),
        description: shape.description,
    }
}

/// An interface; `group_name` names a security group.
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
        // EC2 says `interface` of an application load balancer's too.
        interface_type: Some(match interface.kind {
            InterfaceKind::LoadBalancer if is_network(interface) => "network_load_balancer".into(),
            InterfaceKind::Task | InterfaceKind::LoadBalancer => "interface".into(),
        }),
        attachment: attachment(interface),
        requester_id: match interface.kind {
            InterfaceKind::Task => None,
            InterfaceKind::LoadBalancer => Some("amazon-elb".into()),
        },
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
        status: Some(match interface.kind {
            InterfaceKind::Task => status(interface.status).into(),
            // A load balancer is there before its interface, which is attached from the start.
            InterfaceKind::LoadBalancer => status(InterfaceStatus::InUse).into(),
        }),
        subnet_id: Some(interface.subnet_id.clone()),
        tag_set: Some(Vec::new()),
        vpc_id: Some(interface.vpc_id.clone()),
        ..shapes::NetworkInterface::default()
    }
}

/// The attachment of a load balancer's interface, which belongs to ELB. A task's is ECS's to show.
fn attachment(interface: &NetworkInterface) -> Option<shapes::NetworkInterfaceAttachment> {
    match interface.kind {
        InterfaceKind::Task => None,
        InterfaceKind::LoadBalancer => Some(shapes::NetworkInterfaceAttachment {
            attach_time: Some(interface.created_at.as_millis()),
            attachment_id: Some(interface.id.replacen("eni-", "eni-attach-", 1)),
            delete_on_termination: Some(false),
            device_index: Some(1),
            instance_owner_id: Some(if is_network(interface) { "amazon-aws" } else { "amazon-elb" }.into()),
            status: Some("attached".into()),
            ..shapes::NetworkInterfaceAttachment::default()
        }),
    }
}

/// Whether an interface is a network load balancer's.
fn is_network(interface: &NetworkInterface) -> bool {
    interface.task_arn.contains(":loadbalancer/net/")
}

/// `available`, or `in-use` once the task is wired.
pub fn status(status: InterfaceStatus) -> &'static str {
    match status {
        InterfaceStatus::Pending => "available",
        InterfaceStatus::InUse => "in-use",
    }
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

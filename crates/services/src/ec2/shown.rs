//! What EC2 shows around a VPC and users cannot change here: its main route table, its default network ACL
//! and its way out. Each is a fact of the node's own network, and bears the digits of the VPC's id.

use model::ec2::Vpc;
use wire::ec2 as shapes;

/// The id of something that a VPC has one of: `rtb`, `acl`, `igw`.
pub fn id_of(kind: &str, vpc: &Vpc) -> String {
    vpc.id.replacen("vpc", kind, 1)
}

/// The VPC's one route table: its own addresses are local, all others lie behind the node.
pub fn route_table(vpc: &Vpc) -> shapes::RouteTable {
    let id = id_of("rtb", vpc);
    let route = |destination: String, gateway: String, origin: &str| shapes::Route {
        destination_cidr_block: Some(destination),
        gateway_id: Some(gateway),
        origin: Some(origin.into()),
        state: Some("active".into()),
        ..shapes::Route::default()
    };
    shapes::RouteTable {
        associations: Some(vec![shapes::RouteTableAssociation {
            main: Some(true),
            route_table_association_id: Some(id_of("rtbassoc", vpc)),
            route_table_id: Some(id.clone()),
            association_state: Some(shapes::RouteTableAssociationState {
                state: Some("associated".into()),
                status_message: None,
            }),
            ..shapes::RouteTableAssociation::default()
        }]),
        propagating_vgws: Some(Vec::new()),
        route_table_id: Some(id),
        routes: Some(vec![
            route(vpc.cidr.to_string(), "local".into(), "CreateRouteTable"),
            route("0.0.0.0/0".into(), id_of("igw", vpc), "CreateRoute"),
        ]),
        tags: Some(Vec::new()),
        vpc_id: Some(vpc.id.clone()),
        owner_id: Some(vpc.scope.account.to_string()),
    }
}

/// The VPC's one network ACL, which lets everything pass.
pub fn network_acl(vpc: &Vpc, subnets: &[String]) -> shapes::NetworkAcl {
    let id = id_of("acl", vpc);
    let entry = |egress: bool, number: i32, action: &str| shapes::NetworkAclEntry {
        cidr_block: Some("0.0.0.0/0".into()),
        egress: Some(egress),
        protocol: Some("-1".into()),
        rule_action: Some(action.into()),
        rule_number: Some(number),
        ..shapes::NetworkAclEntry::default()
    };
    let association = |subnet: &String| shapes::NetworkAclAssociation {
        network_acl_association_id: Some(subnet.replacen("subnet", "aclassoc", 1)),
        network_acl_id: Some(id.clone()),
        subnet_id: Some(subnet.clone()),
    };
    let both = [true, false].into_iter();
    shapes::NetworkAcl {
        associations: Some(subnets.iter().map(association).collect()),
        entries: Some(
            both.flat_map(|egress| [entry(egress, 100, "allow"), entry(egress, 32767, "deny")]).collect(),
        ),
        is_default: Some(true),
        network_acl_id: Some(id.clone()),
        tags: Some(Vec::new()),
        vpc_id: Some(vpc.id.clone()),
        owner_id: Some(vpc.scope.account.to_string()),
    }
}

/// The VPC's way out: the node translates addresses.
pub fn internet_gateway(vpc: &Vpc) -> shapes::InternetGateway {
    shapes::InternetGateway {
        attachments: Some(vec![shapes::InternetGatewayAttachment {
            state: Some("attached".into()),
            vpc_id: Some(vpc.id.clone()),
        }]),
        internet_gateway_id: Some(id_of("igw", vpc)),
        owner_id: Some(vpc.scope.account.to_string()),
        tags: Some(Vec::new()),
    }
}

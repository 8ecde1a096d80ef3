//! The names of a VPC's addresses, as its tasks may ask for them.
//!
//! A name says its address, so that no record is needed: any address of the VPC has one, as on EC2.

use std::net::Ipv4Addr;

use model::ec2::{Cidr, NetworkInterface};
use model::{Region, Scope};
use store::Snapshot;

use super::store::{self as tables, InterfaceRow, VpcRow};

/// The network in which a task asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The VPC.
    pub vpc_id: String,
    /// Its addresses.
    pub cidr: Cidr,
    /// Whether it is served names.
    pub dns_support: bool,
}

/// The network of an interface.
pub fn network_of(snapshot: &Snapshot, scope: &Scope, interface_id: &str) -> Option<Network> {
    let interface = tables::find::<InterfaceRow>(snapshot, scope, interface_id)?;
    let vpc = tables::find::<VpcRow>(snapshot, scope, &interface.vpc_id)?;
    Some(Network { vpc_id: vpc.id.clone(), cidr: vpc.cidr, dns_support: vpc.dns_support })
}

/// Whether a VPC of this id is in the scope.
pub fn is_vpc(snapshot: &Snapshot, scope: &Scope, id: &str) -> bool {
    tables::find::<VpcRow>(snapshot, scope, id).is_some()
}

/// The domain of a region's private names.
pub fn domain(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    }
}

/// `ip-10-64-0-9.us-east-2.compute.internal`.
pub fn private_dns_name(interface: &NetworkInterface) -> String {
    let dashed = interface.address.to_string().replace('.', "-");
    format!("ip-{dashed}.{}", domain(&interface.scope.region))
}

/// Whether a name is one of a region's private ones, and the address that it says.
pub fn private_address(name: &str, region: &Region) -> Option<Option<Ipv4Addr>> {
    let host = name.strip_suffix(&domain(region))?.strip_suffix('.')?;
    let dashed = host.strip_prefix("ip-").filter(|rest| !rest.contains('.'));
    Some(dashed.and_then(|rest| rest.replace('-', ".").parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_name_says_its_address() {
        let region = Region::new("us-east-2").unwrap();
        let check = |name: &str| private_address(name, &region);
        assert_eq!(check("ip-10-64-0-9.us-east-2.compute.internal"), Some(Some(Ipv4Addr::new(10, 64, 0, 9))));
        assert_eq!(check("ip-10-64-0.us-east-2.compute.internal"), Some(None));
        assert_eq!(check("web.us-east-2.compute.internal"), Some(None));
        assert_eq!(check("ip-10-64-0-9.eu-west-1.compute.internal"), None);
        assert_eq!(check("example.org"), None);
    }
}

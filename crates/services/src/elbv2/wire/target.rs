//! Targets in requests.

use std::net::{IpAddr, Ipv4Addr};

use model::ec2::Vpc;
use model::elbv2::{TargetGroup, TargetKey, TargetType};
use wire::elbv2 as shapes;

use super::number;
use crate::elbv2::error::{Code, Error};
use crate::elbv2::targets::NewTarget;

/// Which target a request means.
pub(in crate::elbv2) fn key(
    target: &shapes::TargetDescription,
    group: &TargetGroup,
) -> Result<TargetKey, Error> {
    let port = target.port.map_or(Ok(group.port), |port| number(port, "port"))?;
    Ok(TargetKey { id: target.id.clone(), port })
}

/// A target to register, with the checks that ELB makes.
///
/// Deviation: addresses of 127.0.0.0/8 may be registered. They are the machine's own, on which the load balancer
/// runs; ELB's machines are nobody's.
pub(in crate::elbv2) fn read(
    target: &shapes::TargetDescription,
    group: &TargetGroup,
    vpc: Option<&Vpc>,
) -> Result<NewTarget, Error> {
    if target.quic_server_id.is_some() {
        return Err(Error::validation("A QUIC server ID cannot be specified for this target group"));
    }
    let key = key(target, group)?;
    let id = &key.id;
    let wrong = |text: String| Err(Error::client(Code::InvalidTarget, text));
    match group.target_type {
        // The ecs room registers its container instances by itself; there are no other instances.
        TargetType::Instance => wrong(format!("The following targets are not in a running state: '{id}'")),
        TargetType::Ip => {
            let Ok(address) = id.parse::<IpAddr>() else {
                return Err(Error::validation(format!("The IP address '{id}' is not a valid IPv4 address")));
            };
            let IpAddr::V4(v4) = address else {
                return Err(Error::validation(format!("The IP address '{id}' is not a valid IPv4 address")));
            };
            let inside = vpc.is_some_and(|vpc| vpc.cidr.contains(v4));
            if !inside && !is_private(v4) {
                return wrong(format!(
                    "The IP address '{id}' is not within the VPC '{}' or a private range",
                    group.vpc_id
                ));
            }
            if !inside && !v4.is_loopback() && target.availability_zone.as_deref() != Some("all") {
                return Err(Error::validation(format!(
                    "The availability zone 'all' must be specified for the IP address '{id}', which is outside the VPC"
                )));
            }
            Ok(NewTarget { key, address, availability_zone: target.availability_zone.clone() })
        }
    }
}

/// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 and the machine itself.
fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || address.is_loopback() || (first == 100 && (64..128).contains(&second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ranges_are_elbs_and_our_own() {
        for (address, expected) in [
            ("10.1.2.3", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("127.0.0.7", true),
            ("8.8.8.8", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }
}

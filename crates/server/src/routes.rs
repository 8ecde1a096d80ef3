//! The networks that the machine is in, read from the kernel's routes, so that no VPC hides one of them.

use std::net::Ipv4Addr;
use std::path::Path;

use agent::AgentConfig;
use model::ec2::Cidr;
use services::MachineNetworks;

/// Reads the machine's networks whenever asked; the bridges of the instance with this data directory do not count.
pub fn machine_networks(data_dir: &Path) -> MachineNetworks {
    let tag = AgentConfig::new(crate::node::agent_dir(data_dir), "", "").instance_tag();
    let own = format!("ls{tag}");
    MachineNetworks::new(move || {
        let text = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        text.lines().skip(1).filter_map(|line| connected(line, &own)).collect()
    })
}

/// The network of a route that leads straight into it. What lies behind a gateway is not the machine's own.
fn connected(line: &str, own: &str) -> Option<Cidr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, destination, gateway, _flags, _references, _use, _metric, mask, ..] = fields[..] else {
        return None;
    };
    // The kernel writes addresses as numbers of its own byte order.
    let address = |text: &str| u32::from_str_radix(text, 16).ok().map(|n| Ipv4Addr::from(n.to_ne_bytes()));
    let (destination, gateway, mask) = (address(destination)?, address(gateway)?, address(mask)?);
    let prefix = u8::try_from(u32::from(mask).count_ones()).ok()?;
    if name.starts_with(own) || !gateway.is_unspecified() || prefix == 0 {
        return None;
    }
    Cidr::around(destination, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_of_others_with_no_gateway_count() {
        let line = |name: &str, gateway: &str| {
            format!("{name}\t0001A8C0\t{gateway}\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0")
        };
        let lan = "192.168.1.0/24".parse().ok();
        assert_eq!(connected(&line("eth0", "00000000"), "ls0a1b2"), lan);
        assert_eq!(connected(&line("ls0a1b2b0000000", "00000000"), "ls0a1b2"), None);
        assert_eq!(connected(&line("eth0", "0101A8C0"), "ls0a1b2"), None);
        assert_eq!(connected("eth0\t00000000\t00000000\t0003\t0\t0\t0\t00000000\t0\t0\t0", "ls0a1b2"), None);
    }
}

//! PROXY protocol, version 2: who the client is, in front of a TCP connection's first byte.

use std::net::{IpAddr, SocketAddr};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, a connection made on behalf of a client.
const PROXY: u8 = 0x21;

/// The header of a connection that is nobody's but the load balancer's own: version 2, local, no addresses.
pub const LOCAL: [u8; 16] = *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The header for a connection from `client` to `local`.
pub fn header(client: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let mut addresses = Vec::with_capacity(36);
    let family: u8 = match (client.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            addresses.extend([from.octets(), to.octets()].concat());
            0x11
        }
        (from, to) => {
            addresses.extend([mapped(from), mapped(to)].concat());
            0x21
        }
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend(local.port().to_be_bytes());
    let length = u16::try_from(addresses.len()).expect("two addresses and two ports");
    let mut header = SIGNATURE.to_vec();
    header.extend([PROXY, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_header_names_nobody() {
        assert_eq!(LOCAL[..12], SIGNATURE);
        assert_eq!(LOCAL[12..], [0x20, 0, 0, 0]);
    }

    #[test]
    fn a_header_names_both_ends() {
        let header = header("10.0.0.1:1000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        assert_eq!(header[..12], SIGNATURE);
        assert_eq!(header[12..16], [0x21, 0x11, 0, 12]);
        assert_eq!(header[16..], [10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 80]);
    }
}

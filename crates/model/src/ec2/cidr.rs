//! IPv4 address blocks.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An IPv4 block such as `10.64.0.0/16`; the host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    base: Ipv4Addr,
    prefix: u8,
}

/// A string is no IPv4 block.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not an IPv4 block in CIDR notation: {0:?}")]
pub struct CidrError(pub String);

/// AWS keeps the first four addresses of a subnet and its last one.
const RESERVED_FIRST: u32 = 4;

impl Cidr {
    /// Builds a block; fails when the prefix is over 32 or host bits are set.
    pub fn new(base: Ipv4Addr, prefix: u8) -> Result<Self, CidrError> {
        let host_bits = if prefix > 32 { u32::MAX } else { u32::MAX.checked_shr(prefix.into()).unwrap_or(0) };
        if prefix > 32 || u32::from(base) & host_bits != 0 {
            return Err(CidrError(format!("{base}/{prefix}")));
        }
        Ok(Cidr { base, prefix })
    }

    /// The block of this length in which `address` lies; `None` when `prefix` is over 32.
    pub fn around(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        let mask = u32::MAX.checked_shl(32u32.checked_sub(u32::from(prefix))?).unwrap_or(0);
        Some(Cidr { base: Ipv4Addr::from(u32::from(address) & mask), prefix })
    }

    /// Reads a block whose host bits may be set, as EC2 does for what users write.
    pub fn canonical(raw: &str) -> Result<Self, CidrError> {
        let wrong = || CidrError(raw.to_owned());
        let (address, prefix) = raw.split_once('/').ok_or_else(wrong)?;
        let (address, prefix) = (address.parse().map_err(|_| wrong())?, prefix.parse().map_err(|_| wrong())?);
        Cidr::around(address, prefix).ok_or_else(wrong)
    }

    /// Whether all of `other` lies in this block.
    pub fn covers(self, other: Cidr) -> bool {
        self.prefix <= other.prefix && self.contains(other.base)
    }

    /// The first address.
    pub fn base(self) -> Ipv4Addr {
        self.base
    }

    /// The prefix length, 0 to 32.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The number of addresses.
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix))
    }

    /// The `index`-th address, if it lies in the block.
    pub fn address(self, index: u32) -> Option<Ipv4Addr> {
        (u64::from(index) < self.size()).then(|| Ipv4Addr::from(u32::from(self.base) + index))
    }

    /// The `index`-th block of length `prefix` inside this one.
    pub fn subdivide(self, prefix: u8, index: u32) -> Option<Cidr> {
        let count = 1u64.checked_shl(u32::from(prefix.checked_sub(self.prefix)?))?;
        if prefix > 32 || u64::from(index) >= count {
            return None;
        }
        let base = u64::from(u32::from(self.base)) + (u64::from(index) << (32 - u32::from(prefix)));
        Some(Cidr { base: Ipv4Addr::from(u32::try_from(base).ok()?), prefix })
    }

    /// Whether `address` lies in the block.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u64::from(u32::from(address)).wrapping_sub(u64::from(u32::from(self.base))) < self.size()
    }

    /// Whether the two blocks share an address.
    pub fn overlaps(self, other: Cidr) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }

    /// The router's address: the first after the base.
    pub fn gateway(self) -> Option<Ipv4Addr> {
        self.address(1)
    }

    /// How many addresses AWS leaves for interfaces in a subnet of this block.
    pub fn usable(self) -> u32 {
        u32::try_from(self.size().saturating_sub(u64::from(RESERVED_FIRST) + 1)).unwrap_or(u32::MAX)
    }

    /// The `index`-th address for an interface: the base, router, DNS, one spare and the last are left out.
    pub fn usable_address(self, index: u32) -> Option<Ipv4Addr> {
        (index < self.usable()).then(|| self.address(index + RESERVED_FIRST)).flatten()
    }
}

impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(raw: &str) -> Result<Self, CidrError> {
        let wrong = || CidrError(raw.to_owned());
        let (base, prefix) = raw.split_once('/').ok_or_else(wrong)?;
        let base = base.parse().map_err(|_| wrong())?;
        let prefix = prefix.parse().map_err(|_| wrong())?;
        Cidr::new(base, prefix).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Cidr {
    type Error = CidrError;
    fn try_from(raw: String) -> Result<Self, CidrError> {
        raw.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> String {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(raw: &str) -> Cidr {
        raw.parse().unwrap()
    }

    #[test]
    fn host_bits_and_long_prefixes_are_refused() {
        for bad in ["10.0.0.1/16", "10.0.0.0/33", "10.0.0.0", "x/8", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Cidr>(), Err(CidrError(bad.into())));
        }
        assert_eq!(cidr("0.0.0.0/0").size(), 1 << 32);
        assert_eq!(cidr("10.0.0.7/32").size(), 1);
    }

    #[test]
    fn a_pool_divides_into_vpcs_and_subnets() {
        let pool = cidr("10.64.0.0/10");
        assert_eq!(pool.subdivide(16, 0), Some(cidr("10.64.0.0/16")));
        assert_eq!(pool.subdivide(16, 63), Some(cidr("10.127.0.0/16")));
        assert_eq!(pool.subdivide(16, 64), None);
        assert_eq!(cidr("10.64.0.0/16").subdivide(20, 2), Some(cidr("10.64.32.0/20")));
    }

    #[test]
    fn five_addresses_of_a_subnet_are_kept_as_on_aws() {
        let subnet = cidr("10.64.0.0/28");
        assert_eq!(subnet.usable(), 11);
        assert_eq!(subnet.usable_address(0), Some(Ipv4Addr::new(10, 64, 0, 4)));
        assert_eq!(subnet.usable_address(10), Some(Ipv4Addr::new(10, 64, 0, 14)));
        assert_eq!(subnet.usable_address(11), None);
        assert_eq!(subnet.gateway(), Some(Ipv4Addr::new(10, 64, 0, 1)));
    }

    #[test]
    fn blocks_of_users_are_made_canonical() {
        assert_eq!(Cidr::canonical("10.1.2.3/16"), Ok(cidr("10.1.0.0/16")));
        assert_eq!(Cidr::canonical("10.1.2.3/0"), Ok(cidr("0.0.0.0/0")));
        assert!(Cidr::canonical("10.1.2.3/33").is_err() && Cidr::canonical("10.1.2.3").is_err());
        assert!(
            cidr("10.1.0.0/16").covers(cidr("10.1.4.0/24"))
                && !cidr("10.1.4.0/24").covers(cidr("10.1.0.0/16"))
        );
    }

    #[test]
    fn overlap_is_mutual() {
        let (a, b, c) = (cidr("10.64.0.0/16"), cidr("10.64.16.0/20"), cidr("10.65.0.0/16"));
        assert!(a.overlaps(b) && b.overlaps(a) && !a.overlaps(c));
        assert!(a.contains(Ipv4Addr::new(10, 64, 255, 255)) && !a.contains(Ipv4Addr::new(10, 63, 0, 0)));
    }
}

//! Networks: VPCs, subnets, security groups and the interfaces of tasks.
//!
//! A VPC owns an address block that no other VPC of this Longshore overlaps, so that
//! the machine's own routes reach every task. Addresses are leased by record: one
//! [`AddressLease`] per address is what makes a double binding unwritable.

mod cidr;
mod interface;
mod rule;
mod vpc;

pub use cidr::{Cidr, CidrError};
pub use interface::{AddressLease, InterfaceKind, InterfaceStatus, MacAddress, NetworkInterface};
pub use rule::{Direction, Peer, Permission, PortRange, PortRangeError, SecurityGroupRule, Traffic};
pub use vpc::{AddressBlock, AddressClaim, SecurityGroup, Subnet, Vpc};

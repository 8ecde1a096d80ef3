//! Which addresses belong to which VPC: no two VPCs of one Longshore overlap, whoever owns them.
//!
//! On AWS two VPCs may have the same addresses. Here the node's own routes lead to each VPC, so that
//! a second use of an address has to be refused. The record of a /16 is changed by everyone who
//! makes or deletes a VPC in it, so that two who come at once cannot both succeed.

use model::ec2::{AddressBlock, AddressClaim, Cidr, Vpc};
use store::{Snapshot, Txn, Versioned, key};

use super::error::Error;
use super::store::{BlockRow, VpcRow};

/// A block of the pool that no VPC overlaps, `prefix` long or as long as the pool.
pub fn free(snapshot: &Snapshot, pool: Cidr, prefix: u8) -> Option<Cidr> {
    let blocks = (0..).map_while(|index| pool.subdivide(prefix.max(pool.prefix()), index));
    blocks.into_iter().find(|block| conflict(snapshot, *block).is_none())
}

/// The VPC that shares addresses with `cidr`, which is no larger than a /16.
pub fn conflict(snapshot: &Snapshot, cidr: Cidr) -> Option<AddressClaim> {
    let row = snapshot.get::<BlockRow>(&key_of(cidr))?;
    row.claims.iter().find(|claim| claim.cidr.overlaps(cidr)).cloned()
}

/// Claims the addresses of a new VPC.
///
/// # Errors
/// `CidrConflict` when another VPC has some of them.
pub fn claim(snapshot: &Snapshot, txn: Txn, vpc: &Vpc) -> Result<Txn, Error> {
    if let Some(other) = conflict(snapshot, vpc.cidr) {
        let other = format!("{} of {} ({})", other.vpc_id, other.scope.account, other.scope.region);
        return Err(Error::VpcConflict { cidr: vpc.cidr.to_string(), other });
    }
    let claim = AddressClaim { cidr: vpc.cidr, scope: vpc.scope.clone(), vpc_id: vpc.id.clone() };
    Ok(match snapshot.get::<BlockRow>(&key_of(vpc.cidr)) {
        Some(row) => {
            let mut block = row.row.0.clone();
            block.claims.push(claim);
            txn.update(&row, &BlockRow(block))
        }
        None => txn.insert(&BlockRow(AddressBlock { block: around(vpc.cidr), claims: vec![claim] })),
    })
}

/// Gives the addresses of a deleted VPC back.
pub fn release(snapshot: &Snapshot, txn: Txn, vpc: &Versioned<VpcRow>) -> Txn {
    let Some(row) = snapshot.get::<BlockRow>(&key_of(vpc.cidr)) else { return txn };
    let mut block = row.row.0.clone();
    block.claims.retain(|claim| claim.vpc_id != vpc.id);
    if block.claims.is_empty() { txn.remove(&row) } else { txn.update(&row, &BlockRow(block)) }
}

fn key_of(cidr: Cidr) -> store::Key {
    key![around(cidr).to_string()]
}

fn around(cidr: Cidr) -> Cidr {
    Cidr::around(cidr.base(), AddressBlock::PREFIX).expect("16 is a prefix length")
}

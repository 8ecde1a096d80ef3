//! The default VPC: every scope has one from its first use on, as every AWS account and region has.
//!
//! Its /16 comes from the machine's address pool and belongs to it alone, so that the
//! machine's own routes reach each task (on AWS every default VPC is 172.31.0.0/16).

use std::collections::BTreeMap;

use model::ec2::{Cidr, Subnet, Vpc};
use model::{IdSource, Scope};
use store::{Snapshot, Store, Txn, key};

use super::error::Error;
use super::store::{DefaultVpcRow, SecurityGroupRow, SubnetRow, VpcRow};
use super::{blocks, groups};

/// Prefix length of a default VPC.
const VPC_PREFIX: u8 = 16;
/// Prefix length of a default subnet: AWS's own.
const SUBNET_PREFIX: u8 = 20;
/// Availability zones of a region, by the letter behind the region's name.
pub const ZONES: [char; 3] = ['a', 'b', 'c'];
/// Attempts against others who claim a block at the same moment.
const ATTEMPTS: usize = 8;

/// Makes the scope's default VPC, unless it is there.
///
/// # Errors
/// `VpcLimitExceeded` when the address pool has no free block; `InternalError` when the store fails.
pub async fn ensure(store: &Store, scope: &Scope, pool: Cidr, ids: &mut dyn IdSource) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let snapshot = store.snapshot();
        if snapshot.get::<DefaultVpcRow>(&key![scope]).is_some() {
            return Ok(());
        }
        match store.commit(plan(&snapshot, scope, pool, ids)?).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(Error::Store(error)),
        }
    }
    Err(Error::Contention)
}

/// The writes that make a default VPC.
fn plan(snapshot: &Snapshot, scope: &Scope, pool: Cidr, ids: &mut dyn IdSource) -> Result<Txn, Error> {
    let cidr = blocks::free(snapshot, pool, VPC_PREFIX).ok_or(Error::AddressPoolExhausted)?;
    let vpc = Vpc {
        scope: scope.clone(),
        id: format!("vpc-{}", ids.hex(17)),
        cidr,
        is_default: true,
        dns_support: true,
        dns_hostnames: true,
        tags: BTreeMap::new(),
    };
    let txn = blocks::claim(snapshot, Txn::new(), &vpc)?;
    let mut txn =
        txn.insert(&VpcRow(vpc.clone())).insert(&SecurityGroupRow(groups::default_group(&vpc, ids)));
    for (zone, index) in ZONES.iter().zip(0..) {
        let cidr = cidr.subdivide(SUBNET_PREFIX, index).expect("a /16 holds sixteen /20s");
        txn = txn.insert(&SubnetRow(Subnet {
            scope: scope.clone(),
            id: format!("subnet-{}", ids.hex(17)),
            vpc_id: vpc.id.clone(),
            cidr,
            availability_zone: format!("{}{zone}", scope.region),
            default_for_az: true,
            map_public_ip: false,
            tags: BTreeMap::new(),
        }));
    }
    // The default VPC of a scope is unique because whoever comes second finds this marker.
    Ok(txn.insert(&DefaultVpcRow(DefaultVpc { scope: scope.clone(), vpc_id: vpc.id })))
}

/// Says which VPC is a scope's default one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DefaultVpc {
    /// The scope.
    pub scope: Scope,
    /// Its VPC.
    pub vpc_id: String,
}

impl model::Record for DefaultVpc {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::store as tables;
    use model::id::SeededIds;
    use model::{AccountId, Region};

    fn scope(region: &str) -> Scope {
        Scope::new(AccountId::new("123456789012").unwrap(), Region::new(region).unwrap())
    }

    #[tokio::test]
    async fn every_scope_has_its_own_addresses() {
        let store = Store::memory(tables::tables(store::Schema::new())).await.unwrap();
        let pool: Cidr = "10.64.0.0/15".parse().unwrap();
        let mut ids = SeededIds::new(7);
        for region in ["us-east-1", "us-east-2", "us-east-1"] {
            ensure(&store, &scope(region), pool, &mut ids).await.unwrap();
        }
        let snapshot = store.snapshot();
        let cidrs: Vec<_> = ["us-east-1", "us-east-2"]
            .iter()
            .flat_map(|region| tables::all::<VpcRow>(&snapshot, &scope(region)))
            .map(|vpc| vpc.cidr.to_string())
            .collect();
        assert_eq!(cidrs, ["10.64.0.0/16", "10.65.0.0/16"]);
        let subnets = tables::all::<SubnetRow>(&snapshot, &scope("us-east-2"));
        assert_eq!(subnets.len(), 3);
        assert!(subnets.iter().all(|s| s.cidr.prefix() == 20));

        let full = ensure(&store, &scope("eu-west-1"), pool, &mut ids).await;
        assert!(matches!(full, Err(Error::AddressPoolExhausted)));
    }
}

//! Managed policies: the account's own, and those that AWS provides for everybody.
//!
//! The texts of AWS's are in `managed_policies.json`, as AWS publishes them; they are what people attach by name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use model::{AccountId, Arn, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use store::{Snapshot, Txn, Versioned, key};

use super::store::PolicyRow;

/// A policy that AWS provides.
#[derive(Debug)]
pub(super) struct AwsPolicy {
    /// Its name.
    pub(super) name: String,
    /// Its path.
    pub(super) path: String,
    /// Its ARN.
    pub(super) arn: String,
    /// An id of our own: AWS's are not published.
    pub(super) id: String,
    /// The version that is in force, such as `v3`.
    pub(super) version: String,
    /// When it was first published.
    pub(super) created_at: Timestamp,
    /// When this version was.
    pub(super) updated_at: Timestamp,
    /// The document.
    pub(super) document: String,
}

/// Every policy that AWS provides here, by ARN.
pub(super) static AWS: LazyLock<BTreeMap<String, AwsPolicy>> = LazyLock::new(|| {
    let all: BTreeMap<String, Published> =
        serde_json::from_str(include_str!("managed_policies.json")).expect("the file holds policies");
    all.into_iter().map(|(name, published)| published.named(name)).map(|it| (it.arn.clone(), it)).collect()
});

/// A policy as the file has it.
#[derive(Deserialize)]
struct Published {
    path: String,
    version: String,
    created: String,
    updated: String,
    document: Box<RawValue>,
}

impl Published {
    fn named(self, name: String) -> AwsPolicy {
        let arn = format!("arn:aws:iam::aws:policy{}{name}", self.path);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let digest = Sha256::digest(&arn);
        let tail = digest.iter().take(17).map(|byte| char::from(letters[usize::from(byte & 31)]));
        AwsPolicy {
            id: format!("ANPA{}", tail.collect::<String>()),
            name,
            path: self.path,
            arn,
            version: self.version,
            created_at: moment(&self.created),
            updated_at: moment(&self.updated),
            document: self.document.get().to_owned(),
        }
    }
}

/// Whole seconds since the epoch, as the file writes them.
fn moment(seconds: &str) -> Timestamp {
    Timestamp::from_millis(seconds.parse::<i64>().unwrap_or(0) * 1000)
}

/// A managed policy of either kind.
#[derive(Clone, Debug)]
pub(super) enum Managed {
    /// The account's.
    Own(Versioned<PolicyRow>),
    /// AWS's.
    Aws(&'static AwsPolicy),
}

impl Managed {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Managed::Own(row) => row.row.identity.name.as_str(),
            Managed::Aws(policy) => &policy.name,
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &str {
        match self {
            Managed::Own(row) => row.row.identity.path.as_str(),
            Managed::Aws(policy) => &policy.path,
        }
    }

    /// Adds to `txn` what makes a deletion of the policy at the same moment meet a conflict.
    pub(super) fn held(&self, txn: Txn) -> Txn {
        match self {
            Managed::Own(row) => txn.update(row, &row.row),
            Managed::Aws(_) => txn,
        }
    }
}

/// The managed policy with this ARN, if the account can use it.
pub(super) fn find(snapshot: &Snapshot, account: &AccountId, arn: &str) -> Option<Managed> {
    if let Some(policy) = AWS.get(arn) {
        return Some(Managed::Aws(policy));
    }
    own(snapshot, account, arn).map(Managed::Own)
}

/// The account's own policy with this ARN.
pub(super) fn own(snapshot: &Snapshot, account: &AccountId, arn: &str) -> Option<Versioned<PolicyRow>> {
    let parsed: Arn = arn.parse().ok()?;
    let name = parsed.resource.rsplit('/').next()?.to_ascii_lowercase();
    let found: Versioned<PolicyRow> = snapshot.get(&key![account, name])?;
    (found.row.arn() == parsed).then_some(found)
}

/// `v3` as a number.
pub(super) fn version_number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use auth::policy::{Document, Kind};

    use super::*;

    #[test]
    fn every_policy_of_aws_can_be_read() {
        for (arn, policy) in AWS.iter() {
            Document::parse_as(Kind::Identity, &policy.document)
                .unwrap_or_else(|error| panic!("{arn}: {error}"));
            assert!(policy.created_at > Timestamp::EPOCH, "{arn}");
        }
        for known in [
            "arn:aws:iam::aws:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
            "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly",
        ] {
            assert!(AWS.contains_key(known), "{known}");
        }
    }
}

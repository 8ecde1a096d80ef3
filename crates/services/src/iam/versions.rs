//! What the operations on managed policies share.

use auth::policy::Kind;
use model::AccountId;
use store::{Snapshot, Versioned};

use super::error::Error;
use super::managed::{self, Managed};
use super::policies;
use super::store::PolicyRow;

/// How many versions a policy may have.
pub(super) const MOST: usize = 5;
/// How many characters a policy may have; white space does not count.
const LONGEST: usize = 6144;

/// Checks the text of a version.
pub(super) fn check(document: &str) -> Result<(), Error> {
    policies::check(Kind::Identity, document)?;
    if policies::size(document) > LONGEST {
        return Err(Error::LimitExceeded { quota: "PolicySize", limit: LONGEST });
    }
    Ok(())
}

/// The policy with this ARN.
pub(super) fn find(snapshot: &Snapshot, account: &AccountId, arn: &str) -> Result<Managed, Error> {
    managed::find(snapshot, account, arn).ok_or_else(|| no_policy(arn))
}

/// The account's own policy with this ARN.
pub(super) fn own(
    snapshot: &Snapshot,
    account: &AccountId,
    arn: &str,
) -> Result<Versioned<PolicyRow>, Error> {
    if managed::AWS.contains_key(arn) {
        return Err(Error::InvalidInput("Cannot perform the operation on an AWS managed policy.".to_owned()));
    }
    managed::own(snapshot, account, arn).ok_or_else(|| no_policy(arn))
}

/// Says that a policy has no such version.
pub(super) fn missing(arn: &str, version: &str) -> Error {
    Error::NoSuchEntity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

fn no_policy(arn: &str) -> Error {
    Error::NoSuchEntity(format!("Policy {arn} was not found."))
}

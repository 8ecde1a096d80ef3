//! Who is calling, once the signature has been verified.

use std::fmt;

use model::{AccountId, Arn};
use serde::{Deserialize, Serialize};

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The account that the caller belongs to.
    pub account: AccountId,
    /// The caller's ARN, as GetCallerIdentity shows it.
    pub arn: Arn,
    /// The caller's unique id, as GetCallerIdentity shows it.
    pub user_id: String,
    /// What the caller is.
    pub kind: PrincipalKind,
    /// The access key that signed the request.
    pub access_key_id: String,
}

/// What a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// The account itself: may do everything.
    Root,
    /// A user.
    User,
    /// A session of a role.
    AssumedRole,
}

impl Principal {
    /// The account's root.
    pub fn root(account: AccountId, access_key_id: impl Into<String>) -> Self {
        let arn = Arn {
            service: "iam".into(),
            region: String::new(),
            account: account.to_string(),
            resource: "root".into(),
        };
        let user_id = account.to_string();
        Principal { account, arn, user_id, kind: PrincipalKind::Root, access_key_id: access_key_id.into() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn.fmt(f)
    }
}

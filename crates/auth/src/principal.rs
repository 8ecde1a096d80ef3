//! Who is calling, once the signature has been verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use model::{AccountId, Arn, Timestamp};
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
    /// The session, when temporary credentials signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionFacts>,
}

/// What a session adds to the identity that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The role that was assumed; none when a user or the root asked for a session of its own.
    #[serde(default)]
    pub role: Option<Arn>,
    /// Documents that bound what the session may do.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Managed policies that do the same.
    #[serde(default)]
    pub policy_arns: Vec<String>,
    /// The session's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Those of them that go on to the next role.
    #[serde(default)]
    pub transitive_tags: BTreeSet<String>,
    /// Who stands behind it, as the first of a chain said.
    #[serde(default)]
    pub source_identity: Option<String>,
    /// When it began.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
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

impl SessionFacts {
    /// A session that begins now and adds nothing.
    pub fn new(now: Timestamp, duration: Duration) -> Self {
        SessionFacts {
            role: None,
            policies: Vec::new(),
            policy_arns: Vec::new(),
            tags: BTreeMap::new(),
            transitive_tags: BTreeSet::new(),
            source_identity: None,
            issued_at: now,
            expires_at: now + duration,
        }
    }
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
        Principal {
            account,
            arn,
            user_id,
            kind: PrincipalKind::Root,
            access_key_id: access_key_id.into(),
            session: None,
        }
    }

    /// The id of the user or the role behind the caller: what stands before the session's name.
    pub fn entity_id(&self) -> &str {
        self.user_id.split_once(':').map_or(&self.user_id, |(id, _)| id)
    }

    /// The role of a role's session.
    pub fn role(&self) -> Option<&Arn> {
        self.session.as_ref()?.role.as_ref()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn.fmt(f)
    }
}

//! IAM: which key belongs to whom, and the server certificates of load balancers.
//!
//! The front door and the sts room ask here for identities. The root key is the only long-term key; it lives in a
//! file (or comes from the environment), not in a table. Sessions need no table either: their tokens carry them.

pub mod certificates;
mod error;
mod ops;
pub(crate) mod store;
mod wire;

#[cfg(test)]
mod tests;

use ::wire::iam as shapes;
use ::wire::{OperationModel, Violation};
use auth::key::account_of;
use auth::sealer::Sealer;
use auth::session::{Session, Sessions};
use auth::{AccessKey, MasterKey, Principal, Rejection, Secret};
use model::{AccountId, IdSource, Timestamp};

use crate::error::ServiceError;
use crate::room::{Room, lower_camel, op, validation_text};

/// The room.
pub static ROOM: Room = Room {
    service: shapes::SERVICE,
    operations: &[
        op::<shapes::DeleteServerCertificate>(),
        op::<shapes::GetServerCertificate>(),
        op::<shapes::ListServerCertificates>(),
        op::<shapes::UploadServerCertificate>(),
    ],
    violation,
    unsupported,
};

/// IAM writes paths in lower camel case, whatever its parameters are called.
fn violation(_: &OperationModel, violations: &[Violation]) -> Option<ServiceError> {
    let lowered: Vec<_> =
        violations.iter().map(|it| Violation { path: lower_camel(&it.path), ..it.clone() }).collect();
    Some(ServiceError::client("ValidationError", validation_text(&lowered)))
}

/// IAM's answer to an action that it cannot find.
fn unsupported(operation: &str) -> ServiceError {
    ServiceError::client(
        "InvalidAction",
        format!("Longshore does not serve {operation} of version {}.", shapes::SERVICE.api_version),
    )
}

/// The keys of an installation.
#[derive(Debug)]
pub struct Identities {
    account: AccountId,
    root: AccessKey,
    sessions: Sessions,
    private_keys: Sealer,
}

/// A key that has been found: what verifies a signature, and whom it then speaks for.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The secret that the request must have been signed with.
    pub secret: Secret,
    /// The caller, if it was.
    pub principal: Principal,
}

impl Identities {
    /// The identities of an installation with this root key.
    pub fn new(account: AccountId, root: AccessKey, master: &MasterKey) -> Self {
        Identities {
            account,
            root,
            sessions: Sessions::new(master),
            private_keys: Sealer::new(master, "server-certificates"),
        }
    }

    /// The root key, for the profile that the server writes.
    pub fn root_key(&self) -> &AccessKey {
        &self.root
    }

    /// What seals the private keys of server certificates.
    pub(crate) fn private_keys(&self) -> &Sealer {
        &self.private_keys
    }

    /// Finds the identity of a key, with the session token that came along.
    ///
    /// # Errors
    /// [`Rejection::UnknownKey`] or [`Rejection::SessionExpired`].
    pub fn find(&self, key_id: &str, token: Option<&str>, now: Timestamp) -> Result<Identity, Rejection> {
        match token {
            None if key_id == self.root.id => {
                let principal = Principal::root(self.account.clone(), key_id);
                Ok(Identity { secret: self.root.secret.clone(), principal })
            }
            None => Err(Rejection::UnknownKey),
            Some(token) => {
                let session = self.sessions.open(token, now)?;
                if session.key.id != key_id {
                    return Err(Rejection::UnknownKey);
                }
                Ok(Identity { secret: session.key.secret, principal: session.principal })
            }
        }
    }

    /// Opens a session of `principal` until `expires_at`: its key, and its token.
    pub fn open_session(
        &self,
        principal: &Principal,
        expires_at: Timestamp,
        ids: &mut dyn IdSource,
    ) -> (AccessKey, String) {
        let key = AccessKey::for_session(&principal.account, ids);
        let principal = Principal { access_key_id: key.id.clone(), ..principal.clone() };
        let token = self.sessions.seal(&Session { key: key.clone(), principal, expires_at }, ids);
        (key, token)
    }

    /// The account of an access key, ours or AWS's.
    pub fn account_of(&self, key_id: &str) -> Option<AccountId> {
        if key_id == self.root.id { Some(self.account.clone()) } else { account_of(key_id) }
    }
}

#[cfg(test)]
mod identity_tests {
    use std::time::Duration;

    use model::id::SeededIds;

    use super::*;

    #[test]
    fn a_session_speaks_for_who_opened_it() {
        let account = AccountId::new("123456789012").unwrap();
        let mut ids = SeededIds::new(1);
        let root = AccessKey::long_term(&account, &mut ids);
        let identities = Identities::new(account, root.clone(), &MasterKey::new([7; 32]));
        let now = Timestamp::EPOCH;
        let caller = identities.find(&root.id, None, now).unwrap().principal;
        let (key, token) = identities.open_session(&caller, now + Duration::from_secs(900), &mut ids);
        let found = identities.find(&key.id, Some(&token), now).unwrap();
        assert_eq!(found.principal.arn, caller.arn);
        assert_eq!((found.principal.access_key_id, found.secret), (key.id.clone(), key.secret));
        for (id, token) in [(&key.id, None), (&root.id, Some(token.as_str())), (&key.id, Some("x"))] {
            assert_eq!(identities.find(id, token, now).unwrap_err(), Rejection::UnknownKey);
        }
        let later = now + Duration::from_secs(900);
        assert_eq!(identities.find(&key.id, Some(&token), later).unwrap_err(), Rejection::SessionExpired);
    }
}

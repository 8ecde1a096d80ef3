//! Who has which key: root's, users', and those of sessions.
//!
//! The root key lives in a file (or comes from the environment), not in a table. Users' keys are rows whose secrets are
//! sealed. Sessions need no table: their tokens carry them, and end early when their user or role is deleted.

use auth::key::account_of;
use auth::principal::PrincipalKind;
use auth::sealer::Sealer;
use auth::session::{Session, Sessions};
use auth::{AccessKey, MasterKey, Principal, Rejection, Secret, SessionFacts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::iam::KeyStatus;
use model::{AccountId, IdSource, Timestamp};
use sha2::{Digest, Sha256};
use store::Snapshot;

use super::compiled::Compiled;
use super::store::{access_key, role_by_id, user_by_id};

/// The keys of an installation.
#[derive(Debug)]
pub struct Identities {
    account: AccountId,
    root: AccessKey,
    sessions: Sessions,
    private_keys: Sealer,
    secrets: Sealer,
    task_key: [u8; 32],
    compiled: Compiled,
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
            secrets: Sealer::new(master, "access-keys"),
            task_key: master.derive("task-credentials"),
            compiled: Compiled::default(),
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

    /// Policies that have been read already.
    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// The id under which a task's endpoint gives out its credentials. Only we can tell it from the task's ARN.
    pub(crate) fn credentials_id(&self, task_arn: &str) -> String {
        let digest = Sha256::new_with_prefix(self.task_key).chain_update(task_arn).finalize();
        let text = hex::encode(&digest[..16]);
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }

    /// A new key of a user, with its secret sealed for the table.
    pub(super) fn make_key(&self, account: &AccountId, ids: &mut dyn IdSource) -> (AccessKey, String) {
        let key = AccessKey::long_term(account, ids);
        let sealed = BASE64.encode(self.secrets.seal(key.secret.expose().as_bytes(), &key.id, ids));
        (key, sealed)
    }

    /// Finds the identity of a key, with the session token that came along.
    ///
    /// # Errors
    /// [`Rejection::UnknownKey`] or [`Rejection::SessionExpired`].
    pub fn find(
        &self,
        snapshot: &Snapshot,
        key_id: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Identity, Rejection> {
        match token {
            None if key_id == self.root.id => {
                let principal = Principal::root(self.account.clone(), key_id);
                Ok(Identity { secret: self.root.secret.clone(), principal })
            }
            None => self.of_user(snapshot, key_id).ok_or(Rejection::UnknownKey),
            Some(token) => {
                let session = self.sessions.open(token, now)?;
                if session.key.id != key_id || !still_there(snapshot, &session.principal) {
                    return Err(Rejection::UnknownKey);
                }
                Ok(Identity { secret: session.key.secret, principal: session.principal })
            }
        }
    }

    fn of_user(&self, snapshot: &Snapshot, key_id: &str) -> Option<Identity> {
        let key = access_key(snapshot, key_id).filter(|key| key.status == KeyStatus::Active)?;
        let user = user_by_id(snapshot, &key.user)?;
        let sealed = BASE64.decode(&key.sealed_secret).ok()?;
        let secret = String::from_utf8(self.secrets.open(&sealed, &key.id)?).ok()?;
        let principal = Principal {
            account: user.identity.account.clone(),
            arn: user.arn(),
            user_id: user.identity.id.clone(),
            kind: PrincipalKind::User,
            access_key_id: key.id.clone(),
            session: None,
        };
        Some(Identity { secret: Secret::new(secret), principal })
    }

    /// Opens a session of `principal`: its key, and its token.
    pub fn open_session(
        &self,
        principal: &Principal,
        facts: SessionFacts,
        ids: &mut dyn IdSource,
    ) -> (AccessKey, String) {
        let key = AccessKey::for_session(&principal.account, ids);
        let expires_at = facts.expires_at;
        let principal =
            Principal { access_key_id: key.id.clone(), session: Some(facts), ..principal.clone() };
        let token = self.sessions.seal(&Session { key: key.clone(), principal, expires_at }, ids);
        (key, token)
    }

    /// The account of an access key, ours or AWS's.
    pub fn account_of(&self, key_id: &str) -> Option<AccountId> {
        if key_id == self.root.id { Some(self.account.clone()) } else { account_of(key_id) }
    }
}

/// Whether the user or the role behind a session still exists.
pub(crate) fn still_there(snapshot: &Snapshot, principal: &Principal) -> bool {
    match principal.kind {
        PrincipalKind::Root => true,
        PrincipalKind::User => user_by_id(snapshot, principal.entity_id()).is_some(),
        PrincipalKind::AssumedRole => role_by_id(snapshot, principal.entity_id()).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::id::SeededIds;
    use store::{Schema, Store};

    use super::*;

    #[tokio::test]
    async fn a_session_speaks_for_who_opened_it() {
        let account = AccountId::new("123456789012").unwrap();
        let mut ids = SeededIds::new(1);
        let root = AccessKey::long_term(&account, &mut ids);
        let identities = Identities::new(account, root.clone(), &MasterKey::new([7; 32]));
        let snapshot = Store::memory(crate::tables(Schema::new())).await.unwrap().snapshot();
        let now = Timestamp::EPOCH;
        let caller = identities.find(&snapshot, &root.id, None, now).unwrap().principal;
        let facts = SessionFacts::new(now, Duration::from_secs(900));
        let (key, token) = identities.open_session(&caller, facts, &mut ids);
        let found = identities.find(&snapshot, &key.id, Some(&token), now).unwrap();
        assert_eq!(found.principal.arn, caller.arn);
        assert_eq!((found.principal.access_key_id, found.secret), (key.id.clone(), key.secret));
        for (id, token) in [(&key.id, None), (&root.id, Some(token.as_str())), (&key.id, Some("x"))] {
            assert_eq!(identities.find(&snapshot, id, token, now).unwrap_err(), Rejection::UnknownKey);
        }
        let later = now + Duration::from_secs(900);
        let late = identities.find(&snapshot, &key.id, Some(&token), later).unwrap_err();
        assert_eq!(late, Rejection::SessionExpired);
    }
}

//! Session tokens: temporary credentials that need no table.
//!
//! A token carries its key, its principal and its end, sealed under a key that only the server
//! holds: whoever has the token cannot read the secret in it, and any server can check it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use model::{IdSource, Timestamp};
use serde::{Deserialize, Serialize};

use crate::key::{AccessKey, MasterKey};
use crate::principal::Principal;
use crate::rejection::Rejection;

/// The first byte of a token: its format.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;
/// The longest token that is looked at.
const MAX_LEN: usize = 32_768;

/// A session: a key that stands for a principal until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session's key.
    pub key: AccessKey,
    /// Whom it stands for.
    pub principal: Principal,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Makes and opens session tokens.
#[derive(Clone)]
pub struct Sessions(XChaCha20Poly1305);

impl Sessions {
    /// Takes the sealing key from the installation's master key.
    pub fn new(master: &MasterKey) -> Self {
        Sessions(XChaCha20Poly1305::new(&master.derive("sessions").into()))
    }

    /// Seals `session` into a token.
    pub fn seal(&self, session: &Session, ids: &mut dyn IdSource) -> String {
        let mut nonce = [0; NONCE_LEN];
        ids.fill(&mut nonce);
        let body = serde_json::to_vec(session).expect("a session holds only what JSON can express");
        let payload = Payload { msg: &body, aad: &[VERSION] };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a session fits in memory");
        BASE64.encode([&[VERSION], &nonce[..], &sealed].concat())
    }

    /// Opens a token.
    ///
    /// # Errors
    /// [`Rejection::UnknownKey`] if it is not ours, [`Rejection::SessionExpired`] if it has ended.
    pub fn open(&self, token: &str, now: Timestamp) -> Result<Session, Rejection> {
        let session = self.unseal(token).ok_or(Rejection::UnknownKey)?;
        if session.expires_at <= now { Err(Rejection::SessionExpired) } else { Ok(session) }
    }

    fn unseal(&self, token: &str) -> Option<Session> {
        let bytes = (token.len() <= MAX_LEN).then(|| BASE64.decode(token).ok()).flatten()?;
        let (&version, rest) = bytes.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: &[version] };
        let body = self.0.decrypt(&XNonce::from(nonce), payload).ok()?;
        if version != VERSION {
            return None;
        }
        serde_json::from_slice(&body).ok()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::AccountId;
    use model::id::SeededIds;

    use super::*;

    fn session() -> Session {
        let account = AccountId::new("123456789012").unwrap();
        let key = AccessKey::for_session(&account, &mut SeededIds::new(1));
        let principal = Principal::root(account, key.id.clone());
        Session { key, principal, expires_at: Timestamp::from_millis(5_000) }
    }

    #[test]
    fn a_token_opens_until_it_ends() {
        let sessions = Sessions::new(&MasterKey::new([7; 32]));
        let token = sessions.seal(&session(), &mut SeededIds::new(2));
        assert_eq!(sessions.open(&token, Timestamp::from_millis(4_999)), Ok(session()));
        assert_eq!(sessions.open(&token, Timestamp::from_millis(5_000)), Err(Rejection::SessionExpired));
        assert!(Timestamp::EPOCH + Duration::from_secs(5) == session().expires_at);
    }

    #[test]
    fn what_is_not_ours_is_unknown() {
        let sessions = Sessions::new(&MasterKey::new([7; 32]));
        let token = sessions.seal(&session(), &mut SeededIds::new(2));
        let other = Sessions::new(&MasterKey::new([8; 32]));
        assert_eq!(other.open(&token, Timestamp::EPOCH), Err(Rejection::UnknownKey));
        for at in (0..token.len() - 2).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(sessions.open(&changed, Timestamp::EPOCH), Err(Rejection::UnknownKey), "{at}");
        }
        for junk in ["", "AQ==", "é", &"A".repeat(40_000)] {
            assert_eq!(sessions.open(junk, Timestamp::EPOCH), Err(Rejection::UnknownKey));
        }
    }
}

//! Authorization tokens: what `docker login` sends as the password of user `AWS`.
//!
//! A token says who got it, for which account and region and until when, and is sealed with
//! an HMAC under a key that only the server holds. Nothing is stored: any server that has the
//! key verifies it. Downloads by `GetDownloadUrlForLayer` carry a seal of the same kind.

use auth::Principal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use model::{Arn, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;

/// How long a token is good, as ECR has it: twelve hours.
pub const LIFETIME: std::time::Duration = std::time::Duration::from_secs(12 * 60 * 60);

/// The longest token that is looked at.
const MAX_LEN: usize = 32_768;

/// The key that seals tokens: 32 random bytes, the same on every server.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// Who calls the registry, as their token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The account and region whose repositories are seen.
    #[serde(flatten)]
    pub scope: Scope,
    /// The principal that asked for the token.
    pub principal: Arn,
    /// The same with all that its policies are asked by; none where only the ARN counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Principal>,
}

#[derive(Serialize, Deserialize)]
struct Claims<T> {
    purpose: String,
    expires_at: Timestamp,
    #[serde(flatten)]
    what: T,
}

/// Why a token opens nothing.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not a token, or not sealed by us.
    #[error("the token is not valid")]
    Invalid,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
}

impl SealKey {
    /// Takes the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        SealKey(bytes)
    }

    /// Seals a token for `caller` that is good until `expires_at`.
    pub fn mint(&self, caller: &Caller, expires_at: Timestamp) -> String {
        self.seal("login", caller, expires_at)
    }

    /// Opens a token.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        self.open("login", token, now)
    }

    /// Seals `what` for one purpose; a seal for one is worthless for another.
    pub(crate) fn seal<T: Serialize>(&self, purpose: &str, what: &T, expires_at: Timestamp) -> String {
        let claims = Claims { purpose: purpose.to_owned(), expires_at, what };
        let body = serde_json::to_vec(&claims).expect("claims hold only what JSON can express");
        let mut mac = self.mac();
        mac.update(&body);
        let seal = mac.finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(seal))
    }

    /// Opens a seal for that purpose, in constant time where it matters.
    pub(crate) fn open<T>(&self, purpose: &str, sealed: &str, now: Timestamp) -> Result<T, TokenError>
    where
        T: for<'de> Deserialize<'de>,
    {
        if sealed.len() > MAX_LEN {
            return Err(TokenError::Invalid);
        }
        let (body, seal) = sealed.split_once('.').ok_or(TokenError::Invalid)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Invalid)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).map_err(|_| TokenError::Invalid)?;
        let mut mac = self.mac();
        mac.update(&body);
        mac.verify_slice(&seal).map_err(|_| TokenError::Invalid)?;
        let claims: Claims<T> = serde_json::from_slice(&body).map_err(|_| TokenError::Invalid)?;
        if claims.purpose != purpose {
            return Err(TokenError::Invalid);
        }
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims.what)
    }

    fn mac(&self) -> Hmac<Sha256> {
        <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes a key of any length")
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};

    use super::*;

    fn caller() -> Caller {
        let scope = Scope::new(AccountId::new("123456789012").unwrap(), Region::new("us-east-2").unwrap());
        Caller { scope, principal: "arn:aws:iam::123456789012:root".parse().unwrap(), identity: None }
    }

    #[test]
    fn a_token_opens_until_it_expires() {
        let key = SealKey::new([7; 32]);
        let now = Timestamp::from_millis(1_000_000);
        let token = key.mint(&caller(), now + LIFETIME);
        assert_eq!(key.verify(&token, now), Ok(caller()));
        assert_eq!(key.verify(&token, now + LIFETIME), Err(TokenError::Expired));
    }

    #[test]
    fn a_changed_token_opens_nothing() {
        let key = SealKey::new([7; 32]);
        let now = Timestamp::from_millis(1_000_000);
        let token = key.mint(&caller(), now + LIFETIME);
        assert_eq!(SealKey::new([8; 32]).verify(&token, now), Err(TokenError::Invalid));
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(key.verify(&changed, now).is_err(), "{at}");
        }
        for junk in ["", ".", "a.b", "é", &"a".repeat(40_000)] {
            assert_eq!(key.verify(junk, now), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_seal_serves_its_purpose_only() {
        let key = SealKey::new([7; 32]);
        let now = Timestamp::from_millis(1_000_000);
        let sealed = key.seal("download", &caller(), now + LIFETIME);
        assert_eq!(key.verify(&sealed, now), Err(TokenError::Invalid));
    }
}

//! Access keys and the master key. Secrets never appear in `Debug` output.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use model::IdSource;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What precedes the id of a key that lives until it is deleted.
pub const LONG_TERM_PREFIX: &str = "AKIA";
/// What precedes the id of a key that belongs to a session.
pub const SESSION_PREFIX: &str = "ASIA";
/// How many characters a made access key id has.
const ID_LEN: usize = 20;
/// How many characters a made secret has.
const SECRET_LEN: usize = 40;
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A secret access key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself: for signing, and for the one answer that hands it out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An access key: what signs requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: Secret,
}

impl AccessKey {
    /// Makes a key that lives until it is deleted.
    pub fn long_term(ids: &mut dyn IdSource) -> Self {
        AccessKey::make(LONG_TERM_PREFIX, ids)
    }

    /// Makes a key for a session.
    pub fn for_session(ids: &mut dyn IdSource) -> Self {
        AccessKey::make(SESSION_PREFIX, ids)
    }

    fn make(prefix: &str, ids: &mut dyn IdSource) -> Self {
        let id = format!("{prefix}{}", ids.base32(ID_LEN - prefix.len()));
        let secret = (0..SECRET_LEN).map(|_| ids.one_of(SECRET_ALPHABET)).collect::<String>();
        AccessKey { id, secret: Secret(secret) }
    }
}

/// Whether `id` has the form that AWS's models ask of access key ids: 16 to 128 of `\w`.
pub fn is_access_key_id(id: &str) -> bool {
    (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The key from which every other key of an installation is derived: 32 random bytes.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes the key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        MasterKey(bytes)
    }

    /// The key for one purpose. What one key opens, another does not.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(b"longshore/");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use model::id::SeededIds;

    use super::*;

    #[test]
    fn made_keys_look_like_aws_keys() {
        let mut ids = SeededIds::new(1);
        let root = AccessKey::long_term(&mut ids);
        assert!(root.id.starts_with("AKIA") && root.id.len() == 20 && is_access_key_id(&root.id));
        assert_eq!(root.secret.expose().len(), 40);
        assert!(AccessKey::for_session(&mut ids).id.starts_with("ASIA"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = AccessKey { id: "AKIAEXAMPLE".into(), secret: Secret::new("hush") };
        assert!(!format!("{key:?}").contains("hush"));
        assert!(!format!("{:?}", MasterKey::new([7; 32])).contains('7'));
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let master = MasterKey::new([7; 32]);
        assert_ne!(master.derive("sessions"), master.derive("registry"));
        assert_eq!(master.derive("sessions"), MasterKey::new([7; 32]).derive("sessions"));
    }
}

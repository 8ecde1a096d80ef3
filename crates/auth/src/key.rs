//! Access keys and the master key. Secrets never appear in `Debug` output.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use model::{AccountId, IdSource};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What precedes the id of a key that lives until it is deleted.
pub const LONG_TERM_PREFIX: &str = "AKIA";
/// What precedes the id of a key that belongs to a session.
pub const SESSION_PREFIX: &str = "ASIA";
/// The characters of an access key id behind its prefix.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// How many characters follow the prefix: ten bytes in base 32.
const TAIL_LEN: usize = 16;
/// How many bits of the first six bytes follow the account.
const ACCOUNT_SHIFT: u32 = 7;
const ACCOUNT_MASK: u64 = 0x7fff_ffff_ff80;
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
    /// Makes a key of `account` that lives until it is deleted.
    pub fn long_term(account: &AccountId, ids: &mut dyn IdSource) -> Self {
        AccessKey::make(LONG_TERM_PREFIX, account, ids)
    }

    /// Makes a key for a session in `account`.
    pub fn for_session(account: &AccountId, ids: &mut dyn IdSource) -> Self {
        AccessKey::make(SESSION_PREFIX, account, ids)
    }

    /// Ids carry their account as AWS's do: GetAccessKeyInfo needs no table.
    fn make(prefix: &str, account: &AccountId, ids: &mut dyn IdSource) -> Self {
        let mut tail = [0; 10];
        ids.fill(&mut tail);
        let account: u64 = account.as_str().parse().expect("an account id is twelve digits");
        let random = head(&tail) & !ACCOUNT_MASK;
        let with_account = random | (account << ACCOUNT_SHIFT);
        tail[..6].copy_from_slice(&with_account.to_be_bytes()[2..]);
        let id = format!("{prefix}{}", encode(&tail));
        let secret = (0..SECRET_LEN).map(|_| ids.one_of(SECRET_ALPHABET)).collect::<String>();
        AccessKey { id, secret: Secret(secret) }
    }
}

/// The account in an access key id that AWS or Longshore has made.
pub fn account_of(id: &str) -> Option<AccountId> {
    let tail = decode(id.get(4..).filter(|tail| tail.len() == TAIL_LEN)?)?;
    AccountId::new(format!("{:012}", (head(&tail) & ACCOUNT_MASK) >> ACCOUNT_SHIFT)).ok()
}

/// The first six bytes as a number.
fn head(tail: &[u8; 10]) -> u64 {
    tail[..6].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn encode(tail: &[u8; 10]) -> String {
    let bits = tail.iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let letter = |at: usize| char::from(BASE32[(bits >> (75 - 5 * at)) as usize & 31]);
    (0..TAIL_LEN).map(letter).collect()
}

fn decode(text: &str) -> Option<[u8; 10]> {
    let place = |letter: u8| BASE32.iter().position(|known| *known == letter);
    let bits = text.bytes().try_fold(0u128, |bits, letter| Some((bits << 5) | place(letter)? as u128))?;
    bits.to_be_bytes()[6..].try_into().ok()
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
        for number in ["123456789012", "000000000000", "999999999999"] {
            let account = AccountId::new(number).unwrap();
            let root = AccessKey::long_term(&account, &mut ids);
            assert!(root.id.starts_with("AKIA") && root.id.len() == 20 && is_access_key_id(&root.id));
            assert_eq!(root.secret.expose().len(), 40);
            assert_eq!(account_of(&root.id), Some(account.clone()));
            assert!(AccessKey::for_session(&account, &mut ids).id.starts_with("ASIA"));
        }
    }

    #[test]
    fn an_id_of_aws_gives_its_account() {
        // The example of "A short note on AWS KEY ID", T. Bhargava.
        let account = account_of("ASIAQNZGKIQY56JQ7WML").unwrap();
        assert_eq!(account.as_str(), "029608264753");
        for bad in ["", "AKIA", "AKIAé", "AKIA111111111111111111", "AKIA0000000000000000"] {
            assert_eq!(account_of(bad), None, "{bad}");
        }
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

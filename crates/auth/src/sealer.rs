//! Sealing: what lies in the state store and must not be readable there.
//!
//! Each purpose has a key of its own, derived from the installation's master key. What was sealed for one place
//! does not open at another.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use model::IdSource;

use crate::key::MasterKey;

const NONCE_LEN: usize = 24;

/// Seals and opens under the key of one purpose.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// Takes the key for `purpose` from the master key.
    pub fn new(master: &MasterKey, purpose: &str) -> Self {
        Sealer(XChaCha20Poly1305::new(&master.derive(purpose).into()))
    }

    /// Seals `secret` for `place`: it opens there only.
    pub fn seal(&self, secret: &[u8], place: &str, ids: &mut dyn IdSource) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        ids.fill(&mut nonce);
        let payload = Payload { msg: secret, aad: place.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).expect("a secret fits in memory");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, sealed: &[u8], place: &str) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        self.0.decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: place.as_bytes() }).ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::id::SeededIds;

    #[test]
    fn a_secret_opens_at_its_place_only() {
        let master = MasterKey::new([7; 32]);
        let (keys, others) = (Sealer::new(&master, "keys"), Sealer::new(&master, "others"));
        let sealed = keys.seal(b"secret", "here", &mut SeededIds::new(1));
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(keys.open(&sealed, "here").as_deref(), Some(&b"secret"[..]));
        assert_eq!(keys.open(&sealed, "there"), None);
        assert_eq!(others.open(&sealed, "here"), None);
        assert_eq!(keys.open(b"short", "here"), None);
    }
}

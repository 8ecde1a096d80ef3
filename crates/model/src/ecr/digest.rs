//! Content digests: `sha256:<64 hex>` and `sha512:<128 hex>`, lower case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A hash algorithm that content may be named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256: what every client uses.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits follow the colon.
    pub const fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }

    /// The algorithm of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Algorithm::Sha256),
            "sha512" => Some(Algorithm::Sha512),
            _ => None,
        }
    }
}

/// The name of content: its algorithm and hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    text: String,
}

/// A string is not a digest that the registry can verify.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not a sha256 or sha512 digest: {0:?}")]
pub struct DigestError(pub String);

impl Digest {
    /// Names content by its raw hash; the length says nothing wrong about `algorithm`.
    pub fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Self {
        assert_eq!(hash.len() * 2, algorithm.hex_len(), "a hash as long as its algorithm makes it");
        let mut text = String::with_capacity(7 + algorithm.hex_len());
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in hash {
            text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble"));
            text.push(char::from_digit(u32::from(byte & 15), 16).expect("a nibble"));
        }
        Digest { algorithm, text }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The whole digest, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The hexadecimal digits alone.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(raw: &str) -> Result<Self, DigestError> {
        let refused = || DigestError(raw.to_owned());
        let (name, hex) = raw.split_once(':').ok_or_else(refused)?;
        let algorithm = Algorithm::named(name).ok_or_else(refused)?;
        let lower_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != algorithm.hex_len() || !lower_hex {
            return Err(refused());
        }
        Ok(Digest { algorithm, text: raw.to_owned() })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(raw: String) -> Result<Self, DigestError> {
        raw.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_hashes_are_digests() {
        let sha256 = format!("sha256:{}", "0a".repeat(32));
        let digest: Digest = sha256.parse().unwrap();
        assert_eq!((digest.as_str(), digest.hex().len()), (sha256.as_str(), 64));
        assert!(format!("sha512:{}", "0a".repeat(64)).parse::<Digest>().is_ok());
        for bad in [
            String::new(),
            "sha256:".into(),
            "sha256".into(),
            format!("sha256:{}", "0A".repeat(32)),
            format!("sha256:{}", "0a".repeat(31)),
            format!("sha512:{}", "0a".repeat(32)),
            format!("md5:{}", "0a".repeat(16)),
            format!("sha256:{}/", "0a".repeat(32)),
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError(bad.clone())));
        }
    }

    #[test]
    fn a_hash_becomes_its_digest() {
        let digest = Digest::from_hash(Algorithm::Sha256, &[0x1f; 32]);
        assert_eq!(digest.as_str(), format!("sha256:{}", "1f".repeat(32)));
    }
}

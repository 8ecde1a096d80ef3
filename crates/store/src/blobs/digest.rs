//! Digests as OCI writes them: `sha256:<hex>` and `sha512:<hex>`.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// The digest of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// SHA-256, the usual one.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

impl Digest {
    /// The SHA-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Digest::Sha256(Sha256::digest(bytes).into())
    }

    /// The SHA-512 of `bytes`.
    pub fn sha512(bytes: &[u8]) -> Self {
        Digest::Sha512(Sha512::digest(bytes).into())
    }

    /// The digest of `bytes` by the same algorithm as `self`.
    pub fn same_algorithm_of(&self, bytes: &[u8]) -> Self {
        match self {
            Digest::Sha256(_) => Digest::sha256(bytes),
            Digest::Sha512(_) => Digest::sha512(bytes),
        }
    }

    /// The algorithm's name: `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Digest::Sha256(_) => "sha256",
            Digest::Sha512(_) => "sha512",
        }
    }

    /// The digest in lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        match self {
            Digest::Sha256(digest) => hex::encode(digest),
            Digest::Sha512(digest) => hex::encode(digest),
        }
    }

    pub(super) fn read_sha512(reader: &mut impl Read) -> io::Result<Self> {
        let mut hasher = Sha512::new();
        read_into(reader, &mut hasher)?;
        Ok(Digest::Sha512(hasher.finalize().into()))
    }
}

/// Feeds all of `reader` to `hasher`; answers the length.
pub(super) fn read_into(reader: &mut impl Read, hasher: &mut impl sha2::Digest) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size = 0;
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(size),
            Ok(read) => {
                hasher.update(&chunk[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A string is not a digest of a known algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sha256 or sha512 digest: {0:?}")]
pub struct DigestError(pub String);

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(raw: &str) -> Result<Self, DigestError> {
        let refused = || DigestError(raw.to_owned());
        let (algorithm, hex) = raw.split_once(':').ok_or_else(refused)?;
        if hex.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(refused());
        }
        let bytes = hex::decode(hex).map_err(|_| refused())?;
        match algorithm {
            "sha256" => bytes.try_into().map(Digest::Sha256).map_err(|_| refused()),
            "sha512" => bytes.try_into().map(Digest::Sha512).map_err(|_| refused()),
            _ => Err(refused()),
        }
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
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_round_trip_and_others_are_refused() {
        for digest in [Digest::sha256(b"a"), Digest::sha512(b"a")] {
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        }
        let upper = Digest::sha256(b"a").to_string().to_uppercase();
        for bad in ["", "sha256:", "sha256:00", "md5:00", upper.as_str()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}

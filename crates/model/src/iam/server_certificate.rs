//! Certificates that were uploaded for load balancers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ecs::text::name;
use crate::{AccountId, Arn, Record, Timestamp};

name! {
    /// A certificate's name, unique in its account whatever its path.
    pub struct CertificateName: "server certificate name", |raw| {
        (1..=128).contains(&raw.len())
            && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b))
    };
}

name! {
    /// `/`, or words between slashes.
    pub struct CertificatePath: "path", |raw| {
        raw.len() <= 512 && raw.starts_with('/') && raw.ends_with('/') && raw.bytes().all(|b| b.is_ascii_graphic())
    };
}

/// A certificate with its private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificate {
    /// Whose it is.
    pub account: AccountId,
    /// Its name.
    pub name: CertificateName,
    /// Its path.
    pub path: CertificatePath,
    /// `ASCA` and 17 characters.
    pub id: String,
    /// The certificate, in PEM.
    pub body: String,
    /// The certificates that lead to its root, in PEM.
    #[serde(default)]
    pub chain: Option<String>,
    /// The private key, sealed under the installation's master key.
    pub sealed_key: String,
    /// The names that it stands for, in lower case.
    pub names: Vec<String>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("arn", &self.arn()).finish_non_exhaustive()
    }
}

/// Says that a listener uses a certificate, which therefore cannot be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateUse {
    /// The certificate's ARN.
    pub certificate: String,
    /// The listener's ARN.
    pub user: String,
}

impl Record for ServerCertificate {}
impl Record for CertificateUse {}

impl ServerCertificate {
    /// `arn:aws:iam::ACCOUNT:server-certificate/PATH/NAME`.
    pub fn arn(&self) -> Arn {
        Arn {
            service: "iam".to_owned(),
            region: String::new(),
            account: self.account.to_string(),
            resource: format!("server-certificate{}{}", self.path, self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_between_slashes() {
        for (path, expected) in [("/", true), ("/a/b/", true), ("a/", false), ("/a", false), ("/ /", false)] {
            assert_eq!(CertificatePath::new(path).is_ok(), expected, "{path}");
        }
    }
}

//! The doors of this room for certificates: whether one exists, who uses it, and what the data plane needs of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use model::iam::{CertificateUse, ServerCertificate};
use model::{AccountId, Arn};
use store::{Row, Snapshot, Txn, Versioned};

use super::store::{self as tables, CertificateRow, CertificateUseRow};
use crate::cloud::Cloud;

/// A certificate with its private key in the clear: for the data plane only.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedCertificate {
    /// Its ARN.
    pub arn: String,
    /// The certificate and its chain, leaf first, in PEM.
    pub chain_pem: String,
    /// The private key, in PEM.
    pub key_pem: String,
    /// The names that it stands for, in lower case.
    pub names: Vec<String>,
}

impl std::fmt::Debug for OpenedCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedCertificate").field("arn", &self.arn).finish_non_exhaustive()
    }
}

/// Whether there is a certificate with this ARN in the account.
pub fn exists(snapshot: &Snapshot, account: &AccountId, arn: &str) -> bool {
    find(snapshot, arn).is_some_and(|found| found.account == *account)
}

/// Adds to `txn` what makes `user` hold the certificates `after` instead of those `before`. A held certificate
/// cannot be deleted, and one that is deleted meanwhile makes the commit fail.
pub fn hold(snapshot: &Snapshot, mut txn: Txn, user: &Arn, before: &[String], after: &[String]) -> Txn {
    let user = user.to_string();
    let row =
        |arn: &String| CertificateUseRow(CertificateUse { certificate: arn.clone(), user: user.clone() });
    for arn in before.iter().filter(|arn| !after.contains(arn)) {
        txn = txn.delete::<CertificateUseRow>(&row(arn).key());
    }
    for arn in after.iter().filter(|arn| !before.contains(arn)) {
        if let Some(found) = find(snapshot, arn) {
            // Written again, so that a deletion at the same moment meets a conflict.
            txn = txn.update(&found, &found.row);
        }
        txn = txn.put(&row(arn));
    }
    txn
}

/// Opens the certificate with this ARN; `None` when it is not there, or was sealed under another master key.
pub fn open(cloud: &Cloud, snapshot: &Snapshot, arn: &str) -> Option<OpenedCertificate> {
    let found = find(snapshot, arn)?;
    let sealed = BASE64.decode(&found.sealed_key).ok()?;
    let key = cloud.identities.private_keys().open(&sealed, arn)?;
    Some(OpenedCertificate {
        arn: arn.to_owned(),
        chain_pem: whole_chain(&found),
        key_pem: String::from_utf8(key).ok()?,
        names: found.names.clone(),
    })
}

/// Seals a private key for the certificate with this ARN.
pub(super) fn seal(cloud: &Cloud, key_pem: &str, arn: &Arn, ids: &mut dyn model::IdSource) -> String {
    BASE64.encode(cloud.identities.private_keys().seal(key_pem.as_bytes(), &arn.to_string(), ids))
}

fn whole_chain(certificate: &ServerCertificate) -> String {
    let chain = certificate.chain.as_deref().unwrap_or_default();
    format!("{}\n{}", certificate.body.trim_end(), chain)
}

fn find(snapshot: &Snapshot, arn: &str) -> Option<Versioned<CertificateRow>> {
    let parsed: Arn = arn.parse().ok()?;
    let account = AccountId::new(parsed.account.clone()).ok()?;
    let (_, name) = parsed.resource.rsplit_once('/')?;
    let found = tables::certificate(snapshot, &account, name)?;
    (found.arn() == parsed).then_some(found)
}

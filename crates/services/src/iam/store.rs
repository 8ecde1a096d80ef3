//! The tables of the room. An account's resources are in no region.

use model::AccountId;
use model::iam::{CertificateUse, ServerCertificate};
use store::{Schema, Snapshot, Versioned, key};

use crate::table::table;

table! {
    /// Server certificates.
    pub(super) CertificateRow(ServerCertificate) in "iam/server-certificate" {
        key(it) => key![it.account, it.name.as_str()],
    }

    /// Which listeners use which certificates.
    pub(super) CertificateUseRow(CertificateUse) in "iam/certificate-use" {
        key(it) => key![it.certificate, it.user],
    }
}

/// Adds the room's tables to `schema`.
pub(crate) fn tables(schema: Schema) -> Schema {
    schema.table::<CertificateRow>().table::<CertificateUseRow>()
}

/// The certificate of this name.
pub(super) fn certificate(
    snapshot: &Snapshot,
    account: &AccountId,
    name: &str,
) -> Option<Versioned<CertificateRow>> {
    snapshot.get(&key![account, name])
}

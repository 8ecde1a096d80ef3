//! Identity and access: what belongs to an account as a whole, in no region.

mod server_certificate;

pub use server_certificate::{CertificateName, CertificatePath, CertificateUse, ServerCertificate};

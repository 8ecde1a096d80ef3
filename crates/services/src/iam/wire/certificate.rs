//! Certificates as answers show them, and what is uploaded.

use model::Timestamp;
use model::iam::{CertificateName, CertificatePath, ServerCertificate};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use wire::iam as shapes;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

use super::whole;
use crate::iam::error::Error;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::iam) struct Facts {
    /// The names that it stands for, in lower case.
    pub(in crate::iam) names: Vec<String>,
    /// When it ends.
    pub(in crate::iam) expires_at: Timestamp,
}

/// Reads a certificate, its chain and its private key, which must belong together.
pub(in crate::iam) fn read_pair(body: &str, chain: Option<&str>, key: &str) -> Result<Facts, Error> {
    let mut certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(body.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(malformed("certificate"))?;
    let [leaf] = &certificates[..] else { return Err(Error::Malformed { what: "certificate" }) };
    let facts = facts(leaf)?;
    if let Some(chain) = chain {
        let more: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(malformed("certificate chain"))?;
        if more.is_empty() {
            return Err(Error::Malformed { what: "certificate chain" });
        }
        certificates.extend(more);
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(malformed("private key"))?;
    let key = default_provider().key_provider.load_private_key(key).map_err(malformed("private key"))?;
    match CertifiedKey::new(certificates, key).keys_match() {
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(facts),
        Err(TlsError::InconsistentKeys(_)) => Err(Error::KeyPairMismatch),
        Err(_) => Err(Error::Malformed { what: "certificate" }),
    }
}

fn malformed<E>(what: &'static str) -> impl Fn(E) -> Error {
    move |_| Error::Malformed { what }
}

fn facts(leaf: &CertificateDer<'_>) -> Result<Facts, Error> {
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(malformed("certificate"))?;
    let seconds = certificate.validity().not_after.timestamp();
    let mut names: Vec<String> = Vec::new();
    for extension in certificate.extensions() {
        if let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension() {
            names.extend(alternatives.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_lowercase()),
                _other => None,
            }));
        }
    }
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_lowercase));
    }
    Ok(Facts { names, expires_at: Timestamp::from_millis(seconds.saturating_mul(1000)) })
}

/// Reads a certificate's name.
pub(in crate::iam) fn name(raw: &str) -> Result<CertificateName, Error> {
    CertificateName::new(raw).map_err(|_| {
        Error::Validation(
            "The specified value for serverCertificateName is invalid. It must contain only alphanumeric characters \
             and/or the following: +=,.@_-"
                .to_owned(),
        )
    })
}

/// Reads a certificate's path.
pub(in crate::iam) fn path(raw: Option<String>) -> Result<CertificatePath, Error> {
    let raw = raw.unwrap_or_else(|| "/".to_owned());
    CertificatePath::new(raw).map_err(|_| {
        Error::Validation(
            "The specified value for path is invalid. It must begin and end with / and contain only printable \
             characters."
                .to_owned(),
        )
    })
}

/// What is shown of a certificate everywhere.
pub(in crate::iam) fn metadata(it: &ServerCertificate) -> shapes::ServerCertificateMetadata {
    shapes::ServerCertificateMetadata {
        path: it.path.to_string(),
        server_certificate_name: it.name.to_string(),
        server_certificate_id: it.id.clone(),
        arn: it.arn().to_string(),
        upload_date: Some(whole(it.uploaded_at)),
        expiration: Some(whole(it.expires_at)),
    }
}

//! TLS towards clients, with a certificate chosen by name, and towards targets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme, version};
use wire::link::{Certificate, ListenerRoute};

/// Certificates by the names that they stand for; the first is for those that ask for none of them.
#[derive(Debug)]
struct Certificates {
    default: Arc<CertifiedKey>,
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
            self.by_name.get(&name).or_else(wildcard)
        });
        Some(found.unwrap_or(&self.default).clone())
    }
}

/// What a listener offers. The error is for the operator.
pub fn server_config(listener: &ListenerRoute, alpn: &[&str]) -> Result<Arc<ServerConfig>, String> {
    let mut by_name = HashMap::new();
    let mut default = None;
    for certificate in &listener.certificates {
        let key =
            certified(certificate).map_err(|error| format!("certificate {}: {error}", certificate.arn))?;
        default.get_or_insert_with(|| key.clone());
        for name in &certificate.names {
            by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| key.clone());
        }
    }
    let default = default.ok_or("the listener has no certificate")?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(versions(listener.ssl_policy.as_deref()));
    let builder = builder.map_err(|error| error.to_string())?.with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(Certificates { default, by_name }));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    if let Ok(ticketer) = ring::Ticketer::new() {
        config.ticketer = ticketer;
    }
    Ok(Arc::new(config))
}

fn certified(certificate: &Certificate) -> Result<Arc<CertifiedKey>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes()).collect();
    let chain = chain.map_err(|error| format!("reading the chain: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes());
    let key = key.map_err(|error| format!("reading the key: {error}"))?;
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
    key.map(Arc::new).map_err(|error| error.to_string())
}

static ONLY_13: [&rustls::SupportedProtocolVersion; 1] = [&version::TLS13];
static ONLY_12: [&rustls::SupportedProtocolVersion; 1] = [&version::TLS12];
static BOTH: [&rustls::SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// The versions that a security policy allows and that are spoken here: never below 1.2.
fn versions(policy: Option<&str>) -> &'static [&'static rustls::SupportedProtocolVersion] {
    match policy {
        Some(name) if name.contains("TLS13-1-3") => &ONLY_13,
        Some(name) if !name.contains("TLS13") => &ONLY_12,
        Some(_) | None => &BOTH,
    }
}

/// What is offered to targets, whose certificates are not verified, as ELB does not.
pub fn client_config() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Anyone(provider.clone()));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has suites for every version that rustls speaks");
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Arc::new(builder.with_no_client_auth())
}

/// Believes every certificate, but not a signature that does not fit it.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

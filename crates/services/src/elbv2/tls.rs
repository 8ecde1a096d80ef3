//! What secure listeners need: TLS policies and certificates.
//!
//! Deviation: ELB's policies are known by their names, but only TLS 1.2 and 1.3 with forward secrecy and authenticated
//! encryption (ChaCha20 included) are ever spoken. A policy that allows more (`ELBSecurityPolicy-2016-08`) is served
//! without it, and DescribeSSLPolicies lists what is really offered. Policies that promise something else (FIPS
//! modules, post-quantum keys) are not known. A listener that names none gets the strictest that speaks both.

use model::Scope;
use model::elbv2::Protocol;
use store::Snapshot;
use wire::elbv2 as shapes;

use super::error::{Code, Error};
use crate::iam::certificates;

/// The policy of listeners that name none.
pub(super) const DEFAULT_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

const TLS13: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
const TLS12: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// A policy: which versions and ciphers clients may speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// ELB's name.
    pub(super) name: &'static str,
    protocols: &'static [&'static str],
    ciphers: [&'static [&'static str]; 2],
}

const fn both(name: &'static str) -> Policy {
    Policy { name, protocols: &["TLSv1.2", "TLSv1.3"], ciphers: [&TLS13, &TLS12] }
}

const fn only_12(name: &'static str) -> Policy {
    Policy { name, protocols: &["TLSv1.2"], ciphers: [&[], &TLS12] }
}

/// The policies that are served.
pub(super) static POLICIES: &[Policy] = &[
    both(DEFAULT_POLICY),
    both("ELBSecurityPolicy-TLS13-1-2-2021-06"),
    both("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06"),
    both("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"),
    both("ELBSecurityPolicy-TLS13-1-1-2021-06"),
    both("ELBSecurityPolicy-TLS13-1-0-2021-06"),
    Policy { name: "ELBSecurityPolicy-TLS13-1-3-2021-06", protocols: &["TLSv1.3"], ciphers: [&TLS13, &[]] },
    only_12("ELBSecurityPolicy-2016-08"),
    only_12("ELBSecurityPolicy-TLS-1-0-2015-04"),
    only_12("ELBSecurityPolicy-TLS-1-1-2017-01"),
    only_12("ELBSecurityPolicy-TLS-1-2-2017-01"),
    only_12("ELBSecurityPolicy-TLS-1-2-Ext-2018-06"),
    only_12("ELBSecurityPolicy-FS-2018-06"),
    only_12("ELBSecurityPolicy-FS-1-1-2019-08"),
    only_12("ELBSecurityPolicy-FS-1-2-2019-08"),
    only_12("ELBSecurityPolicy-FS-1-2-Res-2019-08"),
    only_12("ELBSecurityPolicy-FS-1-2-Res-2020-10"),
];

const ALPN: [&str; 5] = ["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];
/// Certificates of a listener, the default one not counted.
const MOST_CERTIFICATES: usize = 25;

impl Policy {
    /// As answers show it.
    pub(super) fn write(&self) -> shapes::SslPolicy {
        let ciphers = self.ciphers.iter().copied().flatten().zip(1..);
        shapes::SslPolicy {
            ssl_protocols: Some(self.protocols.iter().map(|it| (*it).to_owned()).collect()),
            ciphers: Some(
                ciphers
                    .map(|(name, priority)| shapes::Cipher {
                        name: Some((*name).to_owned()),
                        priority: Some(priority),
                    })
                    .collect(),
            ),
            name: Some(self.name.to_owned()),
            supported_load_balancer_types: Some(vec!["application".into(), "network".into()]),
        }
    }
}

/// The policy called `name`.
pub(super) fn policy(name: &str) -> Result<&'static Policy, Error> {
    POLICIES.iter().find(|policy| policy.name == name).ok_or_else(|| {
        let known: Vec<_> = POLICIES.iter().map(|policy| policy.name).collect();
        let message = format!("SSL policy '{name}' not found: use one of [{}]", known.join(", "));
        Error::client(Code::SslPolicyNotFound, message)
    })
}

/// What a listener says of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) policy: Option<String>,
    pub(super) certificates: Vec<String>,
    pub(super) alpn: Option<String>,
}

/// Reads and checks what a request says of TLS for a listener of this protocol.
pub(super) fn read(
    snapshot: &Snapshot,
    scope: &Scope,
    protocol: Protocol,
    policy_name: Option<String>,
    certificates: Option<Vec<shapes::Certificate>>,
    alpn: Option<Vec<String>>,
) -> Result<Tls, Error> {
    let certificates = arns(certificates.unwrap_or_default())?;
    let alpn = alpn.unwrap_or_default();
    if !protocol.is_secure() {
        if policy_name.is_some() || !certificates.is_empty() || !alpn.is_empty() {
            return Err(Error::validation(format!(
                "Certificates, an SSL policy and an ALPN policy cannot be specified for {protocol} listeners"
            )));
        }
        return Ok(Tls::default());
    }
    let [_default] = &certificates[..] else {
        return Err(match certificates.len() {
            0 => Error::validation(format!("A certificate must be specified for {protocol} listeners")),
            _ => Error::client(
                Code::TooManyCertificates,
                "A listener has exactly one default certificate: add others with AddListenerCertificates",
            ),
        });
    };
    check_certificates(snapshot, scope, &certificates)?;
    let policy_name = policy_name.unwrap_or_else(|| DEFAULT_POLICY.to_owned());
    policy(&policy_name)?;
    Ok(Tls { policy: Some(policy_name), certificates, alpn: alpn_policy(protocol, alpn)? })
}

fn alpn_policy(protocol: Protocol, alpn: Vec<String>) -> Result<Option<String>, Error> {
    if alpn.is_empty() {
        return Ok((protocol == Protocol::Tls).then(|| "None".to_owned()));
    }
    let [name] = &alpn[..] else { return Err(Error::validation("Only one ALPN policy can be specified")) };
    if protocol != Protocol::Tls {
        return Err(Error::validation("An ALPN policy can be specified for TLS listeners only"));
    }
    if !ALPN.contains(&name.as_str()) {
        let message = format!("ALPN policy '{name}' is not one of [{}]", ALPN.join(", "));
        return Err(Error::client(Code::AlpnPolicyNotFound, message));
    }
    Ok(Some(name.clone()))
}

/// The ARNs of certificates that a request names; `IsDefault` is for answers.
pub(super) fn arns(certificates: Vec<shapes::Certificate>) -> Result<Vec<String>, Error> {
    let arn = |certificate: shapes::Certificate| match (certificate.certificate_arn, certificate.is_default) {
        (Some(arn), None) => Ok(arn),
        (Some(_), Some(_)) => {
            Err(Error::validation("You cannot set the isDefault parameter of a certificate"))
        }
        (None, _) => Err(Error::validation("A certificate ARN must be specified")),
    };
    certificates.into_iter().map(arn).collect()
}

/// Refuses certificates that do not exist.
pub(super) fn check_certificates(snapshot: &Snapshot, scope: &Scope, arns: &[String]) -> Result<(), Error> {
    match arns.iter().find(|arn| !certificates::exists(snapshot, &scope.account, arn)) {
        None => Ok(()),
        Some(arn) => Err(Error::client(Code::CertificateNotFound, format!("Certificate '{arn}' not found"))),
    }
}

/// Refuses more certificates than a listener may have.
pub(super) fn check_count(certificates: &[String]) -> Result<(), Error> {
    if certificates.len() <= MOST_CERTIFICATES + 1 {
        return Ok(());
    }
    let message = format!("The maximum number of certificates of a listener is '{MOST_CERTIFICATES}'");
    Err(Error::client(Code::TooManyCertificates, message))
}

//! Who asks: `Authorization: Basic` with user `AWS` and an authorization token, or the same
//! token as `Bearer`, plain or as GetAuthorizationToken encodes it.

use ::http::{header as names, request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{AccountId, Region, Scope, Timestamp};

use super::header;
use crate::Registry;
use crate::error::Error;
use crate::token::{Caller, TokenError};

impl Registry {
    /// Opens the token of a request. A host name that names a registry must be the token's.
    pub(super) fn authenticate(&self, head: &request::Parts, now: Timestamp) -> Result<Caller, Error> {
        let presented = header(head, names::AUTHORIZATION).ok_or(Error::Unauthenticated)?;
        let token = password(presented).ok_or(Error::TokenInvalid)?;
        let caller = self.seal.verify(&token, now).map_err(|error| match error {
            TokenError::Invalid => Error::TokenInvalid,
            TokenError::Expired => Error::TokenExpired,
        })?;
        match host(head).and_then(registry_of_host) {
            Some(scope) if scope != caller.scope => Err(Error::TokenInvalid),
            Some(_) | None => Ok(caller),
        }
    }
}

/// The token of a `Basic` header of user `AWS`, or of a `Bearer` header.
fn password(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        return of_aws(credentials);
    }
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| of_aws(credentials).unwrap_or_else(|| credentials.to_owned()))
}

/// What follows `AWS:` in encoded credentials.
fn of_aws(encoded: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.strip_prefix("AWS:").map(str::to_owned)
}

/// The host that the client asked for, with its port.
fn host(head: &request::Parts) -> Option<&str> {
    header(head, names::HOST).or_else(|| head.uri.authority().map(|authority| authority.as_str()))
}

/// The scope in a host name such as `123456789012.dkr.ecr.us-east-2.localhost:4566`.
fn registry_of_host(host: &str) -> Option<Scope> {
    let name = host.split(':').next().unwrap_or_default();
    let (account, rest) = name.split_once(".dkr.ecr.")?;
    let region = rest.split('.').next()?;
    Some(Scope::new(AccountId::new(account).ok()?, Region::new(region).ok()?))
}

/// Where a client is told to authenticate: this server, as the client calls it.
pub(super) fn realm(head: &request::Parts) -> String {
    let scheme = head.uri.scheme_str().or_else(|| header(head, "x-forwarded-proto")).unwrap_or("http");
    // Both halves come from the client: what could break out of the quotes is dropped.
    let safe = |raw: &str| {
        raw.chars().filter(|c| c.is_ascii_alphanumeric() || ".:-_[]".contains(*c)).collect::<String>()
    };
    format!("{}://{}/", safe(scheme), safe(host(head).unwrap_or("localhost")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_of_aws_and_bearers_are_read() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(password(&basic("AWS:a:b")), Some("a:b".into()));
        assert_eq!(password(&basic("AWS:a").replace("Basic", "basic")), Some("a".into()));
        assert_eq!(password("Bearer a.b"), Some("a.b".into()));
        assert_eq!(password(&basic("AWS:a.b").replace("Basic", "bearer")), Some("a.b".into()));
        for bad in [basic("root:a"), "Digest x".into(), "Basic".into(), "Basic é".into()] {
            assert_eq!(password(&bad), None, "{bad}");
        }
    }

    #[test]
    fn ecr_host_names_carry_a_scope() {
        let scope = registry_of_host("123456789012.dkr.ecr.us-east-2.localhost:4566").unwrap();
        assert_eq!(scope.to_string(), "123456789012/us-east-2");
        assert!(registry_of_host("123456789012.dkr.ecr.us-east-2.amazonaws.com").is_some());
        for other in ["127.0.0.1:4566", "localhost", "x.dkr.ecr.us-east-2.localhost"] {
            assert_eq!(registry_of_host(other), None, "{other}");
        }
    }
}

//! Signature Version 4, the server's side: header and presigned requests.
//!
//! [`Presented::read`] takes a request's claims apart, [`Presented::verify`] checks them against a
//! secret. Between the two the caller looks the key up. [`sign`] is the client's side, for tests
//! and for requests of our own. See `canonical.rs` for the text that is signed.

mod canonical;
mod parse;
mod sign;
mod stamp;

use std::time::Duration;

use model::Timestamp;
use subtle::ConstantTimeEq;

pub use canonical::{Message, hash};
pub use sign::{Signer, sign};
pub use stamp::format as stamp;

use crate::key::Secret;
use crate::rejection::Rejection;
use canonical::canonical_request;
use sign::{signature, string_to_sign};
use stamp::Stamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a client's clock may be off.
const SKEW_MINUTES: u64 = 5;
/// How long a presigned request is good if it does not say so itself.
const PRESIGNED_SECONDS: u64 = 15 * 60;
/// The longest life that a presigned request may ask for: a week.
const MAX_PRESIGNED_SECONDS: u64 = 7 * 24 * 3600;

/// Where a signature was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the `Authorization` header.
    Header,
    /// In the query string; good for so many seconds.
    Query { expires_seconds: u64 },
}

/// The claims of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The access key that is said to have signed.
    pub access_key_id: String,
    /// The region of the credential scope.
    pub region: String,
    /// The service of the credential scope.
    pub service: String,
    /// The session token that came along.
    pub session_token: Option<String>,
    place: Place,
    scope_date: String,
    terminator: String,
    signed_headers: Vec<String>,
    signature: String,
    stamp: Stamp,
}

impl Presented {
    /// Takes the signature of a request apart.
    ///
    /// # Errors
    /// [`Rejection::Missing`] if there is none, [`Rejection::Incomplete`] if a part is missing or unreadable.
    pub fn read(message: &Message<'_>) -> Result<Self, Rejection> {
        parse::read(message)
    }

    /// Checks what needs no secret: scope and time.
    ///
    /// # Errors
    /// [`Rejection::Scope`] for another service, region or day; [`Rejection::Stale`] or
    /// [`Rejection::Expired`] for another time.
    pub fn check(&self, service: &str, now: Timestamp) -> Result<(), Rejection> {
        self.check_scope(service)?;
        self.check_time(now)
    }

    /// Checks the signature. `body_hash` is [`hash`] of the body as it was sent.
    ///
    /// # Errors
    /// [`Rejection::Scope`] if a header that must be signed is not, else [`Rejection::Mismatch`].
    pub fn verify(&self, message: &Message<'_>, secret: &Secret, body_hash: &str) -> Result<(), Rejection> {
        self.check_signed_headers(message)?;
        if message.header("x-amz-content-sha256").is_some_and(|claimed| claimed != body_hash) {
            return Err(Rejection::Mismatch);
        }
        let request = canonical_request(message, &self.signed_headers, body_hash);
        let text = string_to_sign(&self.stamp.text, &self.scope(), &request);
        let expected = signature(secret, &self.scope_date, &self.region, &self.service, &text);
        if bool::from(expected.as_bytes().ct_eq(self.signature.as_bytes())) {
            Ok(())
        } else {
            Err(Rejection::Mismatch)
        }
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/{}", self.scope_date, self.region, self.service, self.terminator)
    }

    fn check_scope(&self, service: &str) -> Result<(), Rejection> {
        let problem = if self.terminator != TERMINATOR {
            format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                self.terminator
            )
        } else if self.service != service {
            format!("Credential should be scoped to correct service: '{service}'. ")
        } else if self.region.is_empty() {
            "Credential should be scoped to a valid region. ".to_owned()
        } else if self.scope_date != self.stamp.date() {
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{}', from '{}'.",
                self.scope_date,
                self.stamp.date(),
                self.stamp.text
            )
        } else {
            return Ok(());
        };
        Err(Rejection::Scope(problem))
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Rejection> {
        let skew = Duration::from_secs(SKEW_MINUTES * 60);
        let (signed, stamp) = (self.stamp.time, &self.stamp.text);
        let shown = stamp::format(now);
        if signed > now + skew {
            let limit = stamp::format(now + skew);
            return Err(Rejection::Stale(format!(
                "Signature not yet current: {stamp} is still later than {limit} ({shown} + {SKEW_MINUTES} min.)"
            )));
        }
        match self.place {
            Place::Header if signed < now - skew => {
                let limit = stamp::format(now - skew);
                Err(Rejection::Stale(format!(
                    "Signature expired: {stamp} is now earlier than {limit} ({shown} - {SKEW_MINUTES} min.)"
                )))
            }
            Place::Query { expires_seconds } if signed + Duration::from_secs(expires_seconds) < now => {
                Err(Rejection::Expired)
            }
            Place::Header | Place::Query { .. } => Ok(()),
        }
    }

    /// `host` must be signed, and so must every `x-amz-` header that came: else a middleman could add one.
    fn check_signed_headers(&self, message: &Message<'_>) -> Result<(), Rejection> {
        let signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !signed("host") {
            return Err(Rejection::Scope(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            ));
        }
        let unsigned = message.headers.iter().map(|(name, _)| *name).find(|name| {
            // Browsers' SDKs put it on after signing.
            name.starts_with("x-amz-") && *name != "x-amz-user-agent" && !signed(name)
        });
        match unsigned {
            Some(name) => {
                Err(Rejection::Scope(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")))
            }
            None => Ok(()),
        }
    }
}

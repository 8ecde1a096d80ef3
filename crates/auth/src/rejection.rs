//! Why a caller is not believed, in AWS's words, and under the name that each family of services uses.
//!
//! JSON and CBOR services answer 400 with an `…Exception`, Query services 403 with a bare code,
//! EC2 hides nearly everything behind `AuthFailure`.

use thiserror::Error;

/// A request whose caller could not be established.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Nothing in the request says who calls.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// The signature's parts are not all there, or not readable.
    #[error("{0}")]
    Incomplete(String),
    /// The signature is for another service, region, day or algorithm.
    #[error("{0}")]
    Scope(String),
    /// The request was signed too long ago, or in the future.
    #[error("{0}")]
    Stale(String),
    /// A presigned request's time is over.
    #[error("Request has expired.")]
    Expired,
    /// No such access key, or a session token that we have not made.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session's time is over.
    #[error("The security token included in the request is expired")]
    SessionExpired,
    /// The signature is not the one that the secret makes.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS \
         Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

/// The families of services, by how they name these errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AWS JSON, CBOR and REST services.
    Json,
    /// Services that speak Query.
    Query,
    /// EC2.
    Ec2,
}

impl Rejection {
    /// The error's code and HTTP status.
    pub fn answer(&self, family: Family) -> (&'static str, u16) {
        match (family, self) {
            (Family::Json, Rejection::Missing) => ("MissingAuthenticationTokenException", 400),
            (Family::Json, Rejection::Incomplete(_)) => ("IncompleteSignatureException", 400),
            (Family::Json, Rejection::Scope(_) | Rejection::Stale(_) | Rejection::Mismatch) => {
                ("InvalidSignatureException", 400)
            }
            (Family::Json, Rejection::Expired) => ("RequestExpired", 400),
            (Family::Json, Rejection::UnknownKey) => ("UnrecognizedClientException", 400),
            (Family::Json, Rejection::SessionExpired) => ("ExpiredTokenException", 400),
            (Family::Query, Rejection::Missing) => ("MissingAuthenticationToken", 403),
            (Family::Query, Rejection::Incomplete(_)) => ("IncompleteSignature", 400),
            (Family::Query, Rejection::Scope(_) | Rejection::Stale(_) | Rejection::Mismatch) => {
                ("SignatureDoesNotMatch", 403)
            }
            (Family::Query, Rejection::Expired) => ("RequestExpired", 400),
            (Family::Query, Rejection::UnknownKey) => ("InvalidClientTokenId", 403),
            (Family::Query, Rejection::SessionExpired) => ("ExpiredToken", 403),
            (Family::Ec2, Rejection::Stale(_) | Rejection::Expired | Rejection::SessionExpired) => {
                ("RequestExpired", 400)
            }
            (Family::Ec2, Rejection::Mismatch) => ("SignatureDoesNotMatch", 403),
            (
                Family::Ec2,
                Rejection::Missing | Rejection::Incomplete(_) | Rejection::Scope(_) | Rejection::UnknownKey,
            ) => ("AuthFailure", 401),
        }
    }

    /// The text for the caller.
    pub fn message(&self, family: Family) -> String {
        match (family, self) {
            (Family::Ec2, Rejection::UnknownKey) => {
                "AWS was not able to validate the provided access credentials".to_owned()
            }
            (Family::Ec2, Rejection::Stale(_)) => Rejection::Expired.to_string(),
            (Family::Json | Family::Query | Family::Ec2, _) => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_name_the_same_thing_differently() {
        let check = |rejection: Rejection, json, query, ec2| {
            assert_eq!(rejection.answer(Family::Json), json);
            assert_eq!(rejection.answer(Family::Query), query);
            assert_eq!(rejection.answer(Family::Ec2), ec2);
        };
        check(
            Rejection::UnknownKey,
            ("UnrecognizedClientException", 400),
            ("InvalidClientTokenId", 403),
            ("AuthFailure", 401),
        );
        check(
            Rejection::Mismatch,
            ("InvalidSignatureException", 400),
            ("SignatureDoesNotMatch", 403),
            ("SignatureDoesNotMatch", 403),
        );
    }
}

//! Errors as the distribution protocol shows them: status, code, message, headers.

use ::http::header::{HeaderValue, WWW_AUTHENTICATE};
use ::http::{Response, StatusCode};
use model::ecr::Digest;
use serde_json::{Value, json};
use wire::oci::{ErrorBody, ErrorCode, ErrorEntry};

use super::Body;
use super::answer::json;
use crate::error::{Error, Fault};

/// The answer to a request that failed.
pub(super) fn refuse(error: &Error, realm: &str) -> Response<Body> {
    let (status, code) = classify(error);
    // What went wrong on our side is not the caller's business.
    let message = match error.fault() {
        Fault::Caller => error.to_string(),
        Fault::Ours => "The request failed due to a failure of the server.".to_owned(),
    };
    let entry = ErrorEntry { code, message, detail: detail(error) };
    let mut answer = json(status, "application/json", &ErrorBody { errors: vec![entry] });
    if status == StatusCode::UNAUTHORIZED {
        let challenge = format!("Basic realm=\"{realm}\",service=\"ecr.amazonaws.com\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
    }
    answer
}

fn classify(error: &Error) -> (StatusCode, ErrorCode) {
    match error {
        Error::RepositoryUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        Error::RepositoryExists { .. } | Error::RepositoryNotEmpty { .. } => {
            (StatusCode::CONFLICT, ErrorCode::Denied)
        }
        Error::CacheRuleUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        Error::CacheRuleExists(_) | Error::TooManyCacheRules(_) | Error::ListedByIndex(_) => {
            (StatusCode::CONFLICT, ErrorCode::Denied)
        }
        Error::Upstream(_) | Error::PeerUnknown(_) | Error::PeerRefused { .. } => {
            (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown)
        }
        Error::TemplateUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        Error::TemplateExists(_) => (StatusCode::CONFLICT, ErrorCode::Denied),
        Error::NameInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::NameInvalid),
        Error::DigestMalformed(_) | Error::DigestMismatch { .. } => {
            (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid)
        }
        Error::BlobUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
        Error::UploadUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        Error::ChunkOutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::BlobUploadInvalid),
        Error::ChunkLength { .. } => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
        Error::UploadBusy => (StatusCode::CONFLICT, ErrorCode::BlobUploadInvalid),
        Error::RequestInvalid(_) | Error::BodyBroken(_) => {
            (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid)
        }
        Error::ManifestUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        Error::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
        Error::ManifestTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ManifestInvalid),
        Error::LayersMissing { .. } | Error::ImagesMissing { .. } => {
            (StatusCode::NOT_FOUND, ErrorCode::ManifestBlobUnknown)
        }
        Error::TooManyTags(_) => (StatusCode::URI_TOO_LONG, ErrorCode::TagInvalid),
        Error::TagMalformed(_) | Error::TagImmutable { .. } => {
            (StatusCode::BAD_REQUEST, ErrorCode::TagInvalid)
        }
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized),
        Error::TokenInvalid | Error::TokenExpired => (StatusCode::FORBIDDEN, ErrorCode::Denied),
        Error::Denied { .. } => (StatusCode::FORBIDDEN, ErrorCode::Denied),
        Error::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
        Error::Contended => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
        Error::Store { .. } | Error::Content { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
        }
    }
}

fn detail(error: &Error) -> Option<Value> {
    match error {
        Error::LayersMissing { digests, .. } | Error::ImagesMissing { digests, .. } => {
            Some(json!({ "digests": digests.iter().map(Digest::as_str).collect::<Vec<_>>() }))
        }
        Error::BlobUnknown(digest) => Some(json!({ "digest": digest.as_str() })),
        Error::DigestMismatch { expected, found } => {
            Some(json!({ "expected": expected.as_str(), "found": found.as_str() }))
        }
        _ => None,
    }
}

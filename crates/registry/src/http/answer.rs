//! Building answers.

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use ::http::{Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use model::ecr::Digest;
use serde::Serialize;

use super::{Body, BodyError};
use crate::content::ContentStream;

/// `Docker-Content-Digest`
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// `Docker-Upload-UUID`
pub(crate) const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// `OCI-Subject`
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// `OCI-Tag`
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// `OCI-Filters-Applied`
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The answer to `/v2/`.
pub(super) fn base() -> Response<Body> {
    json(StatusCode::OK, "application/json", &serde_json::Map::new())
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    answer
}

/// An answer of known bytes.
pub(super) fn whole(status: StatusCode, content_type: &str, bytes: Bytes) -> Response<Body> {
    let length = bytes.len();
    let mut answer = Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    put(&mut answer, CONTENT_TYPE, content_type);
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}

/// An answer of JSON.
pub(super) fn json(status: StatusCode, content_type: &str, value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("answers hold only what JSON can express");
    whole(status, content_type, bytes.into())
}

/// An answer that streams `length` bytes.
pub(super) fn streamed(status: StatusCode, length: u64, content: ContentStream) -> Response<Body> {
    use futures_util::StreamExt;
    let frames = content.map(|part| part.map(Frame::data).map_err(|error| Box::new(error) as BodyError));
    let mut answer = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}

/// The same answer to HEAD: all headers, no bytes.
pub(super) fn without_body(answer: Response<Body>) -> Response<Body> {
    answer.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync())
}

/// Adds a header whose value was made of checked parts.
pub(super) fn put(answer: &mut Response<Body>, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("headers are made of names, digests and numbers");
    answer.headers_mut().insert(name, value);
}

/// Adds the digest of what the answer is about.
pub(super) fn put_digest(answer: &mut Response<Body>, digest: &Digest) {
    put(answer, CONTENT_DIGEST, digest.as_str());
}

/// Adds where the thing is. Relative: the client knows best by which name it reached us.
pub(super) fn put_location(answer: &mut Response<Body>, path: &str) {
    put(answer, LOCATION, path);
}

/// Adds what every answer of a registry carries.
pub(super) fn api_version(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    answer
}

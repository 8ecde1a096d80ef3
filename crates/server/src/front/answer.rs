//! Writes answers: body, status and headers, in the protocol in which the request spoke.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use registry::Body;
use services::ServiceError;
use services::error::Fault;
use services::logs::live::LiveTail;
use wire::protocol::{self, ErrorAnswer, eventstream};
use wire::{OperationModel, Protocol, Value};

use super::route::Speech;

/// How one request is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// The service and protocol.
    pub(super) speech: &'a Speech,
    /// The request's id.
    pub(super) request_id: &'a str,
    /// Whether the client asked for Query's error codes beside the JSON ones.
    pub(super) wants_query_error: bool,
}

impl Answer<'_> {
    /// What the operation answers.
    pub(super) fn success(self, operation: &OperationModel, value: &Value) -> Response<Body> {
        let Speech { service, protocol } = *self.speech;
        self.response(StatusCode::OK, protocol::encode(protocol, service, operation, value, self.request_id))
    }

    /// What goes on until the session ends.
    pub(super) fn stream(self, session: LiveTail) -> Response<Body> {
        let mut response = self.response(StatusCode::OK, Vec::new());
        let content_type = HeaderValue::from_static(eventstream::CONTENT_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        *response.body_mut() = super::live::body(session);
        response
    }

    /// Why there is no such answer.
    pub(super) fn failure(self, error: &ServiceError) -> Response<Body> {
        let Speech { service, protocol } = *self.speech;
        let said = ErrorAnswer {
            code: &error.code,
            message: &error.message,
            sender: error.fault == Fault::Sender,
            extra: &error.extra,
        };
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            self.response(status, protocol::encode_error(protocol, service, &said, self.request_id));
        let query_error = protocol::query_error_header(protocol, service, &said);
        if let Some(value) = query_error.filter(|_| self.wants_query_error)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }

    fn response(self, status: StatusCode, body: Vec<u8>) -> Response<Body> {
        let Speech { service, protocol } = *self.speech;
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let content_type = protocol::content_type(protocol, service);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(id) = HeaderValue::from_str(self.request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if protocol == Protocol::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

/// The answer of a live process: 200 once it can be given work, 503 while it starts.
pub(super) fn health(method: &Method, ready: bool) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = Response::new(full(Vec::new()));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let (status, code) =
        if ready { ("ok", StatusCode::OK) } else { ("starting", StatusCode::SERVICE_UNAVAILABLE) };
    let body = format!("{{\"status\":\"{status}\",\"version\":\"{}\"}}\n", env!("CARGO_PKG_VERSION"));
    let mut response = Response::new(full(body.into_bytes()));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A plain answer, for what is no API.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text.as_bytes().to_vec()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn full(body: Vec<u8>) -> Body {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()
}

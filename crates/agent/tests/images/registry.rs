//! A registry of a few blobs, as small as a test needs it, that can break off and forbid.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

type Body = StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::io::Error>>>>;

/// What the registry holds and how it behaves.
#[derive(Default)]
pub struct Contents {
    /// By path below `/v2/`: media type and bytes.
    pub documents: BTreeMap<String, (String, Bytes)>,
    /// Requests so far: method, path, range.
    pub requests: Vec<(String, String, Option<String>)>,
    /// The next answers to blob requests end after so many bytes.
    pub cuts: Vec<usize>,
    /// The only accepted `Authorization` header.
    pub authorization: Option<String>,
}

/// A registry that serves until the test ends.
#[derive(Clone)]
pub struct Registry {
    pub contents: Arc<Mutex<Contents>>,
    pub address: SocketAddr,
}

impl Registry {
    pub async fn start() -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = Registry { contents: Arc::default(), address: listener.local_addr().unwrap() };
        let serving = registry.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let answer = serving.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
        registry
    }

    /// Adds a blob and answers its descriptor.
    pub fn blob(&self, repository: &str, media_type: &str, bytes: Vec<u8>) -> serde_json::Value {
        let digest = digest(&bytes);
        let descriptor = serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        let path = format!("{repository}/blobs/{digest}");
        self.contents.lock().documents.insert(path, ("application/octet-stream".into(), bytes.into()));
        descriptor
    }

    /// Adds a manifest under a tag and its digest, and answers its descriptor.
    pub fn manifest(&self, repository: &str, tag: &str, document: &serde_json::Value) -> serde_json::Value {
        let bytes = Bytes::from(document.to_string());
        let media_type = document["mediaType"].as_str().unwrap().to_string();
        let digest = digest(&bytes);
        let mut contents = self.contents.lock();
        for name in [tag, &digest] {
            let path = format!("{repository}/manifests/{name}");
            contents.documents.insert(path, (media_type.clone(), bytes.clone()));
        }
        serde_json::json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    pub fn count(&self, part: &str) -> usize {
        self.contents.lock().requests.iter().filter(|(_, path, _)| path.contains(part)).count()
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let mut contents = self.contents.lock();
        let path = request.uri().path().trim_start_matches("/v2/").to_string();
        let header =
            |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(ToString::to_string);
        let range = header(header::RANGE);
        contents.requests.push((request.method().to_string(), path.clone(), range.clone()));
        if contents.authorization.is_some() && header(header::AUTHORIZATION) != contents.authorization {
            let denied = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            let mut answer = respond(StatusCode::UNAUTHORIZED, "application/json", Bytes::from(denied), None);
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, "Basic realm=\"test\"".parse().unwrap());
            return answer;
        }
        if path.is_empty() {
            return respond(StatusCode::OK, "application/json", Bytes::from("{}"), None);
        }
        let Some((media_type, bytes)) = contents.documents.get(&path).cloned() else {
            let missing = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            return respond(StatusCode::NOT_FOUND, "application/json", Bytes::from(missing), None);
        };
        let start =
            range.and_then(|range| range.strip_prefix("bytes=")?.trim_end_matches('-').parse::<usize>().ok());
        let status = if start.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let cut = if path.contains("/blobs/") { contents.cuts.pop() } else { None };
        respond(status, &media_type, bytes.slice(start.unwrap_or(0)..), cut)
    }
}

fn respond(status: StatusCode, media_type: &str, bytes: Bytes, cut: Option<usize>) -> Response<Body> {
    let length = bytes.len();
    let frames = match cut {
        None => vec![Ok(Frame::data(bytes))],
        Some(cut) => {
            vec![Ok(Frame::data(bytes.slice(..cut.min(length)))), Err(std::io::Error::other("cut"))]
        }
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CONTENT_LENGTH, length)
        .body(StreamBody::new(futures_util::stream::iter(frames)))
        .unwrap()
}

pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

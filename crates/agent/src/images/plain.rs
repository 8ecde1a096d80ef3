//! Registries without TLS, such as our own: one connection pool for all, and not one request too many.
//!
//! The general client costs a TLS stack for each login and asks `/v2/` first. Tasks of our own registry
//! come with a fresh login each, so theirs is the path that has to be short.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, BodyStream, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use wire::oci::{ErrorBody, ErrorCode, MediaType};

use super::client::BlobStream;
use super::error::Error;
use super::reference::Located;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A registry that sends nothing for so long is given up for this attempt.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// An error's text is read up to here.
const ERROR_BYTES: usize = 64 << 10;

/// Connections to plain registries; clones share them.
#[derive(Clone)]
pub(super) struct Plain {
    http: Client<HttpConnector, Empty<Bytes>>,
}

/// What a plain registry answered.
pub(super) enum Answered<T> {
    /// What was asked for.
    Found(T),
    /// It wants what only the general client can: a bearer token, a redirect followed.
    Beyond,
}

impl Default for Plain {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        Plain { http: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

impl Plain {
    /// A manifest or an index.
    pub(super) async fn manifest(
        &self,
        located: &Located,
        login: Option<&(String, String)>,
        limit: u64,
    ) -> Result<Answered<Bytes>, Error> {
        let reference = located.reference.digest().or(located.reference.tag()).unwrap_or("latest");
        let kinds =
            [MediaType::OciManifest, MediaType::DockerManifest, MediaType::OciIndex, MediaType::DockerList];
        let accept = kinds.map(MediaType::as_str).join(", ");
        let headers = [(header::ACCEPT, accept)];
        let answer = self.get(located, &format!("manifests/{reference}"), login, headers).await?;
        let Answered::Found(answer) = answer else { return Ok(Answered::Beyond) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let body =
            tokio::time::timeout(READ_TIMEOUT, Limited::new(answer.into_body(), limit).collect()).await;
        match body {
            Ok(Ok(body)) => Ok(Answered::Found(body.to_bytes())),
            Ok(Err(error)) => Err(Error::Registry(format!("reading a manifest: {error}"))),
            Err(_elapsed) => Err(Error::Registry("reading a manifest: i/o timeout".into())),
        }
    }

    /// A blob's bytes from `offset` on.
    pub(super) async fn blob(
        &self,
        located: &Located,
        login: Option<&(String, String)>,
        digest: &str,
        offset: u64,
    ) -> Result<Answered<BlobStream>, Error> {
        let range = (offset > 0).then(|| (header::RANGE, format!("bytes={offset}-")));
        let answer = self.get(located, &format!("blobs/{digest}"), login, range).await?;
        let Answered::Found(answer) = answer else { return Ok(Answered::Beyond) };
        let offset = if answer.status() == StatusCode::PARTIAL_CONTENT { offset } else { 0 };
        let frames = TryStreamExt::map_err(BodyStream::new(answer.into_body()), std::io::Error::other);
        let chunks = frames.try_filter_map(|frame| async move { Ok(frame.into_data().ok()) });
        let chunks = tokio_stream::StreamExt::timeout(chunks, READ_TIMEOUT)
            .map(|chunk| chunk.unwrap_or_else(|_elapsed| Err(std::io::ErrorKind::TimedOut.into())));
        Ok(Answered::Found(BlobStream { offset, chunks: chunks.boxed() }))
    }

    async fn get(
        &self,
        located: &Located,
        path: &str,
        login: Option<&(String, String)>,
        headers: impl IntoIterator<Item = (header::HeaderName, String)>,
    ) -> Result<Answered<Response<Incoming>>, Error> {
        let (registry, repository) = (located.reference.registry(), located.reference.repository());
        let url = format!("http://{registry}/v2/{repository}/{path}");
        let uri: Uri = url.parse().map_err(|error| Error::Malformed(format!("{url}: {error}")))?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let basic = login.map(|(user, password)| STANDARD.encode(format!("{user}:{password}")));
        let basic = basic.map(|text| (header::AUTHORIZATION, format!("Basic {text}")));
        for (name, value) in basic.into_iter().chain(headers) {
            let value = HeaderValue::from_str(&value).map_err(|error| Error::Malformed(error.to_string()))?;
            request.headers_mut().insert(name, value);
        }
        let failed = |cause: String| Error::Registry(format!("failed to do request: Get {url:?}: {cause}"));
        match tokio::time::timeout(READ_TIMEOUT, self.http.request(request)).await {
            Ok(Ok(answer)) if answer.status().is_success() => Ok(Answered::Found(answer)),
            Ok(Ok(answer)) if needs_more(&answer) => Ok(Answered::Beyond),
            Ok(Ok(answer)) => Err(refusal(answer, located, &url).await),
            Ok(Err(error)) => Err(failed(crate::task::error_chain(&error))),
            Err(_elapsed) => Err(failed("i/o timeout".into())),
        }
    }
}

fn needs_more(answer: &Response<Incoming>) -> bool {
    let challenges = |headers: &HeaderMap| {
        let all = headers.get_all(header::WWW_AUTHENTICATE).iter();
        all.filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().starts_with("bearer"))
    };
    answer.status().is_redirection()
        || (answer.status() == StatusCode::UNAUTHORIZED && challenges(answer.headers()))
}

/// Says what a refusal means for the pull.
async fn refusal(answer: Response<Incoming>, located: &Located, url: &str) -> Error {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ERROR_BYTES).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let entry =
        serde_json::from_slice::<ErrorBody>(&body).ok().and_then(|body| body.errors.into_iter().next());
    let message = entry.as_ref().map(|entry| entry.message.clone()).unwrap_or_default();
    match (status, entry.map(|entry| entry.code)) {
        (_, Some(ErrorCode::BlobUnknown)) => Error::Malformed(format!("{url}: blob unknown to registry")),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Error::Denied { message },
        (StatusCode::NOT_FOUND, _) => Error::NotFound { shown: located.shown.clone() },
        _ => Error::Registry(format!("unexpected status code {url}: {status} {message}")),
    }
}

//! The HTTP side: one request of the distribution protocol under `/v2/`.
//!
//! Decode the route, authenticate, authorise, and hand over to the file of that noun. Every
//! answer carries `Docker-Distribution-Api-Version`; every error has the protocol's body.

mod answer;
mod blobs;
mod caller;
mod listing;
mod manifests;
mod query;
mod refusal;
mod route;
mod uploads;

use ::http::{Method, Request, Response, request};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use model::ecr::RepositoryName;
use model::{Arn, Timestamp};
use store::Versioned;

use crate::error::Error;
use crate::tables::{Repository, repository_arn};
use crate::token::Caller;
use crate::uploads::Incoming;
use crate::{Fault, Registry};

use answer::api_version;
use query::Query;
use route::Route;

pub(crate) use query::encode as encoded;

/// Why a body could not be read to its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>;

/// One request, decoded.
pub(crate) struct Asked {
    pub(crate) head: request::Parts,
    pub(crate) query: Query,
    pub(crate) caller: Caller,
    pub(crate) now: Timestamp,
}

impl Registry {
    /// Answers one request whose path begins with `/v2`.
    pub async fn handle<B>(&self, request: Request<B>, now: Timestamp) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let (head, body) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        let realm = caller::realm(&head);
        let answered = self.answer(head, incoming(body), now).await.unwrap_or_else(|error| {
            if error.fault() == Fault::Ours {
                tracing::error!(error = &error as &dyn std::error::Error, "a registry request failed");
            }
            refusal::refuse(&error, &realm)
        });
        api_version(if is_head { answer::without_body(answered) } else { answered })
    }

    async fn answer(
        &self,
        head: request::Parts,
        body: Incoming,
        now: Timestamp,
    ) -> Result<Response<Body>, Error> {
        let query = Query::parse(head.uri.query().unwrap_or_default());
        if let Some(seal) = query.get("X-Longshore-Seal") {
            return self.sealed_download(&head, seal, now);
        }
        let caller = self.authenticate(&head, now)?;
        let route = Route::parse(head.uri.path())?;
        let asked = Asked { head, query, caller, now };
        let method = asked.head.method.clone();
        match (route, method) {
            (Route::Base, Method::GET | Method::HEAD) => Ok(answer::base()),
            (Route::Catalog, Method::GET) => self.list_repositories(&asked),
            (Route::Tags(name), Method::GET) => self.list_tags(&asked, &name),
            (Route::Referrers(name, digest), Method::GET) => {
                self.list_referrers(&asked, &name, &digest).await
            }
            (Route::Manifest(name, reference), method) => {
                self.on_manifest(asked, method, &name, reference, body).await
            }
            (Route::Blob(name, digest), method) => self.on_blob(&asked, method, &name, &digest).await,
            (Route::Uploads(name), Method::POST) => self.on_uploads(&asked, &name, body).await,
            (Route::Upload(name, id), method) => self.on_upload(&asked, method, &name, &id, body).await,
            (Route::Base | Route::Catalog | Route::Tags(_) | Route::Referrers(..) | Route::Uploads(_), _) => {
                Err(Error::Unsupported)
            }
        }
    }

    /// Finds the repository, if the caller may do `action` to it.
    pub(crate) fn allowed(
        &self,
        asked: &Asked,
        name: &RepositoryName,
        action: &'static str,
    ) -> Result<Versioned<Repository>, Error> {
        self.authorize(asked, action, &repository_arn(&asked.caller.scope, name))?;
        self.repository(&asked.caller.scope, name)
    }

    /// Refuses what the caller may not do.
    pub(crate) fn authorize(&self, asked: &Asked, action: &'static str, resource: &Arn) -> Result<(), Error> {
        if self.gate.allows(&asked.caller, action, resource, asked.now) {
            return Ok(());
        }
        let (principal, resource) = (asked.caller.principal.to_string(), resource.to_string());
        Err(Error::Denied { principal, action, resource })
    }
}

/// The frames of a body, without trailers.
fn incoming<B>(body: B) -> Incoming
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let frames = body.into_data_stream();
    frames.map(|frame| frame.map_err(|error| Error::BodyBroken(error.into()))).boxed()
}

/// The text of a header; none if it is absent or not text.
pub(crate) fn header(head: &request::Parts, name: impl ::http::header::AsHeaderName) -> Option<&str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

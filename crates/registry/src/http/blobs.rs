//! `/v2/<name>/blobs/<digest>`: HEAD, GET with Range, DELETE; and downloads by sealed address.

use ::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE,
};
use ::http::{Method, Response, StatusCode, request};
use model::Timestamp;
use model::ecr::{Digest, RepositoryName};
use serde::{Deserialize, Serialize};
use store::{Txn, Versioned};

use super::answer::{empty, put, put_digest, streamed};
use super::{Asked, Body, header};
use crate::error::Error;
use crate::range::{Wanted, wanted};
use crate::repositories::raised;
use crate::tables::{Contents, Link};
use crate::{MAX_ATTEMPTS, Registry, store_failure};

/// What the address of a sealed download allows: one blob of one repository.
#[derive(Debug, Serialize, Deserialize)]
struct Download {
    repository: String,
    digest: Digest,
}

impl Registry {
    pub(super) async fn on_blob(
        &self,
        asked: &Asked,
        method: Method,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Response<Body>, Error> {
        match method {
            Method::HEAD => {
                let repository = self.allowed(asked, name, "ecr:BatchCheckLayerAvailability")?;
                let link = self.link_for_push(&repository, digest, asked.now).await?;
                Ok(described(&link, StatusCode::OK, link.size))
            }
            Method::GET => {
                let repository = self.allowed(asked, name, "ecr:GetDownloadUrlForLayer")?;
                let link = self.link(&repository, digest)?;
                self.download(&asked.head, &link)
            }
            Method::DELETE => {
                self.allowed(asked, name, "ecr:BatchDeleteImage")?;
                self.unlink(asked, name, digest).await?;
                Ok(empty(StatusCode::ACCEPTED))
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// Answers with a blob or the part of it that is asked for.
    fn download(&self, head: &request::Parts, link: &Link) -> Result<Response<Body>, Error> {
        let size = link.size;
        let (status, part) = match wanted(header(head, RANGE), size) {
            Wanted::Whole => (StatusCode::OK, 0..size),
            Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            Wanted::Unsatisfiable => {
                let mut answer = empty(StatusCode::RANGE_NOT_SATISFIABLE);
                put(&mut answer, CONTENT_RANGE, &format!("bytes */{size}"));
                return Ok(answer);
            }
        };
        let length = part.end - part.start;
        let content = self.open(&link.digest, part.clone())?;
        let mut answer = described(link, status, length).map(|_| ());
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            let value = range.parse().expect("numbers are header text");
            answer.headers_mut().insert(CONTENT_RANGE, value);
        }
        Ok(answer.map(|()| streamed(status, length, content).into_body()))
    }

    /// Takes a blob out of a repository; refused while an image needs it.
    async fn unlink(&self, asked: &Asked, name: &RepositoryName, digest: &Digest) -> Result<(), Error> {
        for _ in 0..MAX_ATTEMPTS {
            let snapshot = self.store.snapshot();
            let repository = crate::repositories::find(&snapshot, &asked.caller.scope, name)?;
            let fence: Versioned<Contents> = crate::repositories::fence(&snapshot, &repository)?;
            let link = self.link(&repository, digest)?;
            if crate::reap::is_needed(&snapshot, &link) {
                return Err(Error::Unsupported);
            }
            match self.store.commit(Txn::new().update(&fence, &raised(&fence)).remove(&link)).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(store_failure("removing a blob")(error)),
            }
        }
        Err(Error::Contended)
    }

    /// The path and query of an address that downloads one blob without credentials until then.
    pub fn download_path(&self, name: &RepositoryName, link: &Link, expires_at: Timestamp) -> String {
        let what = Download { repository: link.repository.clone(), digest: link.digest.clone() };
        let seal = self.seal.seal("download", &what, expires_at);
        format!("/v2/{name}/blobs/{}?X-Longshore-Seal={seal}", link.digest)
    }

    /// Answers a request to such an address.
    pub(super) fn sealed_download(
        &self,
        head: &request::Parts,
        seal: &str,
        now: Timestamp,
    ) -> Result<Response<Body>, Error> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return Err(Error::Unsupported);
        }
        let what: Download = self.seal.open("download", seal, now).map_err(|_| Error::TokenInvalid)?;
        let digest = head.uri.path().rsplit('/').next().unwrap_or_default();
        if digest != what.digest.as_str() {
            return Err(Error::TokenInvalid);
        }
        let link = self.store.get::<Link>(&store::key![what.repository, what.digest.as_str()]);
        let link = link.ok_or(Error::BlobUnknown(what.digest))?;
        self.download(head, &link)
    }
}

/// An answer with a blob's headers and no bytes yet.
fn described(link: &Link, status: StatusCode, length: u64) -> Response<Body> {
    let mut answer = empty(status);
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    put(&mut answer, CONTENT_TYPE, "application/octet-stream");
    put(&mut answer, ACCEPT_RANGES, "bytes");
    put(&mut answer, CACHE_CONTROL, "max-age=31536000");
    put(&mut answer, ETAG, &format!("\"{}\"", link.digest));
    put_digest(&mut answer, &link.digest);
    answer
}

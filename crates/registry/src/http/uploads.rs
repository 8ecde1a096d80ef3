//! `/v2/<name>/blobs/uploads/`: begin (also with everything at once, or by mounting), append,
//! ask, finish, cancel.

use ::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use ::http::{Method, Response, StatusCode, request};
use model::ecr::{Algorithm, Digest, RepositoryName};

use super::answer::{UPLOAD_UUID, empty, put, put_digest, put_location};
use super::route::parse_digest;
use super::{Asked, Body, header};
use crate::Registry;
use crate::error::Error;
use crate::range::ChunkRange;
use crate::settings::BLOB_MOUNTING;
use crate::tables::{Repository, repository_arn};
use crate::templates::Occasion;
use crate::uploads::{Chunk, Incoming};

impl Registry {
    pub(super) async fn on_uploads(
        &self,
        asked: &Asked,
        name: &RepositoryName,
        body: Incoming,
    ) -> Result<Response<Body>, Error> {
        let repository = self.allowed_or_made(asked, name, "ecr:InitiateLayerUpload").await?;
        if let Some(algorithm) = asked.query.get("digest-algorithm")
            && Algorithm::named(algorithm).is_none()
        {
            return Err(Error::DigestMalformed(algorithm.to_owned()));
        }
        if let Some(mount) = asked.query.get("mount") {
            let digest = parse_digest(mount)?;
            if self.try_mount(asked, name, &digest).await? {
                return Ok(stored(name, &digest));
            }
        }
        let expected = asked.query.get("digest").map(parse_digest).transpose()?;
        match expected {
            Some(expected) => {
                self.upload_whole(&repository, body, &expected, asked.now).await?;
                Ok(stored(name, &expected))
            }
            None => {
                let id = self.begin_upload(&repository).await?;
                Ok(progress(StatusCode::ACCEPTED, name, &id, 0))
            }
        }
    }

    /// Finds the repository, or makes it where a template says that pushes may.
    async fn allowed_or_made(
        &self,
        asked: &Asked,
        name: &RepositoryName,
        action: &'static str,
    ) -> Result<Repository, Error> {
        match self.allowed(asked, name, action) {
            Ok(found) => Ok(Repository::clone(&found)),
            Err(Error::RepositoryUnknown { .. }) => {
                let scope = &asked.caller.scope;
                if self.template_for(scope, name, Occasion::CreateOnPush).is_some() {
                    self.authorize(asked, "ecr:CreateRepository", &repository_arn(scope, name))?;
                }
                self.find_or_make(scope, name, Occasion::CreateOnPush, asked.now).await
            }
            Err(error) => Err(error),
        }
    }

    /// Mounts a blob of another repository, if there is one that the caller may read: the one
    /// that is named, or any where none is.
    ///
    /// If not, the specification has the client upload it: that is not an error.
    async fn try_mount(&self, asked: &Asked, to: &RepositoryName, digest: &Digest) -> Result<bool, Error> {
        let mounting = self.settings(&asked.caller.scope).account.get(BLOB_MOUNTING).cloned();
        if mounting.is_some_and(|value| value == "DISABLED") {
            return Ok(false);
        }
        let may_read =
            |from: &RepositoryName| self.allowed(asked, from, "ecr:GetDownloadUrlForLayer").is_ok();
        let from = match asked.query.get("from").filter(|from| !from.is_empty()) {
            Some(named) => named.parse().ok().filter(may_read),
            None => self.holder(&asked.caller.scope, digest, |owner| may_read(&owner.name)),
        };
        let Some(from) = from else { return Ok(false) };
        match self.mount(&asked.caller.scope, &from, to, digest, asked.now).await {
            Ok(()) => Ok(true),
            Err(Error::BlobUnknown(_) | Error::RepositoryUnknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn on_upload(
        &self,
        asked: &Asked,
        method: Method,
        name: &RepositoryName,
        id: &str,
        body: Incoming,
    ) -> Result<Response<Body>, Error> {
        match method {
            Method::GET => {
                let repository = self.allowed(asked, name, "ecr:UploadLayerPart")?;
                let size = self.upload_size(&repository, id).await?;
                Ok(progress(StatusCode::NO_CONTENT, name, id, size))
            }
            Method::PATCH => {
                let repository = self.allowed(asked, name, "ecr:UploadLayerPart")?;
                let chunk = chunk(&asked.head, body)?;
                match self.append(&repository, id, chunk).await {
                    Ok(size) => Ok(progress(StatusCode::ACCEPTED, name, id, size)),
                    Err(error) => out_of_order(error, name, id),
                }
            }
            Method::PUT => {
                let repository = self.allowed(asked, name, "ecr:CompleteLayerUpload")?;
                let digest =
                    asked.query.get("digest").ok_or_else(|| Error::DigestMalformed(String::new()))?;
                let digest = parse_digest(digest)?;
                let chunk = chunk(&asked.head, body)?;
                match self.finish_upload(&repository, id, chunk, &digest, asked.now).await {
                    Ok(_) => Ok(stored(name, &digest)),
                    Err(error) => out_of_order(error, name, id),
                }
            }
            Method::DELETE => {
                let repository = self.allowed(asked, name, "ecr:UploadLayerPart")?;
                self.cancel_upload(&repository, id).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            _ => Err(Error::Unsupported),
        }
    }
}

/// A chunk out of place is told where the upload stands; other errors stay errors.
fn out_of_order(error: Error, name: &RepositoryName, id: &str) -> Result<Response<Body>, Error> {
    match error {
        Error::ChunkOutOfOrder { received } => {
            Ok(progress(StatusCode::RANGE_NOT_SATISFIABLE, name, id, received))
        }
        other => Err(other),
    }
}

/// The body as a chunk; its `Content-Range` must agree with its `Content-Length`.
fn chunk(head: &request::Parts, bytes: Incoming) -> Result<Chunk, Error> {
    let range = match header(head, CONTENT_RANGE) {
        Some(raw) => Some(ChunkRange::parse(raw).ok_or(Error::RequestInvalid("Content-Range is malformed"))?),
        None => None,
    };
    let length = header(head, CONTENT_LENGTH).and_then(|raw| raw.parse::<u64>().ok());
    if let (Some(range), Some(length)) = (range, length)
        && range.byte_count() != length
    {
        return Err(Error::ChunkLength { announced: range.byte_count(), received: length });
    }
    Ok(Chunk { range, bytes })
}

/// Where an upload stands. `Range` has no form for nothing, so that is `0-0`, as everywhere.
fn progress(status: StatusCode, name: &RepositoryName, id: &str, size: u64) -> Response<Body> {
    let mut answer = empty(status);
    put_location(&mut answer, &format!("/v2/{name}/blobs/uploads/{id}"));
    put(&mut answer, RANGE, &format!("0-{}", size.saturating_sub(1)));
    put(&mut answer, UPLOAD_UUID, id);
    answer
}

/// A blob is in the repository now.
fn stored(name: &RepositoryName, digest: &Digest) -> Response<Body> {
    let mut answer = empty(StatusCode::CREATED);
    put_location(&mut answer, &format!("/v2/{name}/blobs/{digest}"));
    put_digest(&mut answer, digest);
    answer
}

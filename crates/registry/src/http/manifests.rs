//! `/v2/<name>/manifests/<reference>`: HEAD, GET, PUT, DELETE.

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use ::http::{Method, Response, StatusCode};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use model::ecr::{ImageTag, RepositoryName};

use super::answer::{OCI_SUBJECT, OCI_TAG, empty, put, put_digest, put_location, whole};
use super::{Asked, Body, header};
use crate::Registry;
use crate::error::Error;
use crate::images::Reference;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::push::{MAX_TAGS, Push};
use crate::tables::{Image, repository_arn};
use crate::uploads::Incoming;

impl Registry {
    pub(super) async fn on_manifest(
        &self,
        asked: Asked,
        method: Method,
        name: &RepositoryName,
        reference: Reference,
        body: Incoming,
    ) -> Result<Response<Body>, Error> {
        let scope = &asked.caller.scope;
        if matches!(method, Method::HEAD | Method::GET)
            && self.is_to_be_brought(scope, name, &reference, asked.now)
        {
            self.authorize(&asked, "ecr:BatchImportUpstreamImage", &repository_arn(scope, name))?;
            self.bring(scope, name, &reference, asked.now).await?;
        }
        match method {
            Method::HEAD => {
                let repository = self.allowed(&asked, name, "ecr:BatchGetImage")?;
                let image = self.pullable(&repository, &reference)?;
                let mut answer = described(&image, empty(StatusCode::OK));
                answer.headers_mut().insert(CONTENT_LENGTH, image.manifest_size.into());
                Ok(answer)
            }
            Method::GET => {
                let repository = self.allowed(&asked, name, "ecr:BatchGetImage")?;
                let image = self.pullable(&repository, &reference)?;
                let caller = asked.caller.principal.to_string();
                let bytes = self.pull(&image, &asked.caller.scope, &caller, asked.now).await?;
                Ok(described(&image, whole(StatusCode::OK, &image.media_type, bytes)))
            }
            Method::PUT => self.put_manifest(asked, name, reference, body).await,
            Method::DELETE => {
                let repository = self.allowed(&asked, name, "ecr:BatchDeleteImage")?;
                match reference {
                    Reference::Tag(tag) => self.untag(&repository, &tag).await.map(|_| ())?,
                    Reference::Digest(digest) => self.delete_image(&repository, &digest).await.map(|_| ())?,
                }
                Ok(empty(StatusCode::ACCEPTED))
            }
            _ => Err(Error::Unsupported),
        }
    }

    async fn put_manifest(
        &self,
        asked: Asked,
        name: &RepositoryName,
        reference: Reference,
        body: Incoming,
    ) -> Result<Response<Body>, Error> {
        self.allowed(&asked, name, "ecr:PutImage")?;
        let manifest = collect(body).await?;
        let media_type = header(&asked.head, CONTENT_TYPE).map(str::to_owned);
        let (tags, digest) = match reference {
            Reference::Tag(tag) => (vec![tag], None),
            Reference::Digest(digest) => (tags_asked(&asked)?, Some(digest)),
        };
        let by_digest = digest.is_some();
        let push =
            Push { manifest, media_type, tags: tags.clone(), digest, is_copy: false, is_sparse: false };
        let pushed = self.push(&asked.caller.scope, name, push, asked.now).await?;
        let mut answer = empty(StatusCode::CREATED);
        put_location(&mut answer, &format!("/v2/{name}/manifests/{}", pushed.image.digest));
        put_digest(&mut answer, &pushed.image.digest);
        for tag in tags.iter().filter(|_| by_digest) {
            let value = tag.as_str().parse().expect("tags are header text");
            answer.headers_mut().append(OCI_TAG, value);
        }
        if let Some(subject) = &pushed.image.subject {
            put(&mut answer, OCI_SUBJECT, subject.as_str());
        }
        Ok(answer)
    }
}

/// The tags that a push by digest asks for, each once.
fn tags_asked(asked: &Asked) -> Result<Vec<ImageTag>, Error> {
    let parse = |raw: &str| raw.parse().map_err(|_| Error::TagMalformed(raw.to_owned()));
    let mut tags = asked.query.all("tag").map(parse).collect::<Result<Vec<ImageTag>, _>>()?;
    tags.sort();
    tags.dedup();
    if tags.len() > MAX_TAGS { Err(Error::TooManyTags(MAX_TAGS)) } else { Ok(tags) }
}

/// A manifest's headers.
fn described(image: &Image, mut answer: Response<Body>) -> Response<Body> {
    put(&mut answer, CONTENT_TYPE, &image.media_type);
    put(&mut answer, ETAG, &format!("\"{}\"", image.digest));
    put_digest(&mut answer, &image.digest);
    answer
}

/// The whole body, up to the largest manifest.
async fn collect(mut body: Incoming) -> Result<Bytes, Error> {
    let mut manifest = BytesMut::new();
    while let Some(frame) = body.next().await {
        manifest.extend_from_slice(&frame?);
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(Error::ManifestTooLarge(MAX_MANIFEST_BYTES));
        }
    }
    Ok(manifest.freeze())
}

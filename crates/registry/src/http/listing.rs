//! Lists: tags of a repository, repositories of a registry, referrers of an image. Each ends
//! with a `Link` to the next page while there is one.

use ::http::header::LINK;
use ::http::{Response, StatusCode};
use model::Arn;
use model::ecr::{Digest, RepositoryName};
use serde_json::json;
use wire::oci::{Descriptor, ImageIndex, TagList, media_types};

use super::answer::{OCI_FILTERS_APPLIED, json, put};
use super::query::encode;
use super::route::parse_digest;
use super::{Asked, Body};
use crate::Registry;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::tables::Image;

/// The most entries of one page.
const MAX_ENTRIES: usize = 1000;
/// The most referrers of one page.
const MAX_REFERRERS: usize = 100;
/// How long their annotations may be: a page stays below 4 MiB as the specification asks,
/// unless a single referrer is longer.
const MAX_PAGE_BYTES: usize = 3 << 20;

impl Registry {
    pub(super) fn list_tags(&self, asked: &Asked, name: &RepositoryName) -> Result<Response<Body>, Error> {
        let repository = self.allowed(asked, name, "ecr:ListImages")?;
        let limit = limit(asked)?;
        let mut tags: Vec<String> = self
            .tags(&repository, asked.query.get("last"), limit + 1)
            .iter()
            .map(|row| row.tag.to_string())
            .collect();
        let more = tags.len() > limit;
        tags.truncate(limit);
        let next = tags
            .last()
            .filter(|_| more)
            .map(|last| format!("/v2/{name}/tags/list?n={limit}&last={}", encode(last)));
        let list = TagList { name: name.to_string(), tags };
        Ok(linked(json(StatusCode::OK, "application/json", &list), next))
    }

    pub(super) fn list_repositories(&self, asked: &Asked) -> Result<Response<Body>, Error> {
        let everything = Arn::new("ecr", &asked.caller.scope, "repository/*");
        self.authorize(asked, "ecr:DescribeRepositories", &everything)?;
        let limit = limit(asked)?;
        let last = asked.query.get("last").map(str::parse::<RepositoryName>).transpose();
        let last = last.map_err(|error| Error::NameInvalid(error.to_string()))?;
        let mut names: Vec<String> = self
            .repositories(&asked.caller.scope, last.as_ref(), limit + 1)
            .iter()
            .map(|row| row.name.to_string())
            .collect();
        let more = names.len() > limit;
        names.truncate(limit);
        let next =
            names.last().filter(|_| more).map(|last| format!("/v2/_catalog?n={limit}&last={}", encode(last)));
        let list = json!({ "repositories": names });
        Ok(linked(json(StatusCode::OK, "application/json", &list), next))
    }

    pub(super) async fn list_referrers(
        &self,
        asked: &Asked,
        name: &RepositoryName,
        subject: &Digest,
    ) -> Result<Response<Body>, Error> {
        let repository = self.allowed(asked, name, "ecr:BatchGetImage")?;
        let wanted = asked.query.get("artifactType").filter(|wanted| !wanted.is_empty());
        let after = asked.query.get("last").map(parse_digest).transpose()?;
        let page = self.referrers(&repository, subject, wanted, after.as_ref(), MAX_REFERRERS);
        let (mut manifests, mut bytes, mut next) = (Vec::new(), 0, page.next);
        for image in &page.images {
            let descriptor = self.descriptor(image).await?;
            bytes += length(&descriptor);
            if bytes > MAX_PAGE_BYTES && !manifests.is_empty() {
                next = Some(last_digest(&manifests)?);
                break;
            }
            manifests.push(descriptor);
        }
        let index = ImageIndex {
            schema_version: 2,
            media_type: Some(media_types::OCI_INDEX.to_owned()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: None,
        };
        let mut answer = json(StatusCode::OK, media_types::OCI_INDEX, &index);
        if wanted.is_some() {
            put(&mut answer, OCI_FILTERS_APPLIED, "artifactType");
        }
        let next = next.map(|last| {
            let filter = wanted.map(|wanted| format!("&artifactType={}", encode(wanted))).unwrap_or_default();
            format!("/v2/{name}/referrers/{subject}?last={last}{filter}")
        });
        Ok(linked(answer, next))
    }
}

impl Registry {
    async fn descriptor(&self, image: &Image) -> Result<Descriptor, Error> {
        let annotations = if image.annotations_apart {
            let bytes = self.manifest(image).await?;
            Manifest::parse(&bytes, Some(&image.media_type))?.annotations
        } else {
            image.annotations.clone()
        };
        Ok(Descriptor {
            media_type: image.media_type.clone(),
            digest: image.digest.to_string(),
            size: i64::try_from(image.manifest_size).unwrap_or(i64::MAX),
            artifact_type: image.artifact_type.clone(),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..Descriptor::default()
        })
    }
}

/// The length of a descriptor's annotations.
fn length(descriptor: &Descriptor) -> usize {
    descriptor.annotations.iter().flatten().map(|(name, value)| name.len() + value.len()).sum()
}

fn last_digest(manifests: &[Descriptor]) -> Result<Digest, Error> {
    parse_digest(manifests.last().map_or("", |last| &last.digest))
}

/// The page size that is asked for.
fn limit(asked: &Asked) -> Result<usize, Error> {
    match asked.query.get("n") {
        None => Ok(MAX_ENTRIES - 1),
        Some(raw) => {
            let wanted: usize = raw.parse().map_err(|_| Error::RequestInvalid("n is not a number"))?;
            Ok(wanted.min(MAX_ENTRIES - 1))
        }
    }
}

/// Adds the address of the next page.
fn linked(mut answer: Response<Body>, next: Option<String>) -> Response<Body> {
    if let Some(next) = next {
        put(&mut answer, LINK, &format!("<{next}>; rel=\"next\""));
    }
    answer
}

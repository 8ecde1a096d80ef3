//! Where layers and log segments are kept: the data directory, or S3-compatible object storage.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use store::BlobName;
use store::blobs::S3Options;

use crate::keys;

/// The region of buckets that are not Amazon's.
const DEFAULT_REGION: &str = "us-east-1";

/// The choice, as flags, environment variables and keys of a TOML file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct BlobOptions {
    /// Keep layers and log segments in this bucket instead of the data directory
    #[arg(long, env = "LONGSHORE_BLOBS", value_name = "s3://BUCKET/PREFIX")]
    pub blobs: Option<String>,
    /// The address of the object storage, if it is not Amazon's
    #[arg(long, env = "LONGSHORE_BLOBS_ENDPOINT", value_name = "URL")]
    pub blobs_endpoint: Option<String>,
    /// The region of the bucket [default: us-east-1]
    #[arg(long, env = "LONGSHORE_BLOBS_REGION", value_name = "REGION")]
    pub blobs_region: Option<String>,
    /// A file with the bucket's key: aws_access_key_id = ... and aws_secret_access_key = ... [default: AWS_... of
    /// the environment, else the machine's role]
    #[arg(long, env = "LONGSHORE_BLOBS_ACCESS_KEY_FILE", value_name = "FILE")]
    pub blobs_access_key_file: Option<PathBuf>,
}

impl BlobOptions {
    /// These options, and those of `file` where nothing was said.
    pub fn or(self, file: BlobOptions) -> BlobOptions {
        BlobOptions {
            blobs: self.blobs.or(file.blobs),
            blobs_endpoint: self.blobs_endpoint.or(file.blobs_endpoint),
            blobs_region: self.blobs_region.or(file.blobs_region),
            blobs_access_key_file: self.blobs_access_key_file.or(file.blobs_access_key_file),
        }
    }

    /// The bucket, if one was chosen.
    pub fn check(&self) -> Result<Option<S3Options>> {
        let Some(address) = &self.blobs else {
            if *self != BlobOptions::default() {
                bail!("--blobs-endpoint, --blobs-region and --blobs-access-key-file go with --blobs");
            }
            return Ok(None);
        };
        let place = address.strip_prefix("s3://").map(|place| place.trim_end_matches('/'));
        let place = place.with_context(|| format!("--blobs {address}: write s3://BUCKET/PREFIX"))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() || (!prefix.is_empty() && BlobName::new(prefix).is_err()) {
            bail!("--blobs {address}: write s3://BUCKET/PREFIX");
        }
        if let Some(endpoint) = &self.blobs_endpoint
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            bail!("--blobs-endpoint {endpoint}: an address begins with http:// or https://");
        }
        Ok(Some(S3Options {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: self.blobs_endpoint.clone(),
            region: self.blobs_region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            credentials: self.blobs_access_key_file.as_deref().map(keys::bucket_key).transpose()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_with_its_prefix() {
        let with = |address: &str| BlobOptions { blobs: Some(address.into()), ..BlobOptions::default() };
        let found = with("s3://logs/a/b/").check().unwrap().unwrap();
        assert_eq!((found.bucket.as_str(), found.prefix.as_str()), ("logs", "a/b"));
        assert_eq!(with("s3://logs").check().unwrap().unwrap().prefix, "");
        for bad in ["logs", "s3://", "s3://logs/../up", "http://logs/a"] {
            assert!(with(bad).check().is_err(), "{bad}");
        }
        assert!(BlobOptions::default().check().unwrap().is_none());
        let lonely = BlobOptions { blobs_region: Some("x".into()), ..BlobOptions::default() };
        assert!(lonely.check().is_err());
    }
}

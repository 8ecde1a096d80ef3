//! Opens the blob store that the operator chose: the data directory, or a bucket.
//!
//! A data directory stays with its first choice: the state store points to blobs, and they would be missing
//! in the other place.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use model::IdSource;
use store::Blobs;
use store::blobs::S3Options;

use crate::clock::SystemIds;
use crate::private;

/// Opens it; `s3` names the bucket, if there is one.
pub async fn open(data_dir: &Path, s3: Option<&S3Options>) -> Result<Blobs> {
    let directory = data_dir.join("blobs");
    let note = directory.join("bucket");
    let kept = match fs::read_to_string(&note) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("reading {}", note.display())),
    };
    let kept = kept.as_deref().and_then(|text| text.trim().split_once(' '));
    match (s3, kept) {
        (None, None) => Blobs::open(&directory).await.context("opening the blob store"),
        (None, Some((_, address))) => {
            bail!("the blobs of {} are in {address}: name it with --blobs", data_dir.display())
        }
        (Some(s3), Some((owner, address))) => {
            if address != written(s3) {
                bail!("the blobs of {} are in {address}, not in {}", data_dir.display(), written(s3));
            }
            remote(&directory, s3, owner).await
        }
        (Some(s3), None) => {
            if directory.join("blobs").exists() {
                bail!(
                    "--blobs {}: {} holds blobs already; a bucket is chosen at the first start",
                    written(s3),
                    directory.display()
                );
            }
            let owner = SystemIds.hex32();
            let blobs = remote(&directory, s3, &owner).await?;
            private::write(&note, &format!("{owner} {}\n", written(s3)))?;
            Ok(blobs)
        }
    }
}

async fn remote(directory: &Path, s3: &S3Options, owner: &str) -> Result<Blobs> {
    let opened = Blobs::open_s3(directory, s3, owner).await;
    opened.with_context(|| format!("opening the blob store in {}", written(s3)))
}

fn written(s3: &S3Options) -> String {
    format!("s3://{}/{}", s3.bucket, s3.prefix)
}

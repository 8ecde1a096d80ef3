//! The registry's side of the blob store: names of objects and uploads, streams in windows.
//!
//! An object's name is unique to the upload that made it, never a digest: deleting an
//! object can therefore not hit the same content pushed again at that moment. An upload's
//! name joins the repository's id and the upload's, so that one repository cannot reach
//! the uploads of another.

use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use model::Timestamp;
use model::ecr::Digest;
use store::{BlobName, Blobs, blobs};

use crate::error::Error;

/// The folder of the registry's objects.
const FOLDER: &str = "registry";
/// How much is read from the blob store at a time.
const WINDOW_BYTES: u64 = 1 << 20;
/// How many windows are read ahead: memory per download is their product.
const WINDOWS_AHEAD: usize = 2;

/// The bytes of a blob, in order.
pub type ContentStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// The blob store as the registry uses it.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    blobs: Blobs,
}

/// An object that may have no row.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) modified_at: Timestamp,
}

impl Content {
    pub(crate) fn new(blobs: Blobs) -> Self {
        Content { blobs }
    }

    /// The name of a new object.
    pub(crate) fn object_name(unique: &str) -> String {
        let shard = unique.get(..2).unwrap_or("00");
        format!("{FOLDER}/{shard}/{unique}")
    }

    /// Writes an object; durable when it answers.
    pub(crate) async fn write(&self, object: &str, bytes: Bytes) -> Result<(), Error> {
        let attempt = "writing an object";
        self.blobs.put_new(&name(object, attempt)?, bytes).await.map_err(failure(attempt))
    }

    /// Reads a whole object of a known, small size.
    pub(crate) async fn read_all(&self, object: &str, size: u64) -> Result<Bytes, Error> {
        let attempt = "reading an object";
        if size == 0 {
            return Ok(Bytes::new());
        }
        self.blobs.get(&name(object, attempt)?).await.map_err(failure(attempt))
    }

    /// Streams a part of an object with constant memory.
    pub(crate) fn stream(&self, object: &str, range: Range<u64>) -> Result<ContentStream, Error> {
        let attempt = "streaming an object";
        let (blobs, object) = (self.blobs.clone(), name(object, attempt)?);
        let windows = stream::iter(windows(range)).map(move |window| {
            let (blobs, object) = (blobs.clone(), object.clone());
            async move { blobs.get_range(&object, window).await.map_err(failure(attempt)) }
        });
        Ok(windows.buffered(WINDOWS_AHEAD).boxed())
    }

    /// Deletes an object; one that is not there is no error.
    pub(crate) async fn delete(&self, object: &str) -> Result<(), Error> {
        let attempt = "deleting an object";
        match self.blobs.delete(&name(object, attempt)?).await {
            Ok(()) | Err(blobs::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failure(attempt)(error)),
        }
    }

    /// At most `limit` objects by name, those behind `after`.
    pub(crate) async fn objects(&self, after: Option<&str>, limit: usize) -> Result<Vec<Object>, Error> {
        let attempt = "listing objects";
        let after = after.map(|after| name(after, attempt)).transpose()?;
        let found = self.blobs.list(FOLDER, after.as_ref(), limit).await.map_err(failure(attempt))?;
        let object = |meta: blobs::BlobMeta| Object {
            name: meta.name.as_str().to_owned(),
            modified_at: meta.modified_at,
        };
        Ok(found.into_iter().map(object).collect())
    }

    /// Begins an upload.
    pub(crate) async fn begin(&self, repository: &str, upload: &str) -> Result<blobs::Upload, Error> {
        let begun = self.blobs.begin_upload(&upload_name(repository, upload)).await;
        begun.map_err(failure("beginning an upload"))
    }

    /// Takes an upload up again.
    pub(crate) async fn resume(&self, repository: &str, upload: &str) -> Result<blobs::Upload, Error> {
        match self.blobs.resume_upload(&upload_name(repository, upload)).await {
            Ok(resumed) => Ok(resumed),
            Err(blobs::Error::Busy { .. }) => Err(Error::UploadBusy),
            Err(blobs::Error::NoUpload { .. } | blobs::Error::InvalidName { .. }) => {
                Err(Error::UploadUnknown(upload.to_owned()))
            }
            Err(error) => Err(failure("resuming an upload")(error)),
        }
    }

    /// Makes an upload an object, if its bytes have that digest. Answers the size.
    pub(crate) async fn complete(
        &self,
        upload: blobs::Upload,
        object: &str,
        expected: &Digest,
    ) -> Result<u64, Error> {
        let attempt = "completing an upload";
        let promised = expected.as_str().parse().expect("both sides write digests alike");
        match upload.complete(&name(object, attempt)?, Some(&promised)).await {
            Ok(completed) => Ok(completed.size_bytes),
            Err(blobs::Error::DigestMismatch { actual, .. }) => Err(Error::DigestMismatch {
                expected: expected.clone(),
                found: actual.to_string().parse().expect("both sides write digests alike"),
            }),
            Err(error) => Err(failure(attempt)(error)),
        }
    }

    /// Removes uploads that were last written before `older_than`.
    pub(crate) async fn sweep(&self, older_than: Timestamp) -> Result<usize, Error> {
        self.blobs.sweep_uploads(older_than).await.map_err(failure("sweeping uploads"))
    }
}

fn upload_name(repository: &str, upload: &str) -> String {
    format!("oci-{repository}-{upload}")
}

fn name(object: &str, attempt: &'static str) -> Result<BlobName, Error> {
    BlobName::new(object).map_err(failure(attempt))
}

/// Turns a blob store failure into ours, saying what was attempted.
pub(crate) fn failure(attempt: &'static str) -> impl Fn(blobs::Error) -> Error {
    move |source| Error::Content { attempt, source: Box::new(source) }
}

/// Cuts a range into windows, in order.
fn windows(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    let starts = (range.start..end).step_by(usize::try_from(WINDOW_BYTES).expect("a small constant"));
    starts.map(move |start| start..(start + WINDOW_BYTES).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_range_once() {
        let cut: Vec<_> = windows(5..2 * WINDOW_BYTES + 6).collect();
        assert_eq!(
            cut,
            [
                5..WINDOW_BYTES + 5,
                WINDOW_BYTES + 5..2 * WINDOW_BYTES + 5,
                2 * WINDOW_BYTES + 5..2 * WINDOW_BYTES + 6
            ]
        );
        assert_eq!(windows(7..7).count(), 0);
    }

    #[test]
    fn objects_are_spread_over_folders() {
        assert_eq!(Content::object_name("ab12"), "registry/ab/ab12");
    }
}

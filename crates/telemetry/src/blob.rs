//! Segments as blobs: the few calls that the log store makes of the blob store.

use bytes::Bytes;
use store::blobs::Error as BlobError;
use store::{BlobName, Blobs, MAX_PAGE};

use crate::error::{Error, Result};
use crate::segment::Place;

/// The blob store, seen by the log store.
pub(crate) struct SegmentBlobs {
    blobs: Blobs,
}

impl SegmentBlobs {
    pub(crate) fn new(blobs: Blobs) -> Self {
        SegmentBlobs { blobs }
    }

    /// Writes a new blob durably.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let put = self.blobs.put_new(&blob_name(name)?, bytes).await;
        put.map_err(|e| Error::store("storing a log segment", e))
    }

    pub(crate) async fn get_range(&self, name: &str, place: Place) -> Result<Bytes> {
        if place.len == 0 {
            return Ok(Bytes::new());
        }
        let range = place.at..place.at.saturating_add(place.len);
        let got = self.blobs.get_range(&blob_name(name)?, range).await;
        got.map_err(|e| Error::store("reading a log segment", e))
    }

    /// Deletes a blob; one that is gone already is no failure.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        match self.blobs.delete(&blob_name(name)?).await {
            Ok(()) | Err(BlobError::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::store("deleting a log segment", error)),
        }
    }

    /// Every blob in the folder `prefix`.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map(|name| blob_name(name)).transpose()?;
            let page = self.blobs.list(prefix, after.as_ref(), MAX_PAGE).await;
            let page = page.map_err(|e| Error::store("listing log segments", e))?;
            if page.is_empty() {
                return Ok(names);
            }
            names.extend(page.into_iter().map(|meta| meta.name.as_str().to_owned()));
        }
    }
}

fn blob_name(name: &str) -> Result<BlobName> {
    BlobName::new(name).map_err(|e| Error::store("naming a log segment", e))
}

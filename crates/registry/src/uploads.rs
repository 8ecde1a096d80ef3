//! Uploads: begin, append, ask, finish, cancel.
//!
//! An upload is a file in the blob store that is appended to; its length is its whole state,
//! so it can be resumed after a broken connection and after a restart. It becomes a blob only
//! when the digest of its bytes is the promised one.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use model::Timestamp;
use model::ecr::Digest;
use store::blobs;

use crate::Registry;
use crate::content::{Content, failure};
use crate::error::Error;
use crate::range::ChunkRange;
use crate::tables::Repository;

/// How many bytes are appended at a time.
const BATCH_BYTES: usize = 128 << 10;
/// How long a request waits for another one of the same upload to let go of it.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const BUSY_POLL: Duration = Duration::from_millis(20);

/// The bytes that a client sends.
pub type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// One request's part of an upload.
pub struct Chunk {
    /// Where the client says that the bytes belong.
    pub range: Option<ChunkRange>,
    /// The bytes.
    pub bytes: Incoming,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Registry {
    /// Begins an upload; answers its id.
    pub async fn begin_upload(&self, repository: &Repository) -> Result<String, Error> {
        let id = self.uuid();
        self.content.begin(&repository.id, &id).await?;
        Ok(id)
    }

    /// Makes a blob of the repository of bytes that come all at once. Answers its size.
    ///
    /// The upload is held from its beginning to its end; a refused one leaves nothing.
    pub async fn upload_whole(
        &self,
        repository: &Repository,
        bytes: Incoming,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let id = self.uuid();
        let mut upload = self.content.begin(&repository.id, &id).await?;
        if let Err(error) = receive(&mut upload, Chunk { range: None, bytes }).await {
            upload.abort().await.map_err(failure("removing an upload"))?;
            return Err(error);
        }
        let object = Content::object_name(&id);
        match self.content.complete(upload, &object, digest).await {
            Ok(size) => {
                self.link_blob(repository, digest, Some((object, size)), now).await?;
                Ok(size)
            }
            Err(error) => {
                // Nobody was told of this upload, so nobody can go on with it.
                if let Err(left) = self.cancel_upload(repository, &id).await {
                    tracing::debug!(%left, id, "a failed upload is left to the sweep");
                }
                Err(error)
            }
        }
    }

    /// How many bytes of an upload have arrived.
    pub async fn upload_size(&self, repository: &Repository, id: &str) -> Result<u64, Error> {
        Ok(self.take_up(repository, id).await?.size())
    }

    /// Appends a chunk; answers how many bytes the upload has now.
    ///
    /// What arrived before an error is kept.
    pub async fn append(&self, repository: &Repository, id: &str, chunk: Chunk) -> Result<u64, Error> {
        let mut upload = self.take_up(repository, id).await?;
        receive(&mut upload, chunk).await?;
        Ok(upload.size())
    }

    /// Appends a last chunk and makes the upload a blob of the repository. Answers its size.
    ///
    /// When the digest is wrong the upload stays as it is.
    pub async fn finish_upload(
        &self,
        repository: &Repository,
        id: &str,
        chunk: Chunk,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<u64, Error> {
        let mut upload = self.take_up(repository, id).await?;
        receive(&mut upload, chunk).await?;
        let object = Content::object_name(id);
        let size = self.content.complete(upload, &object, digest).await?;
        self.link_blob(repository, digest, Some((object, size)), now).await?;
        Ok(size)
    }

    /// Removes an upload.
    pub async fn cancel_upload(&self, repository: &Repository, id: &str) -> Result<(), Error> {
        let upload = self.take_up(repository, id).await?;
        upload.abort().await.map_err(failure("removing an upload"))
    }

    /// Becomes the one holder of an upload. A client that resumes may be faster than the end
    /// of its broken request, so this waits a moment.
    async fn take_up(&self, repository: &Repository, id: &str) -> Result<blobs::Upload, Error> {
        let resumed = async {
            loop {
                match self.content.resume(&repository.id, id).await {
                    Err(Error::UploadBusy) => tokio::time::sleep(BUSY_POLL).await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(BUSY_PATIENCE, resumed).await.unwrap_or(Err(Error::UploadBusy))
    }
}

/// Appends a chunk to an upload, checking its place and length.
async fn receive(upload: &mut blobs::Upload, chunk: Chunk) -> Result<(), Error> {
    let before = upload.size();
    if chunk.range.is_some_and(|range| range.start != before) {
        return Err(Error::ChunkOutOfOrder { received: before });
    }
    let announced = chunk.range.map(ChunkRange::byte_count);
    let mut bytes = chunk.bytes;
    let mut received = 0;
    let (mut batch, mut ended) = next_batch(&mut bytes).await;
    while !batch.is_empty() {
        received += batch.len() as u64;
        if let Some(announced) = announced.filter(|announced| received > *announced) {
            return Err(Error::ChunkLength { announced, received });
        }
        // The next batch is read while this one is hashed and written.
        let (appended, next) = tokio::join!(upload.append(batch), async {
            match ended {
                End::Open => next_batch(&mut bytes).await,
                other => (Bytes::new(), other),
            }
        });
        appended.map_err(failure("appending to an upload"))?;
        (batch, ended) = next;
    }
    if let End::Broken(error) = ended {
        return Err(error);
    }
    match announced {
        Some(announced) if announced != received => Err(Error::ChunkLength { announced, received }),
        Some(_) | None => Ok(()),
    }
}

/// Whether more bytes come.
enum End {
    Open,
    Closed,
    Broken(Error),
}

/// Collects small frames into one batch; an empty one only at the end.
async fn next_batch(bytes: &mut Incoming) -> (Bytes, End) {
    let mut batch = BytesMut::new();
    while batch.len() < BATCH_BYTES {
        match bytes.next().await {
            Some(Ok(frame)) if batch.is_empty() && frame.len() >= BATCH_BYTES => return (frame, End::Open),
            Some(Ok(frame)) => {
                if batch.is_empty() {
                    batch.reserve(BATCH_BYTES);
                }
                batch.extend_from_slice(&frame);
            }
            Some(Err(error)) => return (batch.freeze(), End::Broken(error)),
            None => return (batch.freeze(), End::Closed),
        }
    }
    (batch.freeze(), End::Open)
}

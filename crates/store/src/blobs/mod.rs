//! Blobs: large immutable bytes under a name, for image layers and log segments.
//!
//! A blob is written once and never changed; the pointer to it is a row committed afterwards. The
//! directory holds `blobs/<name>` (what was acknowledged: file and directory entries are synced
//! first) and `uploads/<id>` (what is being written, appended to and possibly abandoned). A blob
//! appears by a hard link from the second to the first, so it is there whole or not at all. With an
//! object storage, uploads are still written to the directory first, and then put there: see [`remote`].
//! Reading, listing and deleting go through `object_store` in either case.

mod digest;
mod error;
mod name;
mod publish;
mod remote;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use model::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::limit::MAX_PAGE;

pub use digest::Digest;
pub use error::Error;
pub use name::BlobName;
pub use remote::S3Options;
pub use upload::{Completed, Upload};

use remote::Remote;
use upload::{Place, Spool};

/// The largest blob that [`Blobs::get`] brings into memory; larger ones are streamed.
pub const MAX_WHOLE_BYTES: u64 = 64 << 20;

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    /// The blob's name.
    pub name: BlobName,
    /// Its length.
    pub size_bytes: u64,
    /// When it was written.
    pub modified_at: Timestamp,
}

/// A blob, or a range of one, as a stream of chunks.
pub struct BlobStream {
    /// The length of the whole blob.
    pub size_bytes: u64,
    /// The bytes that the stream gives.
    pub range: Range<u64>,
    /// The chunks in order.
    pub chunks: BoxStream<'static, Result<Bytes, Error>>,
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStream({:?} of {})", self.range, self.size_bytes)
    }
}

/// The blob store. Cloning shares it.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    place: Place,
    spool: Arc<Spool>,
    anonymous: Arc<AtomicU64>,
}

impl Blobs {
    /// Opens (and makes, where missing) the blob store in `directory`.
    pub async fn open(directory: &Path) -> Result<Blobs, Error> {
        let blobs = directory.join("blobs");
        make_directory(&blobs).await?;
        let store = LocalFileSystem::new_with_prefix(&blobs).map_err(|source| Error::Backend {
            attempt: "opening",
            name: String::new(),
            source,
        })?;
        Blobs::with(Arc::new(store), Place::Directory(blobs), directory).await
    }

    /// Opens the blob store in an object storage; `directory` keeps uploads in the making. The bucket's
    /// prefix must be new or belong to `owner`.
    pub async fn open_s3(directory: &Path, options: &S3Options, owner: &str) -> Result<Blobs, Error> {
        let remote = Arc::new(Remote::open(options, owner).await?);
        Blobs::with(remote.store.clone(), Place::Remote(remote), directory).await
    }

    async fn with(store: Arc<dyn ObjectStore>, place: Place, directory: &Path) -> Result<Blobs, Error> {
        let uploads = directory.join("uploads");
        make_directory(&uploads).await?;
        Ok(Blobs { store, place, spool: Arc::new(Spool::new(uploads)), anonymous: Arc::default() })
    }

    /// Writes a blob whose name must be new; answers once it is durable.
    pub async fn put_new(&self, name: &BlobName, bytes: impl Into<Bytes>) -> Result<(), Error> {
        if self.ensure(name, bytes).await? {
            return Ok(());
        }
        Err(Error::Exists { name: name.clone() })
    }

    /// Writes a blob, or keeps the one that already has the name (for names that are digests).
    ///
    /// Answers whether it was written.
    pub async fn ensure(&self, name: &BlobName, bytes: impl Into<Bytes>) -> Result<bool, Error> {
        let mut upload = self.writer().await?;
        upload.append(bytes.into()).await?;
        let completed = upload.complete(name, None).await?;
        Ok(!completed.existed)
    }

    /// Begins a blob whose bytes come piece by piece, in constant memory. Nothing is visible
    /// until [`Upload::complete`]; what is dropped before that is left to the sweep.
    pub async fn writer(&self) -> Result<Upload, Error> {
        let number = self.anonymous.fetch_add(1, Ordering::Relaxed);
        // The process id keeps apart what an earlier process left behind.
        let mut id = format!("anonymous-{}-{number}", std::process::id());
        // A recycled process id may meet its predecessor's leavings.
        for attempt in 0.. {
            match self.begin_upload(&id).await {
                Err(Error::UploadExists { .. }) if attempt < 100 => id.push('x'),
                other => return other,
            }
        }
        unreachable!("the loop returns at its hundredth attempt")
    }

    /// Begins an upload under an id that must be new. It survives restarts until it is completed,
    /// aborted or swept.
    pub async fn begin_upload(&self, id: &str) -> Result<Upload, Error> {
        Upload::begin(self.spool.clone(), self.place.clone(), id).await
    }

    /// Goes on with an upload, also after a restart. One holder at a time: [`Error::Busy`].
    ///
    /// The digest so far is kept in memory; after a restart the bytes are read again.
    pub async fn resume_upload(&self, id: &str) -> Result<Upload, Error> {
        Upload::resume(self.spool.clone(), self.place.clone(), id).await
    }

    /// Removes an upload and its bytes.
    pub async fn abort_upload(&self, id: &str) -> Result<(), Error> {
        self.resume_upload(id).await?.abort().await
    }

    /// Removes uploads that nobody holds and that were last written before `older_than`.
    ///
    /// Answers how many.
    pub async fn sweep_uploads(&self, older_than: Timestamp) -> Result<usize, Error> {
        let spool = self.spool.clone();
        error::blocking(move || spool.sweep(older_than)).await
    }

    /// The whole blob, which must not exceed [`MAX_WHOLE_BYTES`].
    pub async fn get(&self, name: &BlobName) -> Result<Bytes, Error> {
        let blob = self.stream(name, None).await?;
        if blob.size_bytes > MAX_WHOLE_BYTES {
            return Err(Error::TooLarge { name: name.clone(), size_bytes: blob.size_bytes });
        }
        let mut whole = Vec::with_capacity(usize::try_from(blob.size_bytes).unwrap_or_default());
        let mut chunks = blob.chunks;
        while let Some(chunk) = chunks.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    }

    /// Some bytes of a blob; a range that ends beyond the blob is cut at its end.
    pub async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Bytes, Error> {
        let read = self.store.get_range(&object_path(name), range).await;
        read.map_err(|source| Error::from_backend("reading", name, source))
    }

    /// A blob, or a range of it, in chunks.
    pub async fn stream(&self, name: &BlobName, range: Option<Range<u64>>) -> Result<BlobStream, Error> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(&object_path(name), options).await;
        let found = found.map_err(|source| Error::from_backend("reading", name, source))?;
        let (size_bytes, range, name) = (found.meta.size, found.range.clone(), name.clone());
        let chunks = found.into_stream();
        let chunks = chunks.map_err(move |source| Error::from_backend("reading", &name, source)).boxed();
        Ok(BlobStream { size_bytes, range, chunks })
    }

    /// Length and age of a blob; [`Error::NotFound`] if there is none.
    pub async fn head(&self, name: &BlobName) -> Result<BlobMeta, Error> {
        let found = self.store.head(&object_path(name)).await;
        let found = found.map_err(|source| Error::from_backend("looking up", name, source))?;
        Ok(meta(name.clone(), &found))
    }

    /// Blobs in the folder `prefix` (empty: all) in the order of their names: at most `limit` (and
    /// [`MAX_PAGE`]) of those behind `after`.
    ///
    /// The local backend walks the whole folder for each page: for reapers, not for requests. An object
    /// storage is asked for what is behind `after` alone.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobName>,
        limit: usize,
    ) -> Result<Vec<BlobMeta>, Error> {
        let limit = limit.min(MAX_PAGE);
        let failed = |source| Error::Backend { attempt: "listing", name: prefix.to_owned(), source };
        let folder = if prefix.is_empty() { None } else { Some(object_path(&BlobName::new(prefix)?)) };
        let is_ordered = matches!(self.place, Place::Remote(_));
        let mut found = match after.filter(|_| is_ordered) {
            Some(after) => self.store.list_with_offset(folder.as_ref(), &object_path(after)),
            None => self.store.list(folder.as_ref()),
        };
        // The local backend gives no order: the smallest names seen so far are kept.
        let mut page: BTreeMap<BlobName, BlobMeta> = BTreeMap::new();
        while let Some(object) = found.try_next().await.map_err(failed)? {
            let Ok(name) = BlobName::new(object.location.as_ref()) else { continue };
            if after.is_some_and(|after| name <= *after) {
                continue;
            }
            page.insert(name.clone(), meta(name, &object));
            if page.len() > limit {
                page.pop_last();
            }
            if is_ordered && page.len() >= limit {
                break;
            }
        }
        Ok(page.into_values().collect())
    }

    /// Deletes a blob; [`Error::NotFound`] if there is none.
    pub async fn delete(&self, name: &BlobName) -> Result<(), Error> {
        if matches!(self.place, Place::Remote(_)) {
            // An object storage deletes what is not there without a word.
            self.head(name).await?;
        }
        let deleted = self.store.delete(&object_path(name)).await;
        deleted.map_err(|source| Error::from_backend("deleting", name, source))
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Directory(directory) => write!(f, "Blobs({})", directory.display()),
            Place::Remote(remote) => write!(f, "Blobs({})", remote.store),
        }
    }
}

async fn make_directory(path: &Path) -> Result<(), Error> {
    let made = tokio::fs::create_dir_all(path).await;
    made.map_err(|source| Error::Io { attempt: "creating", path: path.to_owned(), source })
}

fn object_path(name: &BlobName) -> ObjectPath {
    ObjectPath::from(name.as_str())
}

fn meta(name: BlobName, object: &ObjectMeta) -> BlobMeta {
    let modified_at = Timestamp::from_millis(object.last_modified.timestamp_millis());
    BlobMeta { name, size_bytes: object.size, modified_at }
}

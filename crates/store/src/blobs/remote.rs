//! Blobs in S3-compatible object storage: how it is reached, and how finished bytes get there.
//!
//! A prefix of a bucket belongs to one blob store: the object `owner` in it names the store that came first,
//! and any other is refused, because each sweeps what it does not know. Small blobs are put on condition
//! that the name is free; large ones go up in parts and become visible at once when all are there.

use std::path::Path;
use std::sync::{Arc, Once};

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, WriteMultipart};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

use super::error::Error;
use super::name::BlobName;
use super::object_path;
use super::publish::Published;

/// Larger blobs go up in parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one blob on their way at the same time, besides the one being read.
const PARTS_AT_ONCE: usize = 1;
/// Blobs on their way at the same time: with their parts, this bounds the memory.
const BLOBS_AT_ONCE: usize = 4;
/// The object that names the store to which the prefix belongs.
const OWNER: &str = "owner";

static PROVIDER: Once = Once::new();

/// Where in an object storage blobs are, and who asks.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The bucket, which must exist.
    pub bucket: String,
    /// What the names of all objects begin with; may be empty.
    pub prefix: String,
    /// The service's address; Amazon's own when absent.
    pub endpoint: Option<String>,
    /// The bucket's region.
    pub region: String,
    /// Access key id and secret; from the environment or the machine's role when absent.
    pub credentials: Option<(String, String)>,
}

/// An object storage that blobs are published to.
pub(super) struct Remote {
    pub(super) store: Arc<dyn ObjectStore>,
    room: Semaphore,
}

impl Remote {
    /// Reaches for the bucket and makes sure that the prefix is `owner`'s.
    pub(super) async fn open(options: &S3Options, owner: &str) -> Result<Remote, Error> {
        let store = client(options).map_err(|source| Error::Backend {
            attempt: "opening",
            name: format!("s3://{}/{}", options.bucket, options.prefix),
            source,
        })?;
        let store: Arc<dyn ObjectStore> = match options.prefix.trim_matches('/') {
            "" => Arc::new(store),
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        let remote = Remote { store, room: Semaphore::new(BLOBS_AT_ONCE) };
        remote.claim(owner).await?;
        Ok(remote)
    }

    async fn claim(&self, owner: &str) -> Result<(), Error> {
        let name = BlobName::new(OWNER)?;
        let payload = PutPayload::from(owner.to_owned().into_bytes());
        match self.store.get(&object_path(&name)).await {
            Ok(found) => {
                let found = found.bytes().await;
                let found = found.map_err(|source| Error::from_backend("reading", &name, source))?;
                if found == owner.as_bytes() {
                    return Ok(());
                }
                let found = String::from_utf8_lossy(&found).into_owned();
                Err(Error::Foreign { owner: found })
            }
            Err(object_store::Error::NotFound { .. }) => {
                let put = self.store.put_opts(&object_path(&name), payload, PutMode::Create.into()).await;
                put.map(drop).map_err(|source| Error::from_backend("writing", &name, source))
            }
            Err(source) => Err(Error::from_backend("reading", &name, source)),
        }
    }

    /// Gives the bytes of the file `spooled` their name; a blob that has it already is kept.
    pub(super) async fn publish(
        &self,
        spooled: &Path,
        size: u64,
        name: &BlobName,
    ) -> Result<Published, Error> {
        let _room = self.room.acquire().await.map_err(|_| Error::Stopped)?;
        let read = |source| Error::Io { attempt: "reading", path: spooled.to_owned(), source };
        if size <= PART_BYTES as u64 {
            let bytes = tokio::fs::read(spooled).await.map_err(read)?;
            return self.put(name, bytes.into()).await;
        }
        let place = object_path(name);
        match self.store.head(&place).await {
            Ok(_) => return Ok(Published::Existed),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(Error::from_backend("looking up", name, source)),
        }
        let file = tokio::fs::File::open(spooled).await.map_err(read)?;
        self.put_parts(file, spooled, &place, name).await
    }

    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<Published, Error> {
        let put = self.store.put_opts(&object_path(name), bytes.into(), PutMode::Create.into()).await;
        match put {
            Ok(_) => Ok(Published::New),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Published::Existed),
            Err(source) => Err(Error::from_backend("writing", name, source)),
        }
    }

    async fn put_parts(
        &self,
        mut file: tokio::fs::File,
        spooled: &Path,
        place: &ObjectPath,
        name: &BlobName,
    ) -> Result<Published, Error> {
        let refused = |source| Error::from_backend("writing", name, source);
        let upload = self.store.put_multipart(place).await.map_err(refused)?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut chunk = vec![0; 256 << 10];
        loop {
            let read = file.read(&mut chunk).await;
            let waited = writer.wait_for_capacity(PARTS_AT_ONCE).await.map_err(refused);
            let failed = |source| Error::Io { attempt: "reading", path: spooled.to_owned(), source };
            match waited.and_then(|()| read.map_err(failed)) {
                Ok(0) => break,
                Ok(count) => writer.write(&chunk[..count]),
                Err(error) => {
                    // What cannot be taken back either is left to the bucket's own rules.
                    drop(writer.abort().await);
                    return Err(error);
                }
            }
        }
        writer.finish().await.map_err(refused)?;
        Ok(Published::New)
    }
}

fn client(options: &S3Options) -> object_store::Result<AmazonS3> {
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let builder = match &options.credentials {
        Some((id, secret)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
        None => AmazonS3Builder::from_env(),
    };
    let builder = builder.with_bucket_name(&options.bucket).with_region(&options.region);
    let builder = match &options.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://")),
        None => builder,
    };
    builder.build()
}

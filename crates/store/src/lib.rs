//! The state store (one trait: memory, embedded) and blobs.
//!
//! Two layers. [`engine`] keeps byte keys durably and orders every commit by a [`Seq`]. [`Store`]
//! holds the same data in memory as typed tables with secondary indexes: reads are synchronous
//! and come from a [`Snapshot`], writes are [`Txn`]s that answer once they are on disk *and*
//! visible to the next snapshot. Memory follows the engine's watch and is never ahead of the disk.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use store::{key, Key, Row, Schema, Store, Txn};
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Cluster { account: String, name: String }
//! impl model::Record for Cluster {}
//! impl Row for Cluster {
//!     const TABLE: &'static str = "ecs/cluster";
//!     fn key(&self) -> Key { key![self.account, self.name] }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = Store::memory(Schema::new().table::<Cluster>()).await?;
//! let web = Cluster { account: "123456789012".into(), name: "web".into() };
//! store.commit(Txn::new().insert(&web)).await?;                    // fails if it exists
//! let found = store.get::<Cluster>(&web.key()).expect("just committed");
//! store.commit(Txn::new().update(&found, &web)).await?;            // fails if it changed since
//! assert_eq!(store.page::<Cluster>(&key!["123456789012"], None, 100).len(), 1);
//! # Ok::<_, store::Error>(()) }).unwrap();
//! ```

pub mod blobs;
pub mod engine;
mod epoch;
mod error;
mod key;
mod limit;
mod load;
mod row;
mod snapshot;
mod table;
mod tables;
mod txn;

pub use blobs::{BlobName, Blobs, Digest};
pub use engine::{Engine, Expect, Seq};
pub use epoch::{Epoch, Leadership};
pub use error::Error;
pub use key::{Key, KeyBuilder, KeyPart};
pub use limit::{Limit, MAX_COMMIT_BYTES, MAX_COMMIT_OPERATIONS, MAX_KEY_BYTES, MAX_PAGE};
pub use row::{Row, Schema, Versioned};
pub use snapshot::Snapshot;
pub use tables::{Change, Changes, Notice, Store};
pub use txn::Txn;

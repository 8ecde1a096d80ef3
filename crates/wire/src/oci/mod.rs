//! The JSON of OCI images and of the distribution protocol.
//!
//! Only what a registry or a puller reads is typed; members that are not named here are
//! ignored, since a manifest is kept and served byte for byte as it was pushed.

mod error;
mod manifest;
mod media;

pub use error::{ErrorBody, ErrorCode, ErrorEntry};
pub use manifest::{Descriptor, Document, ImageIndex, ImageManifest, Platform, TagList};
pub use media::{MediaType, media_types};

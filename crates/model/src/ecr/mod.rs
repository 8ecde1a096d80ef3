//! The nouns of ECR: digests, repository names, image tags and how a repository treats its tags.
//!
//! A value that exists is valid: each type has one fallible constructor, and the registry
//! and the `ecr` room both parse with it at their edge.

mod digest;
mod mutability;
mod name;
mod tag;

pub use digest::{Algorithm, Digest, DigestError};
pub use mutability::{ExclusionFilter, Mutability, TagMutability, matches_wildcard};
pub use name::{RepositoryName, RepositoryNameError};
pub use tag::{ImageTag, ImageTagError};

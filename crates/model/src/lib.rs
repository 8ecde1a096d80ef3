//! The nouns: ids, ARNs, domain types and their versioned stored encoding.
//!
//! Nothing here reads a clock, draws randomness or does I/O: times and ids are
//! arguments. Every type that is stored implements [`record::Record`].

pub mod arn;
pub mod discovery;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod iam;
pub mod id;
pub mod logs;
pub mod record;
pub mod scope;
pub mod time;

pub use arn::Arn;
pub use id::IdSource;
pub use record::Record;
pub use scope::{AccountId, Region, Scope};
pub use time::Timestamp;

//! Who is calling, and may they: SigV4, sessions, IAM policy evaluation.
//!
//! Pure: time and randomness are arguments, and nothing here reads a disk or a socket. A request
//! is [read](sigv4::Presented::read), its key is looked up by the caller of this crate, and the
//! signature is [verified](sigv4::Presented::verify); each step answers a [`Rejection`] in AWS's words.

pub mod key;
pub mod policy;
pub mod principal;
pub mod rejection;
pub mod sealer;
pub mod session;
pub mod sigv4;

pub use key::{AccessKey, MasterKey, Secret};
pub use principal::{Principal, SessionFacts};
pub use rejection::Rejection;

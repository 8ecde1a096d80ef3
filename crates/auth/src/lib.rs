//! Who is calling, and may they: SigV4, sessions, IAM policy evaluation.

pub mod principal;

pub use principal::Principal;

//! One file an operation.

mod describe_sessions;
mod resume_session;
mod terminate_session;

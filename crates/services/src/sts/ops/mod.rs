//! One file an operation.

mod assume_role;
mod get_access_key_info;
mod get_caller_identity;
mod get_session_token;

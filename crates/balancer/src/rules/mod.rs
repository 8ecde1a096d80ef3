//! Which action a request gets: conditions, rules, redirects. Pure.
//!
//! Patterns are compiled once, when routes arrive; a request allocates nothing here.

mod condition;
mod head;
mod pattern;
mod redirect;

pub use condition::Condition;
pub use head::{Head, host_of};
pub use redirect::Redirect;

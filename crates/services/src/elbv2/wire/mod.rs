//! Generated shapes to the model and back. What is read here is valid by itself; whether it fits what is stored
//! is each operation's question.

pub(super) mod action;
pub(super) mod attribute;
pub(super) mod condition;
pub(super) mod health_check;
pub(super) mod listener;
pub(super) mod load_balancer;
pub(super) mod target;
pub(super) mod target_group;

use model::ecs::text::TextEnum;

use super::error::Error;

/// Reads a word of a closed set. The front checks have let only ELB's own words through: what is not ours is not
/// served.
pub(super) fn word<T: TextEnum>(raw: &str, of: &str) -> Result<T, Error> {
    T::parse(raw).ok_or_else(|| {
        let known: Vec<_> = T::ALL.iter().map(|word| word.as_str()).collect();
        Error::unsupported(format!("The {of} '{raw}' is not supported: use one of [{}]", known.join(", ")))
    })
}

/// A number that the front checks have found to be in range.
pub(super) fn number<T: TryFrom<i32>>(raw: i32, of: &str) -> Result<T, Error> {
    T::try_from(raw).map_err(|_| Error::validation(format!("The {of} '{raw}' is not valid")))
}

//! Pure decisions that this room's requests need.

pub(super) mod health;
pub(super) mod limit;
pub(super) mod name;
pub(super) mod tag;

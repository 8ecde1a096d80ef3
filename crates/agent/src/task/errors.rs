//! Failures under the names that ECS gives them. Pure.

use std::error::Error as StdError;

use crate::runtime;

/// The reason of a container that the kernel killed for lack of memory.
pub const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";
/// ECS cuts reasons at this length.
const REASON_LIMIT: usize = 1024;

/// The whole chain of an error in one line.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text += &format!(": {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// The reason of a container that could not be created.
pub fn cannot_create(error: &runtime::Error) -> String {
    let name = match error {
        // Docker finds out about users and devices only at the start.
        runtime::Error::User(_) | runtime::Error::Device { .. } => "CannotStartContainerError",
        _ => "CannotCreateContainerError",
    };
    reason(name, &format!("Error response from daemon: {}", detail(error)))
}

/// The reason of a container that could not be started.
pub fn cannot_start(error: &runtime::Error) -> String {
    if let runtime::Error::Unready(reason) = error {
        return reason.clone();
    }
    reason("CannotStartContainerError", &format!("Error response from daemon: {}", detail(error)))
}

/// The reason of a task whose network, control group or volumes could not be made.
pub fn resource_initialization(error: &dyn StdError) -> String {
    reason("ResourceInitializationError", &chain(error))
}

/// A name and a text, cut to ECS's length.
pub fn reason(name: &str, text: &str) -> String {
    let mut line = format!("{name}: {}", text.replace('\n', " ").trim());
    if line.len() > REASON_LIMIT {
        let end = (0..=REASON_LIMIT).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
        line.truncate(end);
    }
    line
}

fn detail(error: &runtime::Error) -> String {
    match error {
        runtime::Error::Request { source, .. } => source.message().to_string(),
        other => chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::user;

    #[test]
    fn an_unknown_user_cannot_start() {
        let error = runtime::Error::User(user::Error::User("x".into()));
        assert_eq!(
            cannot_create(&error),
            "CannotStartContainerError: Error response from daemon: unable to find user x: no matching entries in passwd file"
        );
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        assert!(reason("E", &"ü".repeat(2000)).len() <= REASON_LIMIT);
    }
}

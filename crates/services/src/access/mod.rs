//! What an operation wants to do to what: the question that authorisation answers.
//!
//! Each operation names its [`Access`] (see `room::Handler`); [`authorize`] asks the policies of the caller, of its
//! session and of the resource, and refuses in IAM's words.

mod authorize;
mod context;
mod resources;
mod tagging;

use std::collections::BTreeMap;

pub(crate) use authorize::denied;
pub use authorize::{Asker, authorize};
pub(crate) use context::caller as caller_context;
pub use tagging::RequestTags;

/// An action on resources, with the context keys that policies may ask for. All of it must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The IAM action, such as `ecs:RunTask`.
    pub action: &'static str,
    /// The resources' ARNs; `*` for actions that have none. Nothing at all needs no permission.
    pub resources: Vec<String>,
    /// Condition keys of the service, such as `ecs:cluster`.
    pub context: BTreeMap<&'static str, Vec<String>>,
    /// What must be allowed besides, such as `iam:PassRole`.
    pub besides: Vec<Access>,
}

impl Access {
    /// `action` on `resource`.
    pub fn new(action: &'static str, resource: impl ToString) -> Self {
        Access::each(action, [resource])
    }

    /// `action` on each of `resources`; on `*` where there are none.
    pub fn each(action: &'static str, resources: impl IntoIterator<Item = impl ToString>) -> Self {
        let mut resources: Vec<_> = resources.into_iter().map(|it| it.to_string()).collect();
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        Access { action, resources, context: BTreeMap::new(), besides: Vec::new() }
    }

    /// `action` where IAM knows no resource.
    pub fn any(action: &'static str) -> Self {
        Access::new(action, "*")
    }

    /// `action`, which everybody may do.
    pub fn free(action: &'static str) -> Self {
        Access { action, resources: Vec::new(), context: BTreeMap::new(), besides: Vec::new() }
    }

    /// Adds a value of the condition key `key`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.context.entry(key).or_default().push(value.to_string());
        self
    }

    /// Asks for the same action on another resource as well.
    #[must_use]
    pub fn and_on(mut self, resource: impl ToString) -> Self {
        self.resources.push(resource.to_string());
        self
    }

    /// Asks for something else as well.
    #[must_use]
    pub fn besides(mut self, other: Access) -> Self {
        self.besides.push(other);
        self
    }

    /// Asks whether the caller may hand the role `arn` to `service`, such as `ecs-tasks.amazonaws.com`.
    #[must_use]
    pub fn passing(self, arn: &str, service: &str) -> Self {
        self.besides(Access::new("iam:PassRole", arn).with("iam:PassedToService", service))
    }
}

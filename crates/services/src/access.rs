//! What an operation wants to do to what: the question that authorisation answers.

use std::collections::BTreeMap;

use auth::Principal;
use auth::principal::PrincipalKind;

use crate::error::ServiceError;

/// An action on a resource, with the context keys that policies may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The IAM action, such as `ecs:RunTask`.
    pub action: &'static str,
    /// The resource's ARN, or `*` for actions that have none.
    pub resource: String,
    /// Condition keys of the service, such as `ecs:cluster`.
    pub context: BTreeMap<&'static str, Vec<String>>,
}

impl Access {
    /// `action` on `resource`.
    pub fn new(action: &'static str, resource: impl ToString) -> Self {
        Access { action, resource: resource.to_string(), context: BTreeMap::new() }
    }

    /// `action` where IAM knows no resource.
    pub fn any(action: &'static str) -> Self {
        Access::new(action, "*")
    }

    /// Adds a value of the condition key `key`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.context.entry(key).or_default().push(value.to_string());
        self
    }
}

/// The one place where a verified caller is let in or refused.
///
/// # Errors
/// `AccessDeniedException`, in IAM's words.
pub fn authorize(principal: &Principal, access: &Access) -> Result<(), ServiceError> {
    match principal.kind {
        PrincipalKind::Root => Ok(()),
        // No policy is attached to anything yet, and what is not allowed is denied.
        PrincipalKind::User | PrincipalKind::AssumedRole => Err(ServiceError::client(
            "AccessDeniedException",
            format!(
                "User: {principal} is not authorized to perform: {action} on resource: {resource} because no \
                 identity-based policy allows the {action} action",
                action = access.action,
                resource = access.resource
            ),
        )),
    }
}

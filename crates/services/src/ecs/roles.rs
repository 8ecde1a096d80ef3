//! The roles of tasks: named by ARN or by name, and taken by ECS for the task.

use std::time::Duration;

use auth::{AccessKey, Principal, SessionFacts};
use model::ecs::{Task, TaskDefinition};
use model::{AccountId, IdSource, Scope, Timestamp};
use store::Snapshot;

use super::error::Error;
use crate::iam::store::RoleRow;
use crate::iam::{Identities, trust};

/// As whom ECS takes the roles of tasks.
const TASKS: &str = "ecs-tasks.amazonaws.com";
/// As whom ECS takes the roles that services name for itself.
const OWN: &str = "ecs.amazonaws.com";
/// How long a task's credentials are good, as ECS has it.
pub const LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// The ARN of a role that may be given by its name alone.
pub(crate) fn arn(account: &AccountId, role: &str) -> String {
    if role.starts_with("arn:") { role.to_owned() } else { format!("arn:aws:iam::{account}:role/{role}") }
}

/// The role that a task's containers have; the task's own word counts before its definition's.
pub fn of_task(task: &Task, definition: &TaskDefinition) -> Option<String> {
    let role = task.spec.overrides.task_role_arn.as_ref().or(definition.spec.task_role_arn.as_ref());
    role.filter(|role| !role.is_empty()).map(|role| arn(&task.scope.account, role))
}

/// The role that the node uses for a task.
pub fn of_execution(task: &Task, definition: &TaskDefinition) -> Option<String> {
    let role =
        task.spec.overrides.execution_role_arn.as_ref().or(definition.spec.execution_role_arn.as_ref());
    role.filter(|role| !role.is_empty()).map(|role| arn(&task.scope.account, role))
}

/// Whether ECS can take the roles of tasks that are to be made, in its own words where it cannot.
pub(crate) fn check<'r>(
    snapshot: &Snapshot,
    scope: &Scope,
    roles: impl IntoIterator<Item = Option<&'r String>>,
    resource: &str,
) -> Result<(), Error> {
    for role in roles.into_iter().flatten().filter(|role| !role.is_empty()) {
        let arn = arn(&scope.account, role);
        if assumable(snapshot, scope, TASKS, &arn, resource).is_none() {
            return Err(Error::Role(unable(&arn)));
        }
    }
    Ok(())
}

/// Whether ECS can take a role that a service names for what ECS does to its load balancer.
pub(crate) fn check_own(snapshot: &Snapshot, scope: &Scope, arn: &str, resource: &str) -> Result<(), Error> {
    match assumable(snapshot, scope, OWN, arn, resource) {
        Some(_) => Ok(()),
        None => Err(Error::InvalidParameter(
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role \
             being passed has the proper permissions."
                .into(),
        )),
    }
}

/// What ECS says of a role that it cannot take.
pub fn unable(arn: &str) -> String {
    format!(
        "ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that the role being \
         passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this \
         role."
    )
}

/// The role, if it trusts the service `by`. Its conditions may ask for the account and the resource.
fn assumable(
    snapshot: &Snapshot,
    scope: &Scope,
    by: &str,
    arn: &str,
    resource: &str,
) -> Option<store::Versioned<RoleRow>> {
    let found = trust::role(snapshot, arn).filter(|role| role.identity.account == scope.account)?;
    let context = trust::Context::from([
        ("aws:sourceaccount".to_owned(), vec![scope.account.to_string()]),
        ("aws:sourcearn".to_owned(), vec![resource.to_owned()]),
        ("aws:principalisawsservice".to_owned(), vec!["true".to_owned()]),
    ]);
    trust::trusts_service(&found, by, &context).then_some(found)
}

/// Credentials of a role for one task, whose id is the session's name.
#[derive(Clone, Debug)]
pub struct TaskCredentials {
    /// The id under which the task's endpoint gives them out: the same for all of the task's life.
    pub id: String,
    /// The role.
    pub role_arn: String,
    /// The key.
    pub key: AccessKey,
    /// The session token.
    pub token: String,
    /// When they end.
    pub expires_at: Timestamp,
}

/// The principal that acts as the role `arn` for `task`; none where ECS cannot take it.
pub(crate) fn session(snapshot: &Snapshot, task: &Task, arn: &str, now: Timestamp) -> Option<Principal> {
    let role = assumable(snapshot, &task.scope, TASKS, arn, &task.arn().to_string())?;
    let facts = SessionFacts { role: Some(role.arn()), ..SessionFacts::new(now, LIFETIME) };
    Some(Principal { session: Some(facts), ..trust::principal(&role, task.id.as_str()) })
}

/// Takes the role `arn` for `task`; none where ECS cannot any more.
pub fn assume(
    identities: &Identities,
    snapshot: &Snapshot,
    task: &Task,
    arn: &str,
    now: Timestamp,
    ids: &mut dyn IdSource,
) -> Option<TaskCredentials> {
    let role = assumable(snapshot, &task.scope, TASKS, arn, &task.arn().to_string())?;
    let principal = trust::principal(&role, task.id.as_str());
    let facts = SessionFacts { role: Some(role.arn()), ..SessionFacts::new(now, LIFETIME) };
    let expires_at = facts.expires_at;
    let (key, token) = identities.open_session(&principal, facts, ids);
    let id = identities.credentials_id(&task.arn().to_string());
    Some(TaskCredentials { id, role_arn: arn.to_owned(), key, token, expires_at })
}

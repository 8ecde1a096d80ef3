//! Credentials of tasks' roles: given with the task, and renewed before they end.
//!
//! What a session has given lives as long as the session: a new one gives anew, so a restart of either side costs
//! nothing but a message. The id under which a task reads them never changes.

use std::collections::BTreeMap;
use std::time::Duration;

use model::ecs::{DesiredStatus, LastStatus, Task, TaskDefinition};
use model::{IdSource, Timestamp};
use services::ecs::roles::{self, TaskCredentials};
use services::{Ids, ecs};
use store::Snapshot;
use wire::link::{self, ServerMessage};

use crate::session::Session;

/// How long before their end credentials are renewed.
const EARLY: Duration = Duration::from_secs(3600);
/// How long to wait before a role is tried again that cannot be taken.
const PAUSE: Duration = Duration::from_secs(60);

/// What one session has given, by task: when it is to be renewed.
#[derive(Debug, Default)]
pub(crate) struct Granted(BTreeMap<String, Timestamp>);

impl Granted {
    /// The credentials that go with a task; the reason why it cannot start without them.
    pub(crate) fn grant(
        &mut self,
        session: &Session,
        snapshot: &Snapshot,
        task: &Task,
        definition: &TaskDefinition,
        now: Timestamp,
    ) -> Result<Option<link::RoleCredentials>, String> {
        let Some(role) = roles::of_task(task, definition) else { return Ok(None) };
        if let Some(made) = assume(session, snapshot, task, &role, now) {
            // A task that the node has already keeps what it was started with: it is told apart from this.
            let renew_at = if is_new(task) { made.expires_at - EARLY } else { now };
            self.0.insert(task.arn().to_string(), renew_at);
            return Ok(Some(message(made)));
        }
        if is_new(task) { Err(roles::unable(&role)) } else { Ok(None) }
    }

    /// The messages that renew what is about to end.
    pub(crate) fn renew(
        &mut self,
        session: &Session,
        snapshot: &Snapshot,
        tasks: &[Task],
        now: Timestamp,
    ) -> Vec<ServerMessage> {
        let mut messages = Vec::new();
        let mut kept = BTreeMap::new();
        for task in tasks {
            let arn = task.arn().to_string();
            let Some(renew_at) = self.0.remove(&arn) else { continue };
            let is_wanted = task.desired_status == DesiredStatus::Running;
            if renew_at > now || !is_wanted {
                kept.insert(arn, renew_at);
                continue;
            }
            let definition = ecs::door::definition_of(snapshot, task);
            let role = definition.and_then(|definition| roles::of_task(task, &definition));
            let made = role.and_then(|role| assume(session, snapshot, task, &role, now));
            kept.insert(arn.clone(), made.as_ref().map_or(now + PAUSE, |made| made.expires_at - EARLY));
            messages.extend(made.map(|made| {
                ServerMessage::IamRoleCredentialsMessage(link::IamRoleCredentials {
                    message_id: session.ids.uuid(),
                    task_arn: arn,
                    role_type: "TaskApplication".to_owned(),
                    role_credentials: message(made),
                })
            }));
        }
        self.0 = kept;
        messages
    }
}

/// Whether the node has not started with the task.
fn is_new(task: &Task) -> bool {
    matches!(task.seen.last_status, LastStatus::Provisioning | LastStatus::Pending)
}

fn assume(
    session: &Session,
    snapshot: &Snapshot,
    task: &Task,
    role: &str,
    now: Timestamp,
) -> Option<TaskCredentials> {
    let mut ids: Ids = session.ids.clone();
    let ids: &mut dyn IdSource = &mut ids;
    roles::assume(&session.cloud.identities, snapshot, task, role, now, ids)
}

fn message(made: TaskCredentials) -> link::RoleCredentials {
    let expiration = jiff::Timestamp::from_millisecond(made.expires_at.as_millis() / 1000 * 1000);
    link::RoleCredentials {
        credentials_id: made.id,
        role_arn: made.role_arn,
        access_key_id: made.key.id,
        secret_access_key: made.key.secret.expose().to_owned(),
        session_token: made.token,
        expiration: expiration.map(|at| at.to_string()).unwrap_or_default(),
    }
}

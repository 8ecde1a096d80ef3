//! Sessions as answers show them, and the filters that choose among them.

use ::wire::ssm as shapes;

use super::error::Error;
use crate::exec::Session;

/// What a granted session is shown as.
pub(super) fn session(session: &Session) -> shapes::Session {
    let status = if session.is_open() { "Connected" } else { "Connecting" };
    shapes::Session {
        session_id: Some(session.id.clone()),
        target: Some(target(session)),
        status: Some(status.to_owned()),
        start_date: Some(session.granted_at.as_millis()),
        owner: Some(session.target.owner.clone()),
        access_type: Some("Standard".to_owned()),
        ..shapes::Session::default()
    }
}

/// ECS's form of a target: `ecs:CLUSTER_TASK_RUNTIME-ID`.
fn target(session: &Session) -> String {
    let mut parts = session.target.task_arn.rsplit('/');
    let (task, cluster) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("ecs:{cluster}_{task}_{}", session.target.runtime_id)
}

/// Whether a shown session passes all filters.
pub(super) fn passes(shown: &shapes::Session, filters: &[shapes::SessionFilter]) -> Result<bool, Error> {
    for filter in filters {
        let is = |field: &Option<String>| field.as_deref() == Some(filter.value.as_str());
        let passes = match filter.key.as_str() {
            "Target" => is(&shown.target),
            "Owner" => is(&shown.owner),
            "Status" => is(&shown.status),
            "SessionId" => is(&shown.session_id),
            "AccessType" => is(&shown.access_type),
            "InvokedAfter" => shown.start_date > Some(moment(filter)?),
            "InvokedBefore" => shown.start_date < Some(moment(filter)?),
            // The model knows no other key, and has been asked before.
            _ => false,
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

fn moment(filter: &shapes::SessionFilter) -> Result<i64, Error> {
    let parsed = filter.value.parse::<jiff::Timestamp>();
    parsed.map(jiff::Timestamp::as_millisecond).map_err(|_| Error::FilterValue(filter.key.clone()))
}

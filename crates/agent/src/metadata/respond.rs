//! What the endpoint answers. Pure, but for the statistics that it is handed.

use http::StatusCode;
use serde_json::{Value, json};
use wire::link;

use super::render;
use super::route::{Api, Route};
use crate::task::record::Record;

/// An answer with a JSON body, or the plain text of an unknown path.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; `None` for an unknown path.
    pub body: Option<Value>,
}

impl Answer {
    fn ok(body: Value) -> Answer {
        Answer { status: StatusCode::OK, body: Some(body) }
    }

    /// The Amazon ECS agent's errors of metadata are bare strings.
    fn text(status: StatusCode, text: String) -> Answer {
        Answer { status, body: Some(Value::String(text)) }
    }
}

/// Answers a request of a task; `stats` are those of a container that runs.
pub fn respond(route: &Route, record: &Record, stats: impl Fn(&link::Container) -> Option<Value>) -> Answer {
    match route {
        Route::Container(api, id) => match find(record, id) {
            Some(container) => Answer::ok(render::container(record, container, *api)),
            None => unknown_container(*api, "metadata", id),
        },
        Route::Task(api, id, with_tags) => match find(record, id) {
            Some(_) => Answer::ok(render::task(record, *api, *with_tags)),
            None => unknown_task(*api, "metadata", id),
        },
        Route::ContainerStats(api, id) => match find(record, id) {
            Some(container) => match stats(container) {
                Some(stats) => Answer::ok(stats),
                None => Answer::text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("Unable to get container stats: container {id} does not run"),
                ),
            },
            None => unknown_container(*api, "stats", id),
        },
        Route::TaskStats(api, id) => match find(record, id) {
            Some(_) => Answer::ok(task_stats(record, stats)),
            None => unknown_task(*api, "stats", id),
        },
        Route::Credentials(id) => credentials(record, id),
        // Asked of the control plane: see `protection`.
        Route::Protection(_) | Route::Unknown => Answer { status: StatusCode::NOT_FOUND, body: None },
    }
}

/// Whether `id` names a container of the task.
pub(super) fn has_container(record: &Record, id: &str) -> bool {
    find(record, id).is_some()
}

fn find<'a>(record: &'a Record, id: &str) -> Option<&'a link::Container> {
    let named = |container: &&link::Container| {
        record.containers.get(&container.name).is_some_and(|seen| seen.runtime_id == id)
    };
    record.task.containers.iter().find(named)
}

fn task_stats(record: &Record, stats: impl Fn(&link::Container) -> Option<Value>) -> Value {
    let one = |container: &link::Container| {
        let id =
            record.containers.get(&container.name).map(|seen| seen.runtime_id.clone()).unwrap_or_default();
        (id, stats(container).unwrap_or(Value::Null))
    };
    Value::Object(record.task.containers.iter().map(one).collect())
}

fn not_found(api: Api) -> StatusCode {
    match api {
        Api::V3 => StatusCode::BAD_REQUEST,
        Api::V4 => StatusCode::NOT_FOUND,
    }
}

fn unknown_container(api: Api, what: &str, id: &str) -> Answer {
    let text = format!(
        "{} container {what} handler: unable to get container ID from request: unable to get docker ID from v3 \
         endpoint ID: {id}",
        api.name()
    );
    Answer::text(not_found(api), text)
}

fn unknown_task(api: Api, what: &str, id: &str) -> Answer {
    let text = format!(
        "{} task {what} handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}",
        api.name()
    );
    Answer::text(not_found(api), text)
}

fn credentials(record: &Record, id: &str) -> Answer {
    let refuse = |code: &str, message: &str| Answer {
        status: StatusCode::BAD_REQUEST,
        body: Some(
            json!({"code": code, "message": format!("CredentialsV2Request: {message}"), "HTTPErrorCode": 400}),
        ),
    };
    if id.is_empty() {
        return refuse("NoIdInRequest", "No Credential ID in the request");
    }
    match record.task.role_credentials.as_ref().filter(|role| role.credentials_id == id) {
        Some(role) => Answer::ok(json!({
            "RoleArn": role.role_arn,
            "AccessKeyId": role.access_key_id,
            "SecretAccessKey": role.secret_access_key,
            "Token": role.session_token,
            "Expiration": role.expiration,
        })),
        None => refuse("InvalidIdInRequest", "Credentials not found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::render::tests::record;

    fn check(path: &str, status: u16, body: &Value) {
        let answer = respond(&Route::parse(path), &record(), |_| None);
        assert_eq!((answer.status.as_u16(), answer.body.as_ref()), (status, Some(body)), "{path}");
    }

    #[test]
    fn errors_are_the_agents() {
        check(
            "/v4/bad",
            404,
            &json!(
                "V4 container metadata handler: unable to get container ID from request: unable to get docker ID \
                    from v3 endpoint ID: bad"
            ),
        );
        check(
            "/v4/bad/task",
            404,
            &json!(
                "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 \
                    endpoint ID: bad"
            ),
        );
        check(
            "/v2/credentials/bad",
            400,
            &json!({"code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found",
                "HTTPErrorCode": 400}),
        );
        let unknown = respond(&Route::parse("/nothing"), &record(), |_| None);
        assert_eq!((unknown.status, unknown.body), (StatusCode::NOT_FOUND, None));
    }

    #[test]
    fn credentials_are_served_to_the_task_that_has_them() {
        let mut record = record();
        record.task.role_credentials = Some(link::RoleCredentials {
            credentials_id: "cred-1".into(),
            role_arn: "arn:aws:iam::1:role/r".into(),
            access_key_id: "ASIA1".into(),
            secret_access_key: "secret".into(),
            session_token: "token".into(),
            expiration: "2026-01-01T00:00:00Z".into(),
        });
        let answer = respond(&Route::parse("/v2/credentials/cred-1"), &record, |_| None);
        assert_eq!(
            answer.body.unwrap(),
            json!({"RoleArn": "arn:aws:iam::1:role/r", "AccessKeyId": "ASIA1", "SecretAccessKey": "secret",
                "Token": "token", "Expiration": "2026-01-01T00:00:00Z"})
        );
    }

    #[test]
    fn statistics_are_by_container() {
        let stats = |container: &link::Container| (container.name == "app").then(|| json!({"x": 1}));
        let answer = respond(&Route::parse("/v4/0123-0000000001/task/stats"), &record(), stats);
        let expected = json!({"0123-0000000001": {"x": 1}, "0123-0000000002": null});
        assert_eq!(answer.body, Some(expected));
    }
}

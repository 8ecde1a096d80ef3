//! `task-protection/v1/state`: a task asks for its protection from scale-in, or changes it.
//!
//! The state is the control plane's; the answers are the Amazon ECS agent's, which asks with the task's own role.
//! Deviation: `requestID`, which names an AWS request, is not there.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use wire::link::{Protection, ProtectionRequest, Uplink, UplinkError};
use wire::protocol::format_iso8601;

use super::respond::{Answer, has_container};
use crate::task::record::Record;

/// The largest request that is read.
pub const BODY_LIMIT: usize = 64 * 1024;
/// The code of what cannot be read.
const INVALID: &str = "InvalidParameterException";

/// Answers a request for the protection of the task of container `id`; `body` is a PUT's, or why it was not read.
pub async fn answer(
    uplink: &dyn Uplink,
    method: &Method,
    record: &Record,
    id: &str,
    body: Result<Vec<u8>, String>,
) -> Answer {
    let arn = record.task.arn.as_str();
    if method != Method::GET && method != Method::PUT {
        return Answer { status: StatusCode::METHOD_NOT_ALLOWED, body: None };
    }
    // The agent reads the request before it asks whose it is, and names no task until then.
    let request = match body {
        _ if method == Method::GET => Ok(ProtectionRequest::Get),
        Ok(body) => read(&body),
        Err(_) => Err(Unread::Undecodable),
    };
    if matches!(request, Err(Unread::Undecodable)) {
        let text = "UpdateTaskProtection: failed to decode request";
        return error(StatusCode::BAD_REQUEST, None, INVALID, text);
    }
    if !has_container(record, id) {
        let text = "Failed to find a task for the request";
        return error(StatusCode::NOT_FOUND, None, "ResourceNotFoundException", text);
    }
    let Ok(request) = request else {
        let text = "Invalid request: does not contain 'ProtectionEnabled' field";
        return error(StatusCode::BAD_REQUEST, Some(arn), INVALID, text);
    };
    if record.task.role_credentials.is_none() {
        let message = "Invalid Request: no task IAM role credentials available for task";
        return error(StatusCode::FORBIDDEN, Some(arn), "AccessDeniedException", message);
    }
    match uplink.protection(arn.to_owned(), request).await {
        Ok(protection) => Answer { status: StatusCode::OK, body: Some(shown(arn, protection)) },
        Err(refused) => refusal(arn, &refused),
    }
}

/// Why a request is not understood.
enum Unread {
    /// It is not the agent's JSON.
    Undecodable,
    /// It does not say whether the task is to be protected.
    NoState,
}

/// Names of members are read as Go reads them, in any case; others are refused.
fn read(body: &[u8]) -> Result<ProtectionRequest, Unread> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else { return Err(Unread::Undecodable) };
    let (mut enabled, mut minutes) = (None, None);
    for (name, value) in body {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("protectionenabled" | "expiresinminutes", Value::Null) => {}
            ("protectionenabled", Value::Bool(value)) => enabled = Some(value),
            ("expiresinminutes", Value::Number(value)) => {
                let value = value.as_i64().and_then(|it| i32::try_from(it).ok());
                minutes = Some(value.ok_or(Unread::Undecodable)?);
            }
            (_, _) => return Err(Unread::Undecodable),
        }
    }
    match enabled {
        Some(true) => Ok(ProtectionRequest::Protect(minutes)),
        Some(false) => Ok(ProtectionRequest::Unprotect),
        None => Err(Unread::NoState),
    }
}

fn shown(arn: &str, protection: Protection) -> Value {
    let mut shown = json!({"ProtectionEnabled": protection.until.is_some(), "TaskArn": arn});
    if let Some(until) = protection.until {
        // In whole seconds, as the agent writes it.
        shown["ExpirationDate"] = Value::String(format_iso8601(until - until.rem_euclid(1000)));
    }
    json!({"protection": shown})
}

fn error(status: StatusCode, arn: Option<&str>, code: &str, message: &str) -> Answer {
    let mut error = json!({"Code": code, "Message": message});
    if let Some(arn) = arn {
        error["Arn"] = arn.into();
    }
    Answer { status, body: Some(json!({ "error": error })) }
}

/// A task that can have no protection is a failure, and no error.
fn refusal(arn: &str, refused: &UplinkError) -> Answer {
    match refused.code.as_str() {
        "MISSING" | "TASK_NOT_VALID" => Answer {
            status: StatusCode::OK,
            body: Some(json!({"failure": {"Arn": arn, "Reason": refused.code, "Detail": refused.message}})),
        },
        "InvalidParameterException" | "ClientException" | "AccessDeniedException" => {
            error(StatusCode::BAD_REQUEST, Some(arn), &refused.code, &refused.message)
        }
        _ => error(StatusCode::INTERNAL_SERVER_ERROR, Some(arn), "ServerException", "Service Unavailable"),
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use wire::link::{
        ExecStream, LogBatch, NodeRegistration, RoleCredentials, TaskStateChange, UplinkFuture,
    };

    use super::*;
    use crate::metadata::render::tests::record;

    const ID: &str = "0123-0000000001";

    /// A control plane that keeps one protection, or refuses.
    #[derive(Default)]
    struct Keeper {
        until: Mutex<Option<i64>>,
        refusal: Option<&'static str>,
    }

    fn never<T: 'static>() -> UplinkFuture<'static, T> {
        Box::pin(std::future::pending())
    }

    impl Uplink for Keeper {
        fn register(&self, _: NodeRegistration) -> UplinkFuture<'_, String> {
            never()
        }
        fn submit_task_state_change(&self, _: TaskStateChange) -> UplinkFuture<'_, ()> {
            never()
        }
        fn put_log_events(&self, _: LogBatch) -> UplinkFuture<'_, ()> {
            never()
        }
        fn open_log_stream(&self, _: LogBatch) -> UplinkFuture<'_, u64> {
            never()
        }
        fn registry_login(&self, _: String, _: String) -> UplinkFuture<'_, Option<(String, String)>> {
            never()
        }
        fn heartbeat(&self, _: String) -> UplinkFuture<'_, ()> {
            never()
        }
        fn open_exec(&self, _: String) -> UplinkFuture<'_, ExecStream> {
            never()
        }
        fn protection(&self, _: String, request: ProtectionRequest) -> UplinkFuture<'_, Protection> {
            let code = self.refusal;
            let mut until = self.until.lock();
            match request {
                ProtectionRequest::Get => {}
                ProtectionRequest::Unprotect => *until = None,
                ProtectionRequest::Protect(minutes) => {
                    *until = Some(i64::from(minutes.unwrap_or(120)) * 60_000)
                }
            }
            let until = *until;
            Box::pin(async move {
                match code {
                    None => Ok(Protection { until }),
                    Some(code) => {
                        Err(UplinkError { retryable: false, code: code.into(), message: "no".into() })
                    }
                }
            })
        }
    }

    async fn ask(keeper: &Keeper, method: Method, body: &str) -> (u16, Value) {
        let mut record = record();
        record.task.role_credentials = Some(RoleCredentials {
            credentials_id: "c".into(),
            role_arn: "r".into(),
            access_key_id: String::new(),
            secret_access_key: String::new(),
            session_token: String::new(),
            expiration: String::new(),
        });
        let answer = answer(keeper, &method, &record, ID, Ok(body.into())).await;
        (answer.status.as_u16(), answer.body.unwrap_or_default())
    }

    const ARN: &str = "arn:aws:ecs:us-east-2:1:task/c/0123";

    #[tokio::test]
    async fn a_task_protects_itself_and_looks() {
        let keeper = Keeper::default();
        let none = json!({"protection": {"ProtectionEnabled": false, "TaskArn": ARN}});
        assert_eq!(ask(&keeper, Method::GET, "").await, (200, none.clone()));
        let body = r#"{"protectionEnabled": true, "ExpiresInMinutes": 1}"#;
        let one = json!({"protection": {"ProtectionEnabled": true, "ExpirationDate": "1970-01-01T00:01:00Z", "TaskArn": ARN}});
        assert_eq!(ask(&keeper, Method::PUT, body).await, (200, one.clone()));
        assert_eq!(ask(&keeper, Method::GET, "").await, (200, one));
        assert_eq!(ask(&keeper, Method::PUT, r#"{"ProtectionEnabled": false}"#).await, (200, none));
    }

    #[tokio::test]
    async fn requests_that_cannot_be_read_are_refused() {
        let check = async |body: &str, error: Value| {
            assert_eq!(
                ask(&Keeper::default(), Method::PUT, body).await,
                (400, json!({"error": error})),
                "{body}"
            );
        };
        let text = "Invalid request: does not contain 'ProtectionEnabled' field";
        check("{}", json!({"Arn": ARN, "Code": INVALID, "Message": text})).await;
        for body in ["nonsense", r#"{"ProtectionEnabled": 1}"#, r#"{"ProtectionEnabled": true, "For": 1}"#] {
            let text = "UpdateTaskProtection: failed to decode request";
            check(body, json!({"Code": INVALID, "Message": text})).await;
        }
        assert_eq!(ask(&Keeper::default(), Method::DELETE, "").await.0, 405);
    }

    #[tokio::test]
    async fn what_the_control_plane_refuses_reads_as_the_agents() {
        for (code, status, member) in [
            ("TASK_NOT_VALID", 200, "failure"),
            ("InvalidParameterException", 400, "error"),
            ("X", 500, "error"),
        ] {
            let keeper = Keeper { refusal: Some(code), ..Keeper::default() };
            let (found, body) = ask(&keeper, Method::GET, "").await;
            assert_eq!((found, body.get(member).is_some()), (status, true), "{code}: {body}");
        }
    }

    #[tokio::test]
    async fn a_task_without_a_role_has_no_protection() {
        let answer = answer(&Keeper::default(), &Method::GET, &record(), ID, Ok(Vec::new())).await;
        let message = "Invalid Request: no task IAM role credentials available for task";
        let error = json!({"error": {"Arn": ARN, "Code": "AccessDeniedException", "Message": message}});
        assert_eq!((answer.status.as_u16(), answer.body), (403, Some(error)));
    }
}

//! Establishes the caller of an API request.

use auth::rejection::Family;
use auth::sigv4::{Message, Presented, hash};
use auth::{Principal, Rejection};
use http::request::Parts;
use model::{Region, Scope, Timestamp};
use services::room::family;
use services::{Cloud, ServiceError};
use wire::ServiceModel;

use super::route::Request;

/// A verified caller.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who it is.
    pub(super) principal: Principal,
    /// The caller's account, in the region of the signature.
    pub(super) scope: Scope,
}

/// The caller of a request to `service`.
pub(super) fn caller(
    cloud: &Cloud,
    request: &Request<'_>,
    service: &ServiceModel,
    now: Timestamp,
) -> Result<Caller, ServiceError> {
    verified(cloud, request, service, now).map_err(|rejection| in_words(&rejection, family(service)))
}

fn in_words(rejection: &Rejection, family: Family) -> ServiceError {
    let (code, status) = rejection.answer(family);
    ServiceError::client(code, rejection.message(family)).status(status)
}

fn verified(
    cloud: &Cloud,
    request: &Request<'_>,
    service: &ServiceModel,
    now: Timestamp,
) -> Result<Caller, Rejection> {
    let lines = lines(request.head);
    let headers: Vec<(&str, &str)> =
        lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let message = message(request.head, &headers);
    let presented = Presented::read(&message)?;
    presented.check(service.signing_name, now)?;
    let snapshot = cloud.store.snapshot();
    let token = presented.session_token.as_deref();
    let identity = cloud.identities.find(&snapshot, &presented.access_key_id, token, now)?;
    presented.verify(&message, &identity.secret, &hash(&request.received.sent))?;
    let region = Region::new(presented.region)
        .map_err(|_| Rejection::Scope("Credential should be scoped to a valid region. ".to_owned()))?;
    let scope = Scope::new(identity.principal.account.clone(), region);
    Ok(Caller { principal: identity.principal, scope })
}

/// The service that the signature names, before anything has been checked.
pub(super) fn claimed_service(head: &Parts) -> Option<String> {
    let lines = lines(head);
    let headers: Vec<(&str, &str)> =
        lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Presented::read(&message(head, &headers)).ok().map(|presented| presented.service)
}

fn message<'a>(head: &'a Parts, headers: &'a [(&'a str, &'a str)]) -> Message<'a> {
    Message {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
    }
}

/// The headers as text; HTTP/2 carries the host in the URI.
fn lines(head: &Parts) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut lines: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    if !head.headers.contains_key(http::header::HOST)
        && let Some(authority) = head.uri.authority()
    {
        lines.push(("host".to_owned(), authority.to_string()));
    }
    lines
}

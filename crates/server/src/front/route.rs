//! Finds out what a request asks for: protocol, service, operation.
//!
//! The protocol shows in the head. The service is the one that the target, the path, or the
//! action and version name; where they are silent, the one of the signature's scope. What
//! cannot be found is refused in the words of the protocol, as no service is known to say it.

use std::net::SocketAddr;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use services::ServiceError;
use wire::generated::SERVICES;
use wire::protocol::query::Form;
use wire::{OperationModel, Protocol, ServiceModel, protocol};

use super::authenticate::claimed_service;
use super::body::Received;

/// Stands in until a service is known.
static UNKNOWN: ServiceModel = ServiceModel {
    id: "unknown",
    signing_name: "unknown",
    endpoint_prefix: "unknown",
    target_prefix: None,
    json_version: None,
    api_version: "",
    xml_namespace: None,
    protocols: &[],
    query_compatible: false,
    operations: &[],
    errors: &[],
};

/// One request, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// Its head.
    pub(super) head: &'a Parts,
    /// Its body.
    pub(super) received: &'a Received,
    /// Where it came from.
    pub(super) peer: SocketAddr,
    /// The id that the answer carries.
    pub(super) request_id: &'a str,
}

/// With whom and in which protocol a request speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speech {
    pub(super) service: &'static ServiceModel,
    pub(super) protocol: Protocol,
}

impl Speech {
    /// What the head alone tells.
    pub(super) fn of(head: &Parts) -> Speech {
        let named = match (rpc(head), target(head)) {
            (Some((prefix, _)), _) | (None, Some((prefix, _))) => {
                SERVICES.iter().find(|service| service.target_prefix == Some(prefix))
            }
            (None, None) => None,
        };
        let claimed = || {
            let name = claimed_service(head)?;
            SERVICES.iter().find(|service| service.signing_name == name)
        };
        let service = named.or_else(claimed).copied().unwrap_or(&UNKNOWN);
        Speech { service, protocol: spoken(head, service) }
    }
}

fn spoken(head: &Parts, service: &ServiceModel) -> Protocol {
    let content_type = text(head, CONTENT_TYPE.as_str()).unwrap_or_default();
    if rpc(head).is_some() || text(head, "smithy-protocol") == Some("rpc-v2-cbor") {
        Protocol::Cbor
    } else if text(head, "x-amz-target").is_some() || content_type.starts_with("application/x-amz-json-") {
        Protocol::Json
    } else if service.speaks(Protocol::Ec2) {
        Protocol::Ec2
    } else if content_type.starts_with("application/x-www-form-urlencoded") || has_action(head) {
        Protocol::Query
    } else {
        match service.protocols.first() {
            Some(Protocol::Query | Protocol::RestXml) => Protocol::Query,
            _ => Protocol::Json,
        }
    }
}

/// The form of a Query request: its body, or the query string of a GET.
pub(super) fn form(protocol: Protocol, request: &Request<'_>) -> Result<Option<Form>, ServiceError> {
    if !matches!(protocol, Protocol::Query | Protocol::Ec2) {
        return Ok(None);
    }
    let body = &request.received.content;
    let query = request.head.uri.query().unwrap_or_default();
    let source = if body.is_empty() { query.as_bytes() } else { body };
    Form::parse(source).map(Some).map_err(|error| malformed(protocol, &error))
}

/// The operation that is asked for. Completes `speech` where only the form tells the service.
pub(super) fn operation(
    speech: &mut Speech,
    head: &Parts,
    form: Option<&Form>,
) -> Result<&'static OperationModel, ServiceError> {
    let name = match form {
        Some(form) => {
            if std::ptr::eq(speech.service, &UNKNOWN) {
                *speech = by_action(form).unwrap_or(*speech);
            }
            let missing =
                || ServiceError::client("MissingAction", "The request must contain the parameter Action.");
            form.action().ok_or_else(missing)?
        }
        None => {
            let named = rpc(head).or_else(|| target(head)).map(|(_, operation)| operation);
            named.ok_or_else(|| nothing_asked(head))?
        }
    };
    let Speech { service, protocol } = *speech;
    let version = form.and_then(Form::version).unwrap_or(service.api_version);
    // EC2 takes every version of its API.
    let current = version == service.api_version || protocol == Protocol::Ec2;
    let found =
        service.operation(name).filter(|_| current && service.speaks(protocol) && is_prefixed(head, service));
    found.ok_or_else(|| unknown(protocol, name, version))
}

/// Whether the target's (or the path's) prefix, where there is one, is the service's.
fn is_prefixed(head: &Parts, service: &ServiceModel) -> bool {
    let prefix = rpc(head).or_else(|| target(head)).map(|(prefix, _)| prefix);
    prefix.is_none_or(|prefix| service.target_prefix == Some(prefix))
}

fn by_action(form: &Form) -> Option<Speech> {
    let (action, version) = (form.action()?, form.version()?);
    let fits = |service: &&&'static ServiceModel| {
        service.api_version == version && service.operation(action).is_some()
    };
    let service = SERVICES.iter().find(fits)?;
    let protocol = if service.speaks(Protocol::Ec2) { Protocol::Ec2 } else { Protocol::Query };
    Some(Speech { service, protocol })
}

/// The answer to a request that names no operation in any way.
fn nothing_asked(head: &Parts) -> ServiceError {
    if claimed_service(head).is_some() {
        return ServiceError::client("UnknownOperationException", "The request names no operation.");
    }
    let rejection = auth::Rejection::Missing;
    let (code, status) = rejection.answer(auth::rejection::Family::Json);
    ServiceError::client(code, rejection.to_string()).status(status)
}

fn unknown(protocol: Protocol, name: &str, version: &str) -> ServiceError {
    match protocol {
        Protocol::Query | Protocol::RestXml => ServiceError::client(
            "InvalidAction",
            format!("Could not find operation {name} for version {version}"),
        ),
        Protocol::Ec2 => ServiceError::client(
            "InvalidAction",
            format!("The action {name} is not valid for this web service."),
        ),
        Protocol::Json | Protocol::Cbor | Protocol::RestJson => ServiceError::client(
            "UnknownOperationException",
            format!("The operation {name} is not known here."),
        ),
    }
}

/// The answer to an operation of a service that has no room.
pub(super) fn unserved(speech: &Speech) -> ServiceError {
    let code = match speech.protocol {
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => "InvalidAction",
        Protocol::Json | Protocol::Cbor | Protocol::RestJson => "UnknownOperationException",
    };
    ServiceError::client(code, format!("Longshore does not serve {}.", speech.service.id))
}

/// The answer to a body that is not what the operation takes.
pub(super) fn malformed(protocol: Protocol, error: &protocol::Error) -> ServiceError {
    let code = match (protocol, error) {
        (Protocol::Query | Protocol::RestXml, protocol::Error::Type { .. }) => "MalformedInput",
        (Protocol::Query | Protocol::RestXml, _) => "MalformedQueryString",
        (Protocol::Ec2, _) => "InvalidParameterValue",
        (Protocol::Json | Protocol::Cbor | Protocol::RestJson, _) => "SerializationException",
    };
    ServiceError::client(code, error.to_string())
}

/// The prefix and the operation of `x-amz-target: PREFIX.OPERATION`.
fn target(head: &Parts) -> Option<(&str, &str)> {
    text(head, "x-amz-target")?.rsplit_once('.')
}

/// The prefix and the operation of the path `/service/PREFIX/operation/OPERATION`.
fn rpc(head: &Parts) -> Option<(&str, &str)> {
    head.uri.path().strip_prefix("/service/")?.split_once("/operation/")
}

fn has_action(head: &Parts) -> bool {
    head.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")))
}

fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = http::Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn credential(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-2/{service}/aws4_request, SignedHeaders=host, Signature=x"
        )
    }

    fn check(
        uri: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
        expected: Result<(&str, Protocol, &str), &str>,
    ) {
        let head = head(uri, headers);
        let mut speech = Speech::of(&head);
        let form = body.map(|body| Form::parse(body.as_bytes()).unwrap());
        let found = operation(&mut speech, &head, form.as_ref());
        let found = found.map(|found| (speech.service.id, speech.protocol, found.name));
        assert_eq!(found.map_err(|error| error.code), expected.map_err(str::to_owned));
    }

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

    #[test]
    fn targets_name_json_operations() {
        let run = ("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask");
        check("/", &[run], None, Ok(("ECS", Protocol::Json, "RunTask")));
        let wrong = ("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunAway");
        check("/", &[wrong], None, Err("UnknownOperationException"));
        check("/", &[("x-amz-target", "Nobody.RunTask")], None, Err("UnknownOperationException"));
        check(
            "/",
            &[("content-type", "application/x-amz-json-1.1")],
            None,
            Err("MissingAuthenticationTokenException"),
        );
    }

    #[test]
    fn actions_name_query_operations() {
        let who = Some("Action=GetCallerIdentity&Version=2011-06-15");
        check("/", &[FORM], who, Ok(("STS", Protocol::Query, "GetCallerIdentity")));
        check(
            "/?Action=GetCallerIdentity&Version=2011-06-15",
            &[],
            who,
            Ok(("STS", Protocol::Query, "GetCallerIdentity")),
        );
        let describe = Some("Action=DescribeVpcs&Version=2016-11-15");
        check("/", &[FORM], describe, Ok(("EC2", Protocol::Ec2, "DescribeVpcs")));
        check("/", &[FORM], Some("Action=Nothing&Version=2011-06-15"), Err("InvalidAction"));
        check("/", &[FORM], Some("A=b"), Err("MissingAction"));
        let sts = credential("sts");
        let signed = ("x-amz-date", "20261123T000000Z");
        let old = Some("Action=GetCallerIdentity&Version=2010-01-01");
        check("/", &[FORM, signed, ("authorization", &sts)], old, Err("InvalidAction"));
    }

    #[test]
    fn paths_name_cbor_operations() {
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        check(path, &[], None, Ok(("CloudWatch", Protocol::Cbor, "PutMetricData")));
        let ecs = "/service/AmazonEC2ContainerServiceV20141113/operation/RunTask";
        check(ecs, &[], None, Err("UnknownOperationException"));
    }

    #[test]
    fn the_scope_tells_the_protocol_of_an_error() {
        let (sts, date) = (credential("sts"), ("x-amz-date", "20261123T000000Z"));
        let speech = Speech::of(&head("/", &[date, ("authorization", &sts)]));
        assert_eq!((speech.service.id, speech.protocol), ("STS", Protocol::Query));
        let speech = Speech::of(&head("/", &[]));
        assert_eq!((speech.service.id, speech.protocol), ("unknown", Protocol::Json));
    }
}

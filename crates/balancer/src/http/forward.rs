//! One request's way to a target and back.
//!
//! A request is sent again only when no target can have acted on it: it never left, or it is repeatable and the
//! connection, kept from an earlier request, turned out dead before a byte of the answer. A target that cannot be
//! connected is passed over. So a killed target costs what ran on it, and a drained one nothing.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;
use wire::link::{ProtocolVersion, Stickiness};

use super::access_log::Log;
use super::body::{Activity, Download, Loan, Upload};
use super::connect::{ConnectError, Sender, dial, handshake};
use super::headers::{self, Facts};
use super::{Client, pages, upgrade};
use crate::group::{Cookie, Group, Target, find_cookie};
use crate::table::{Forward, Listener};

/// ELB's patience for a connection to a target.
const CONNECT: Duration = Duration::from_secs(10);
/// The same while there is another target to ask.
const CONNECT_ONE: Duration = Duration::from_secs(1);
/// How many targets are asked for one request.
const MOST_TARGETS: usize = 4;

/// Sends a request to a target of the action and passes the answer on.
pub async fn forward(
    client: &Client,
    listener: &Listener,
    action: &Forward,
    mut request: Request<Incoming>,
    log: &mut Log,
) -> Response<Download> {
    let now = SystemTime::now();
    let Some(group) = group(action, request.headers(), now) else { return pages::refuse(503) };
    log.chooses(&group);
    if !speaks(&group, &request) {
        return pages::refuse(464);
    }
    let preferred = preferred(&group, request.headers(), now);
    let wants = headers::wants_upgrade(request.version(), request.headers());
    let switch = wants.then(|| hyper::upgrade::on(&mut request));
    let Some(request) = prepare(client, listener, &group, request, now, wants) else {
        return pages::refuse(400);
    };
    log.prepares(request.headers(), request.body().activity());
    let idle = Duration::from_secs(listener.attributes.idle_timeout_seconds.into());
    let deadline = listener.request_timeout.map(|longest| Instant::now() + longest);
    let idle = listener.request_timeout.map_or(idle, |longest| longest.min(idle));
    let (mut answer, loan) = match exchange(client, &group, preferred, idle, request, log).await {
        Ok(answered) => answered,
        Err(status) => return pages::refuse(status),
    };
    let target = loan.flight.target().clone();
    let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    headers::to_client(answer.headers_mut(), switched);
    stick(client, action, &group, &target, answer.headers_mut(), now);
    *answer.version_mut() = Version::HTTP_11;
    match (switched, switch) {
        (true, Some(switch)) => {
            upgrade::join(switch, hyper::upgrade::on(&mut answer), loan, client.shared.open(), idle);
            answer.map(|_| Download::Own(None))
        }
        (true, None) => pages::refuse(502),
        (false, _) => answer.map(|body| Download::stream(body, loan, idle, deadline)),
    }
}

/// The target group that a request goes to.
fn group(action: &Forward, headers: &HeaderMap, now: SystemTime) -> Option<Arc<Group>> {
    if let Some(lifetime) = action.stickiness
        && let Some(sticky) = Cookie::Group.read(headers, now, lifetime)
        && let Some((_, group)) = action.groups.iter().find(|(_, group)| group.hash == sticky.hash)
    {
        return Some(group.clone());
    }
    action.next().cloned()
}

/// Whether the targets can be asked in this version of HTTP; ELB does not translate upwards.
fn speaks(group: &Group, request: &Request<Incoming>) -> bool {
    match group.route.protocol_version {
        ProtocolVersion::Http1 => true,
        ProtocolVersion::Http2 => request.version() == Version::HTTP_2,
        ProtocolVersion::Grpc => request.version() == Version::HTTP_2 && request.method() == Method::POST,
    }
}

/// The target that the client's cookie names.
fn preferred(group: &Group, headers: &HeaderMap, now: SystemTime) -> Option<Arc<Target>> {
    let (cookie, seconds) = match group.route.stickiness.as_ref()? {
        Stickiness::LbCookie { duration_seconds } => (Cookie::Target, *duration_seconds),
        Stickiness::AppCookie { cookie_name, duration_seconds } => {
            find_cookie(headers, cookie_name)?;
            (Cookie::Application, *duration_seconds)
        }
        Stickiness::SourceIp => return None,
    };
    let sticky = cookie.read(headers, now, Duration::from_secs(seconds.into()))?;
    group.by_hash(sticky.hash)
}

/// Gives the client the cookies by which it comes back.
fn stick(
    client: &Client,
    action: &Forward,
    group: &Group,
    target: &Target,
    headers: &mut HeaderMap,
    now: SystemTime,
) {
    let secure = client.tls.is_some();
    let mut give = |cookie: Cookie, hash, lifetime| {
        for text in cookie.give(hash, now, lifetime, secure) {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.append(header::SET_COOKIE, value);
            }
        }
    };
    if let Some(lifetime) = action.stickiness {
        give(Cookie::Group, group.hash, lifetime);
    }
    match &group.route.stickiness {
        Some(Stickiness::LbCookie { duration_seconds }) => {
            give(Cookie::Target, target.hash, Duration::from_secs((*duration_seconds).into()));
        }
        Some(Stickiness::AppCookie { cookie_name, duration_seconds }) => {
            let names = |value: &HeaderValue| {
                let text = value.to_str().unwrap_or_default();
                text.strip_prefix(cookie_name.as_str()).is_some_and(|rest| rest.starts_with('='))
            };
            if headers.get_all(header::SET_COOKIE).iter().any(names) {
                let lifetime = Duration::from_secs((*duration_seconds).into());
                for text in Cookie::Application.give(target.hash, now, lifetime, secure) {
                    headers
                        .extend(HeaderValue::from_str(&text).ok().map(|value| (header::SET_COOKIE, value)));
                }
            }
        }
        Some(Stickiness::SourceIp) | None => {}
    }
}

/// The request as the target gets it; `None` without a host.
fn prepare(
    client: &Client,
    listener: &Listener,
    group: &Group,
    request: Request<Incoming>,
    now: SystemTime,
    upgrade: bool,
) -> Option<Request<Upload>> {
    let (mut parts, body) = request.into_parts();
    let facts = Facts {
        attributes: &listener.attributes,
        peer: client.peer,
        port: listener.port,
        tls: client.tls.as_ref().map(|tls| (tls.version.as_str(), tls.cipher.as_str())),
    };
    let version = match group.route.protocol_version {
        ProtocolVersion::Http1 => Version::HTTP_11,
        ProtocolVersion::Http2 | ProtocolVersion::Grpc => Version::HTTP_2,
    };
    let known = parts.headers.get(headers::TRACE_ID).and_then(|value| value.to_str().ok());
    let trace_id = client.shared.traces.value(known, now);
    headers::address(&mut parts, &facts, version)?;
    headers::to_target(&mut parts.headers, &facts, trace_id, upgrade);
    Some(Request::from_parts(parts, Upload::new(body)))
}

/// Asks targets until one answers, or the request may not be sent again. The error is the status for the client.
async fn exchange(
    client: &Client,
    group: &Group,
    mut preferred: Option<Arc<Target>>,
    idle: Duration,
    mut request: Request<Upload>,
    log: &mut Log,
) -> Result<(Response<Incoming>, Loan), u16> {
    let activity = request.body().activity();
    let zone = client.socket.serving.load().zone.clone();
    let repeatable = activity.is_none() && request.method().is_idempotent();
    let mut tried: Vec<Arc<Target>> = Vec::new();
    let mut failure = 503;
    while tried.len() < MOST_TARGETS {
        let now = Instant::now();
        let Some(target) = preferred.take().or_else(|| group.pick(zone.as_deref(), &tried, now)) else {
            break;
        };
        log.picks(&target);
        let flight = Target::begin(&target);
        let worker = client.worker;
        // Where targets are left out for failing, a repeatable request that fails on a fresh connection goes on.
        let ejects = group.route.ejects;
        while let Some(mut sender) = target.pool.take(worker, repeatable) {
            let copy = repeatable.then(|| copy(&request));
            log.sends();
            match within(sender.send(request), idle, activity.as_deref()).await {
                None => return Err(late(group, &target)),
                Some(Ok(answer)) => {
                    judge(group, &target, &answer);
                    log.answers(answer.status());
                    return Ok((answer, Loan { flight, sender, worker }));
                }
                Some(Err(error)) => request = again(error, copy).ok_or(502u16)?,
            }
        }
        let others = group.targets.len() > tried.len() + 1;
        // Boxed, as TLS's greeting is large: a request on a kept connection must not carry room for it.
        match Box::pin(open(client, group, &target, if others { CONNECT_ONE } else { CONNECT })).await {
            Ok(mut sender) => {
                target.absolve(now);
                let copy = (repeatable && ejects).then(|| copy(&request));
                log.sends();
                match within(sender.send(request), idle, activity.as_deref()).await {
                    None => return Err(late(group, &target)),
                    Some(Ok(answer)) => {
                        judge(group, &target, &answer);
                        log.answers(answer.status());
                        return Ok((answer, Loan { flight, sender, worker }));
                    }
                    Some(Err(error)) => {
                        if ejects {
                            target.fail(now);
                        }
                        request = again(error, copy).ok_or(502u16)?;
                    }
                }
                failure = 502;
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "passing a target over");
                target.suspect(now);
                if ejects {
                    target.fail(now);
                }
                failure = if matches!(error, ConnectError::TimedOut(_)) { 504 } else { 502 };
            }
        }
        tried.push(target);
    }
    Err(failure)
}

/// The status for a client whose target took too long.
fn late(group: &Group, target: &Target) -> u16 {
    if group.route.ejects {
        target.fail(Instant::now());
    }
    504
}

/// Counts an answer by which a target says that it cannot answer.
fn judge(group: &Group, target: &Target, answer: &Response<Incoming>) {
    if group.route.ejects && matches!(answer.status().as_u16(), 502..=504) {
        target.fail(Instant::now());
    }
}

async fn open(
    client: &Client,
    group: &Group,
    target: &Target,
    patience: Duration,
) -> Result<Sender, ConnectError> {
    let (protocol, version) = (group.route.protocol, group.route.protocol_version);
    let stream = dial(target.address, patience, client.socket.namespace.as_ref()).await?;
    let greeting = handshake(stream, target.address, protocol, version, &client.shared.target_tls);
    let sender = tokio::time::timeout(CONNECT, greeting).await;
    let sender = sender.map_err(|_| ConnectError::TimedOut(target.address))??;
    if let Sender::Two(sender) = &sender {
        target.pool.share(client.worker, sender.clone());
    }
    Ok(sender)
}

/// Waits for an answer, but no longer than `idle` after the request last moved.
async fn within<F: Future>(future: F, idle: Duration, activity: Option<&Activity>) -> Option<F::Output> {
    let Some(activity) = activity else { return tokio::time::timeout(idle, future).await.ok() };
    let mut future = std::pin::pin!(future);
    loop {
        let deadline = activity.last() + idle;
        tokio::select! {
            biased;
            output = future.as_mut() => return Some(output),
            () = tokio::time::sleep_until(deadline) => {}
        }
        if activity.last() + idle <= Instant::now() {
            return None;
        }
    }
}

/// A request without its body, to be sent should the first one be lost.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::Own(None));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The request to send again, if it may be sent again.
fn again(mut error: TrySendError<Request<Upload>>, copy: Option<Request<Upload>>) -> Option<Request<Upload>> {
    error.take_message().or_else(|| copy.filter(|_| died_silent(error.error())))
}

/// Whether a connection died before a byte of the answer came.
fn died_silent(error: &hyper::Error) -> bool {
    let reset = error.source().and_then(|source| source.downcast_ref::<io::Error>()).is_some_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted
        )
    });
    reset || error.is_incomplete_message() || error.is_closed() || error.is_canceled()
}

//! The front door: one port for every protocol.
//!
//! A request is read (bounded), routed to a service and an operation, authenticated, decoded and
//! handed to its room; whatever happens is answered in the protocol in which it was asked. Only
//! the registry under `/v2/`, exec sessions and the health check are not SigV4: the first two have
//! tokens of their own.

mod answer;
mod authenticate;
mod body;
mod channel;
mod listen;
mod live;
mod route;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use control::Clock;
use control::exec::Surroundings;
use http::{Request, Response};
use hyper::body::Incoming;
use registry::Body;
use services::exec::STREAM_PATH;
use services::{Cloud, Ids, OpCtx, ROOMS, Room, ServiceError, runner};
use wire::protocol::{self, ec2query, query};
use wire::{OperationModel, Protocol, ServiceModel, Value};

pub use listen::listen;

use crate::clock::{self, SystemIds};
use answer::Answer;
use body::Budget;
use route::{Request as Asked, Speech};

/// Where a process says that it lives and can be given work.
const HEALTH_PATH: &str = "/_longshore/health";

/// Answers requests.
#[derive(Debug)]
pub struct Front {
    cloud: Arc<Cloud>,
    ids: Ids,
    budget: Budget,
    ready: AtomicBool,
}

impl Front {
    /// A front door before `cloud`.
    pub fn new(cloud: Arc<Cloud>) -> Self {
        Front { cloud, ids: Ids::new(SystemIds), budget: Budget::new(), ready: AtomicBool::new(false) }
    }

    /// Says from now on that everything has started.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let path = request.uri().path();
        if path == HEALTH_PATH {
            return answer::health(request.method(), self.ready.load(Ordering::Acquire));
        }
        if path == "/v2" || path.starts_with("/v2/") {
            return self.cloud.registry.handle(request, clock::now()).await;
        }
        if let Some(session) = path.strip_prefix(STREAM_PATH).and_then(|rest| rest.strip_prefix('/')) {
            let session = session.to_owned();
            let (cloud, ids) = (self.cloud.clone(), self.ids.clone());
            let around = Surroundings { cloud, clock: Clock::new(clock::now), ids };
            return channel::answer(around, request, session);
        }
        self.api(request, peer).await
    }

    async fn api(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let mut speech = Speech::of(&head);
        let request_id = self.ids.uuid();
        let mut operation = None;
        let outcome = match self.budget.read(&head, body).await {
            Ok(received) => {
                let asked = Asked { head: &head, received: &received, peer, request_id: &request_id };
                self.perform(asked, &mut speech, &mut operation).await
            }
            Err(refused) => Err(refused.in_words(speech.protocol)),
        };
        log(&speech, operation, &request_id, started, outcome.as_ref().err());
        let wants_query_error = head.headers.contains_key("x-amzn-query-mode");
        let answer = Answer { speech: &speech, request_id: &request_id, wants_query_error };
        match (outcome, operation) {
            (Ok(value), Some(operation)) => match live::session(&self.cloud, operation, &value) {
                Some(session) => answer.stream(session),
                None => answer.success(operation, &value),
            },
            (Ok(_), None) => unreachable!("only an operation succeeds"),
            (Err(error), _) => answer.failure(&error),
        }
    }

    /// Route, authenticate, decode, run. `speech` and `operation` tell how far it came.
    async fn perform(
        &self,
        asked: Asked<'_>,
        speech: &mut Speech,
        operation: &mut Option<&'static OperationModel>,
    ) -> Result<Value, ServiceError> {
        let form = route::form(speech.protocol, &asked)?;
        let found = route::operation(speech, asked.head, form.as_ref())?;
        *operation = Some(found);
        let now = clock::now();
        let caller = authenticate::caller(&self.cloud, &asked, speech.service, now)?;
        let input = match (&form, speech.protocol) {
            (Some(form), Protocol::Ec2) => ec2query::decode_form(found, form),
            (Some(form), _) => query::decode_form(found, form),
            (None, protocol) => protocol::decode(protocol, found, &asked.received.content),
        };
        let input = input.map_err(|error| route::malformed(speech.protocol, &error))?;
        let room = room(speech.service).ok_or_else(|| route::unserved(speech))?;
        let user_agent = asked.head.headers.get(http::header::USER_AGENT);
        let ctx = OpCtx {
            principal: caller.principal,
            scope: caller.scope,
            request_id: asked.request_id.to_owned(),
            now,
            ids: self.ids.clone(),
            source_ip: Some(asked.peer.ip()),
            user_agent: user_agent.and_then(|value| value.to_str().ok()).map(str::to_owned),
            cloud: self.cloud.clone(),
        };
        run(room, found, ctx, input).await
    }
}

/// Runs an operation in a task of its own: it comes to its end even when the client goes away,
/// and a panic costs one request.
async fn run(
    room: &'static Room,
    operation: &'static OperationModel,
    ctx: OpCtx,
    input: Value,
) -> Result<Value, ServiceError> {
    let running = tokio::spawn(async move { runner::run(room, operation, ctx, input).await });
    running.await.unwrap_or_else(|error| {
        Err(ServiceError::server(
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
            error,
        ))
    })
}

fn room(service: &ServiceModel) -> Option<&'static Room> {
    ROOMS.iter().find(|room| std::ptr::eq(room.service, service)).copied()
}

/// One line a request; failures of ours with the whole chain of causes.
fn log(
    speech: &Speech,
    operation: Option<&OperationModel>,
    request_id: &str,
    started: Instant,
    error: Option<&ServiceError>,
) {
    let service = speech.service.id;
    let operation = operation.map_or("-", |operation| operation.name);
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match error {
        None => tracing::debug!(service, operation, request_id, micros, "answered"),
        Some(error) if error.status >= 500 => {
            let cause = error as &dyn std::error::Error;
            tracing::error!(service, operation, request_id, micros, error = cause, "failed");
        }
        Some(error) => tracing::debug!(service, operation, request_id, micros, %error, "refused"),
    }
}

//! Serves one endpoint for each task, in the agent's own process.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use wire::link::{self, Uplink};

use super::listener;
use super::protection;
use super::respond::{Answer, respond};
use super::route::Route;
use super::sample::{self, Sample};
use super::stats;
use crate::task::ports::{MetadataGuard, MetadataHost};
use crate::task::record::Record;

/// Connections of one task at once.
const CONNECTION_LIMIT: usize = 64;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept (out of descriptors) the next is tried after a pause.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The metadata endpoints of a node.
#[derive(Clone)]
pub struct Metadata {
    uplink: Arc<dyn Uplink>,
}

impl Metadata {
    /// Endpoints that ask the control plane for what it alone knows.
    pub fn new(uplink: Arc<dyn Uplink>) -> Self {
        Metadata { uplink }
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metadata")
    }
}

/// What one endpoint needs.
struct Endpoint {
    task: watch::Receiver<Arc<Record>>,
    uplink: Arc<dyn Uplink>,
    /// The sample before, by container: Docker's format compares two.
    samples: Mutex<BTreeMap<String, Sample>>,
}

#[async_trait]
impl MetadataHost for Metadata {
    async fn serve(
        &self,
        netns: Option<PathBuf>,
        task: watch::Receiver<Arc<Record>>,
    ) -> Result<MetadataGuard, String> {
        let name =
            netns.as_ref().map_or("the node's network".to_string(), |netns| netns.display().to_string());
        let task_id = task.borrow().id().to_string();
        let listener = match netns {
            Some(netns) => listener::open(netns).await,
            None => listener::open_on_node(&task_id).await,
        };
        let listener = listener.map_err(|error| format!("listening in {name}: {error}"))?;
        let endpoint = Endpoint { task, uplink: self.uplink.clone(), samples: Mutex::default() };
        let endpoint = Arc::new(endpoint);
        Ok(Box::new(AbortOnDropHandle::new(tokio::spawn(endpoint.accept(listener)))))
    }
}

impl Endpoint {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
        // Owned here, so that connections end with the endpoint.
        let mut connections = JoinSet::new();
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let endpoint = self.clone();
                    connections.spawn(async move {
                        endpoint.serve_connection(stream).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "accepting a metadata request");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }

    async fn serve_connection(self: Arc<Self>, stream: TcpStream) {
        let answer = service_fn(|request: Request<Incoming>| {
            let endpoint = self.clone();
            async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        // A client that says no more waits for its answer all the same.
        server.half_close(true);
        if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
            tracing::trace!(%error, "a metadata connection ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let record = self.task.borrow().clone();
        let Answer { status, body } = match Route::parse(request.uri().path()) {
            Route::Protection(id) => {
                let method = request.method().clone();
                let read = Limited::new(request.into_body(), protection::BODY_LIMIT).collect().await;
                let body = read.map(|body| body.to_bytes().into()).map_err(|error| error.to_string());
                protection::answer(self.uplink.as_ref(), &method, &record, &id, body).await
            }
            route => respond(&route, &record, |container| self.stats(&record, container)),
        };
        let (kind, text) = match body {
            Some(body) => ("application/json", body.to_string()),
            None => ("text/plain; charset=utf-8", format!("{} page not found\n", status.as_u16())),
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        response
    }

    fn stats(&self, record: &Record, container: &link::Container) -> Option<Value> {
        let seen = record.containers.get(&container.name)?;
        let now = sample::take(seen.pid?)?;
        let earlier = self.samples.lock().insert(container.name.clone(), now.clone());
        Some(stats::render(&container.name, &seen.runtime_id, earlier.as_ref(), &now))
    }
}

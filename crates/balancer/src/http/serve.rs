//! A client's connection and the answer to each of its requests.
//!
//! The routes are looked up for each request, so that a long connection follows every change. When its listener
//! goes, a connection ends behind the response that it is at.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::access_log::Log;
use super::body::Download;
use super::{forward, headers, pages};
use crate::net;
use crate::rules::{Head, host_of};
use crate::shared::{Open, Shared};
use crate::sockets::Socket;
use crate::table::{Action, Listener};

/// ELB's limit on a request's head is 64 KiB; hyper's buffer holds a little more.
const HEAD_BYTES: usize = 80 << 10;
/// Flow-control windows of HTTP/2 towards clients.
const WINDOW: u32 = 1 << 20;

/// What is known of a client's connection.
#[derive(Debug)]
pub struct Client {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// Where it came in.
    pub socket: Arc<Socket>,
    /// Its other end.
    pub peer: SocketAddr,
    /// The worker that it lives on.
    pub worker: usize,
    /// TLS, where it was spoken.
    pub tls: Option<Tls>,
    /// When it was accepted.
    pub since: Instant,
    /// Names it in logs.
    pub trace: u64,
    /// Whether its line in the connection log is written.
    pub noted: AtomicBool,
    /// Counts it while it is open.
    pub _open: Open,
}

/// What is known of a connection's TLS.
#[derive(Debug)]
pub struct Tls {
    /// The listener that the server name chose.
    pub listener: String,
    /// The server name that the client asked for.
    pub server_name: Option<String>,
    /// Such as `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
}

/// Serves a connection until its end.
pub async fn serve<S>(stream: S, client: Client, version: Version, idle: Duration)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let client = Arc::new(client);
    let (socket, shared) = (client.socket.clone(), client.shared.clone());
    let service = service_fn(|request| {
        let client = client.clone();
        async move { Ok::<_, Infallible>(client.answer(request).await) }
    });
    let io = TokioIo::new(stream);
    // What ends a connection is between client and us; neither side can be told more.
    if version == Version::HTTP_2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_header_list_size(64 << 10);
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 4);
        let connection = pin!(builder.serve_connection(io, service));
        let end = async {
            tokio::select! { () = socket.closed.heard() => {} () = shared.leaving.heard() => {} }
        };
        drop(until(connection, end, |connection| connection.graceful_shutdown()).await);
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_BYTES);
        let connection = pin!(builder.serve_connection(io, service).with_upgrades());
        // While we leave, an idle connection stays open: its client may be sending at this very moment.
        let end = socket.closed.heard();
        drop(until(connection, end, |connection| connection.graceful_shutdown()).await);
    }
}

/// Drives a connection; when `end` comes, tells it to finish what it is at.
async fn until<C: Future>(
    mut connection: Pin<&mut C>,
    end: impl Future<Output = ()>,
    finish: impl Fn(Pin<&mut C>),
) -> C::Output {
    tokio::select! {
        biased;
        output = connection.as_mut() => return output,
        () = end => {}
    }
    finish(connection.as_mut());
    connection.await
}

impl Client {
    async fn answer(&self, request: Request<Incoming>) -> Response<Download> {
        let version = request.version();
        let host = host_of(request.uri(), request.headers());
        let Some(listener) = self.listener(host.unwrap_or_default()) else {
            let mut response = pages::refuse(503);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        };
        if listener.attributes.connection_log && !self.noted.swap(true, Ordering::Relaxed) {
            net::log_plain(&self.shared, &listener, self.peer, self.trace);
        }
        let mut log = Log::begin(self, &listener, &request);
        let mut response = self.act(&listener, request, &mut log).await;
        self.finish(&listener, version, &mut response);
        log.follow(response)
    }

    /// The listener as it is now.
    fn listener(&self, host: &str) -> Option<Arc<Listener>> {
        let serving = self.socket.serving.load();
        match &self.tls {
            Some(tls) => serving.tls.iter().find(|listener| listener.arn == tls.listener).cloned(),
            None => serving.plain(host).cloned(),
        }
    }

    async fn act(
        &self,
        listener: &Listener,
        request: Request<Incoming>,
        log: &mut Log,
    ) -> Response<Download> {
        match *request.method() {
            Method::TRACE | Method::CONNECT => return pages::refuse(405),
            _ if headers::came_too_far(request.headers()) => return pages::refuse(463),
            _ => {}
        }
        let Some(host) = host_of(request.uri(), request.headers()) else { return pages::refuse(400) };
        let head = Head {
            method: request.method().as_str(),
            host,
            path: request.uri().path(),
            query: request.uri().query(),
            headers: request.headers(),
            client: self.peer.ip(),
        };
        let (priority, action) = listener.action(&head);
        log.decides(priority, action.name());
        match action {
            Action::Forward(action) => forward::forward(self, listener, action, request, log).await,
            Action::Redirect(redirect) => {
                let protocol = if self.tls.is_some() { "HTTPS" } else { "HTTP" };
                let location = redirect.location(&head, protocol, listener.port);
                log.redirects(&location);
                pages::redirect(redirect.status, &location)
            }
            Action::Fixed { status, content_type, body } => {
                pages::fixed(*status, content_type.as_deref(), body)
            }
        }
    }

    /// What every response gets, whoever made it.
    fn finish(&self, listener: &Listener, version: Version, response: &mut Response<Download>) {
        let headers = response.headers_mut();
        if !listener.server_header {
            headers.remove(header::SERVER);
        }
        for (name, value) in &listener.response_headers {
            headers.insert(name, value.clone());
        }
        let longest = Duration::from_secs(listener.attributes.client_keep_alive_seconds.into());
        let over = self.shared.leaving.is_said() || self.since.elapsed() >= longest;
        if over && version < Version::HTTP_2 && response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

//! Requests through a client's connection to targets on loopback: what acceptance tests cannot see from outside.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::time::Instant;
use wire::link::Routes;

use super::{Client, serve};
use crate::shared::Shared;
use crate::signal::Signal;
use crate::sockets::Socket;
use crate::table::Table;

/// A connection to a load balancer with one target group.
fn connect(targets: &[SocketAddr], version: &str, client_version: Version) -> DuplexStream {
    let targets: Vec<_> = targets
        .iter()
        .map(|target| serde_json::json!({"id": target.to_string(), "address": target.ip(), "port": target.port()}))
        .collect();
    let routes: Routes = serde_json::from_value(serde_json::json!({
        "version": 1, "serial": 1,
        "loadBalancers": [{"arn": "lb", "kind": "application", "dnsName": "lb", "addresses": ["127.0.0.9"],
            "listeners": [{"arn": "l", "port": 80, "protocol": "HTTP",
                "defaultAction": {"type": "forward", "targetGroups": [{"arn": "tg", "weight": 1}]}}]}],
        "targetGroups": [{"arn": "tg", "protocol": "HTTP", "protocolVersion": version, "targets": targets}],
    }))
    .unwrap();
    let shared = Arc::new(Shared::new(1, 1));
    let (place, serving) = Table::new(&routes, &Table::default(), &shared.board).sockets.pop_first().unwrap();
    let client = Client {
        socket: Arc::new(Socket {
            place,
            namespace: None,
            serving: ArcSwap::from_pointee(serving),
            closed: Signal::default(),
        }),
        peer: "10.9.9.9:1".parse().unwrap(),
        worker: 0,
        tls: None,
        since: Instant::now(),
        trace: 1,
        noted: Default::default(),
        _open: shared.open(),
        shared,
    };
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(serve(far, client, client_version, Duration::from_secs(60)));
    near
}

/// Asks over HTTP/1.1, one request after the other on one connection.
struct Asking(http1::SendRequest<Full<Bytes>>);

impl Asking {
    async fn new(targets: &[SocketAddr], version: &str) -> Asking {
        let near = connect(targets, version, Version::HTTP_11);
        let (sender, connection) = http1::handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(connection);
        Asking(sender)
    }

    async fn ask(&mut self, method: Method) -> (u16, Bytes) {
        self.0.ready().await.unwrap();
        let request = Request::builder().method(method).uri("/").header("host", "lb");
        let answer = self.0.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
    }
}

/// A gRPC service: one message, then its status in a trailer.
async fn grpc(
    request: Request<Incoming>,
) -> Result<Response<impl http_body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(request.headers()["x-forwarded-for"], "10.9.9.9");
    let got = request.into_body().collect().await.unwrap().to_bytes();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let frames = [Ok(Frame::data(got)), Ok(Frame::trailers(trailers))];
    Ok(Response::new(StreamBody::new(futures_util::stream::iter(frames))))
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(grpc)));
        }
    });
    let near = connect(&[target], "GRPC", Version::HTTP_2);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    for message in ["one", "two"] {
        let request = Request::post("http://lb/a.Service/Call").header("te", "trailers");
        let answer = sender.send_request(request.body(Full::<Bytes>::from(message)).unwrap()).await.unwrap();
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(body.to_bytes(), message);
    }
    // ELB does not translate: HTTP/1.1 gets no gRPC.
    assert_eq!(Asking::new(&[target], "GRPC").await.ask(Method::POST).await.0, 464);
}

/// A target that hangs up on the second request of its first connection; it counts the requests that it read.
async fn hangs_up_once() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (target, read) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = read.clone();
    tokio::spawn(async move {
        for most in [1, usize::MAX] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut answered = 0;
            let mut head = [0; 4096];
            while let Ok(1..) = stream.read(&mut head).await {
                counted.fetch_add(1, Ordering::SeqCst);
                if answered == most {
                    break;
                }
                answered += 1;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    (target, read)
}

#[tokio::test]
async fn a_repeatable_request_survives_a_dead_connection() {
    let (target, read) = hangs_up_once().await;
    let mut asking = Asking::new(&[target], "HTTP1").await;
    assert_eq!(asking.ask(Method::GET).await, (200, "ok".into()));
    assert_eq!(asking.ask(Method::GET).await, (200, "ok".into()));
    assert_eq!(read.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_that_must_not_be_repeated_is_not() {
    let (target, read) = hangs_up_once().await;
    let mut asking = Asking::new(&[target], "HTTP1").await;
    assert_eq!(asking.ask(Method::GET).await.0, 200);
    assert_eq!(asking.ask(Method::POST).await.0, 502);
    assert_eq!(read.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_target_that_refuses_is_passed_over() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (target, _) = hangs_up_once().await;
    let mut asking = Asking::new(&[gone, target], "HTTP1").await;
    for _ in 0..4 {
        assert_eq!(asking.ask(Method::GET).await.0, 200);
    }
    assert_eq!(Asking::new(&[gone], "HTTP1").await.ask(Method::POST).await.0, 502);
}

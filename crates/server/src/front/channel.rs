//! The websocket of an exec session: `GET /v1/data-channel/SESSION`, unsigned; the first frame carries the
//! session's one-time token. Everything after it is the runner's business: `control::exec`.

use std::time::Duration;

use control::exec::{self, Channel, Surroundings};
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use registry::Body;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use wire::datachannel::OpenDataChannel;

use super::answer;

/// How long a client may take for its token.
const TOKEN_PATIENCE: Duration = Duration::from_secs(10);
/// How long a write, or the closing, may take: a client that takes nothing is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// A silent client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(5 * 60);
/// The largest frame of a client.
const MAX_FRAME_BYTES: usize = 2 << 20;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers the upgrade, and serves the channel once the connection is the socket's.
pub(super) fn answer(
    around: Surroundings,
    mut request: Request<Incoming>,
    session_id: String,
) -> Response<Body> {
    let Some(accept) = accept(&request) else {
        return answer::plain(StatusCode::UPGRADE_REQUIRED, "This address speaks websocket.\n");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move { serve(around, upgrade, session_id).await });
    let mut response = answer::plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The key that accepts a well-formed upgrade.
fn accept(request: &Request<Incoming>) -> Option<String> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_upgrade = text(UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let is_current = text(SEC_WEBSOCKET_VERSION) == Some("13");
    let key =
        text(SEC_WEBSOCKET_KEY).filter(|_| is_upgrade && is_current && request.method() == Method::GET)?;
    Some(derive_accept_key(key.as_bytes()))
}

async fn serve(around: Surroundings, upgrade: OnUpgrade, session_id: String) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "a connection did not become a websocket");
            return;
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let Some(opening) = opening(&mut socket).await else {
        return close(&mut socket, CloseCode::Policy, "The first message must carry a token.").await;
    };
    match exec::open(&around, &session_id, &opening).await {
        Ok(channel) => pump(socket, channel).await,
        Err(refused) => {
            tracing::debug!(session = session_id, %refused, "a client was not let in");
            close(&mut socket, CloseCode::Policy, "The token is not valid.").await;
        }
    }
}

/// The first message, in text.
async fn opening(socket: &mut Socket) -> Option<OpenDataChannel> {
    let first = tokio::time::timeout(TOKEN_PATIENCE, socket.next()).await.ok()??.ok()?;
    match first {
        Message::Text(text) => serde_json::from_str(text.as_str()).ok(),
        Message::Binary(bytes) => serde_json::from_slice(&bytes).ok(),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

/// Carries frames until either side ends.
async fn pump(mut socket: Socket, mut channel: Channel) {
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.tick().await;
    loop {
        // A runner that is busy takes frames later; meanwhile nothing is read from the client.
        tokio::select! {
            biased;
            frame = channel.from.recv() => {
                let Some(frame) = frame else {
                    return close(&mut socket, CloseCode::Normal, "").await;
                };
                if !write(&mut socket, &mut channel, frame).await {
                    return;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => if channel.to.send(bytes.into()).await.is_err() {
                    return close(&mut socket, CloseCode::Normal, "").await;
                },
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => return,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a data channel broke");
                    return;
                }
            },
            _ = ping.tick() => if socket.send(Message::Ping(Default::default())).await.is_err() {
                return;
            },
        }
    }
}

/// Writes a frame, and whatever waits behind it, with one flush.
async fn write(socket: &mut Socket, channel: &mut Channel, frame: Vec<u8>) -> bool {
    let writing = async {
        socket.feed(Message::Binary(frame.into())).await?;
        while let Ok(next) = channel.from.try_recv() {
            socket.feed(Message::Binary(next.into())).await?;
        }
        socket.flush().await
    };
    matches!(tokio::time::timeout(WRITE_PATIENCE, writing).await, Ok(Ok(())))
}

/// Says why, and waits a little for the client to have read it.
async fn close(socket: &mut Socket, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let closing = async {
        socket.close(Some(frame)).await?;
        while let Some(Ok(_rest)) = socket.next().await {}
        Ok::<(), Error>(())
    };
    let _ = tokio::time::timeout(CLOSE_PATIENCE, closing).await;
}

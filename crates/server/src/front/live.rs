//! Answers that go on: the frames of a Live Tail session as the body of its answer.

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use registry::Body;
use services::Cloud;
use services::logs::live::LiveTail;
use wire::logs::{StartLiveTail, StartLiveTailResponse};
use wire::{Operation, OperationModel, Shape, Value};

/// The session that an answer begins.
pub(super) fn session(cloud: &Cloud, operation: &OperationModel, answer: &Value) -> Option<LiveTail> {
    if !std::ptr::eq(operation, StartLiveTail::MODEL) {
        return None;
    }
    let answer = StartLiveTailResponse::from_value(answer.clone()).ok()?;
    cloud.live_tails.take(&answer.response_stream?.session_start?.session_id?)
}

/// The session's frames. The next one is made when the client has taken the one before.
pub(super) fn body(session: LiveTail) -> Body {
    let frames = stream::unfold(session, |mut session| async move {
        let frame = session.next().await?;
        Some((Ok(Frame::data(Bytes::from(frame))), session))
    });
    StreamBody::new(frames).boxed_unsync()
}

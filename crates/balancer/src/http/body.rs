//! The bodies that stream through: up to a target, and down to a client.
//!
//! A download holds its request's flight and connection, and gives the connection back with its last
//! byte. Silence for longer than the idle timeout ends either.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::access_log::Logged;
use super::connect::Sender;
use crate::group::Flight;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The other side failed.
    #[error("reading a body")]
    Read(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("waiting for the next part of a body")]
    Idle,
}

/// When a body last moved, in milliseconds since the request began, and how much of it came.
#[derive(Debug)]
pub struct Activity {
    begun: Instant,
    last_ms: AtomicU64,
    bytes: AtomicU64,
}

impl Activity {
    fn new() -> Arc<Activity> {
        Arc::new(Activity { begun: Instant::now(), last_ms: AtomicU64::new(0), bytes: AtomicU64::new(0) })
    }

    fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// How many bytes came.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// When it last moved.
    pub fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}

/// A request's body on its way to a target.
#[derive(Debug)]
pub enum Upload {
    /// None, or a known one.
    Own(Option<Bytes>),
    /// One that comes from the client.
    Stream(Incoming, Arc<Activity>),
}

impl Upload {
    /// Takes a request's body.
    pub fn new(body: Incoming) -> Upload {
        if body.is_end_stream() { Upload::Own(None) } else { Upload::Stream(body, Activity::new()) }
    }

    /// When it last moved, if it is one that moves.
    pub fn activity(&self) -> Option<Arc<Activity>> {
        match self {
            Upload::Own(_) => None,
            Upload::Stream(_, activity) => Some(activity.clone()),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Upload::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Upload::Stream(body, activity) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                activity.touch();
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                    activity.bytes.fetch_add(bytes, Ordering::Relaxed);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Upload::Own(bytes) => bytes.is_none(),
            Upload::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Upload::Stream(body, _) => body.size_hint(),
        }
    }
}

/// A response's body on its way to a client.
#[derive(Debug)]
pub enum Download {
    /// Ours.
    Own(Option<Bytes>),
    /// A target's.
    Stream(Stream),
    /// Either, for the access log.
    Logged(Box<Logged>),
}

/// A target's body.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
    loan: Option<Loan>,
    idle: Duration,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// A connection that a request uses, and the request's flight.
#[derive(Debug)]
pub struct Loan {
    /// The running request.
    pub flight: Flight,
    /// Its connection.
    pub sender: Sender,
    /// The worker whose connection it is.
    pub worker: usize,
}

impl Loan {
    /// Gives the connection back and ends the flight.
    pub fn end(self) {
        let Loan { flight, sender, worker } = self;
        let target = flight.target().clone();
        drop(flight);
        Sender::give_back(sender, target, worker);
    }
}

impl Download {
    /// Passes a target's body on, if it comes in time: part by part, and as a whole where there is a deadline.
    pub fn stream(body: Incoming, loan: Loan, idle: Duration, deadline: Option<Instant>) -> Download {
        if body.is_end_stream() {
            loan.end();
            return Download::Own(None);
        }
        Download::Stream(Stream { body, loan: Some(loan), idle, deadline, timer: None })
    }
}

impl From<Bytes> for Download {
    fn from(bytes: Bytes) -> Download {
        Download::Own((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Download::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Download::Stream(stream) => stream.poll(cx),
            Download::Logged(logged) => logged.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Download::Own(bytes) => bytes.is_none(),
            Download::Stream(stream) => stream.body.is_end_stream() && stream.loan.is_none(),
            Download::Logged(logged) => logged.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Download::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Download::Stream(stream) => stream.body.size_hint(),
            Download::Logged(logged) => logged.size_hint(),
        }
    }
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if (frame.is_none() || self.body.is_end_stream())
                    && let Some(loan) = self.loan.take()
                {
                    loan.end();
                }
                self.timer = None;
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Read)))
            }
            Poll::Pending => {
                let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
                let patience = left.map_or(self.idle, |left| left.min(self.idle));
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
                ready!(timer.as_mut().poll(cx));
                Poll::Ready(Some(Err(BodyError::Idle)))
            }
        }
    }
}

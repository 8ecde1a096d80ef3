//! containerd's content store, under a lease that keeps what a pull creates.

use std::collections::HashMap;

use bytes::Bytes;
use containerd_client::services::v1::{
    AbortRequest, AddResourceRequest, CreateRequest, DeleteContentRequest, DeleteRequest, InfoRequest,
    ReadContentRequest, Resource, UpdateRequest, WriteAction, WriteContentRequest, WriteContentResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use super::error::Error;
use crate::containerd::Connection;

/// Marks content that [`super::inspect`] has passed.
const INSPECTED: &str = "longshore.inspected";
/// A lease that a crash left is dropped after so long; until then the next attempt resumes.
const LEASE_HOURS: i64 = 24;
/// One message to containerd; gRPC refuses more than 16 MiB.
const MESSAGE_BYTES: usize = 1 << 20;

pub(super) type Labels = HashMap<String, String>;

/// The content store as one pull sees it.
#[derive(Clone)]
pub(super) struct Content {
    connection: Connection,
    lease: String,
}

/// What is in the way of writing content.
pub(super) enum Opened {
    /// It is there.
    Present,
    /// It can be written.
    Ingest(Box<Ingest>),
}

impl Content {
    /// The content store with the lease `lease`, which is made or taken up again.
    pub(super) async fn lease(connection: &Connection, lease: &str) -> Result<Content, Error> {
        let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(LEASE_HOURS);
        let labels = HashMap::from([("containerd.io/gc.expire".to_string(), expires.to_string())]);
        let request = connection.request(CreateRequest { id: lease.to_string(), labels });
        match connection.client().leases().create(request).await {
            Err(status) if status.code() != Code::AlreadyExists => {
                Err(Error::containerd("creating a lease")(status))
            }
            _ => Ok(Content { connection: connection.clone(), lease: lease.to_string() }),
        }
    }

    /// Drops the lease; what nothing refers to goes with the next collection, or with this one if `now`.
    pub(super) async fn release(&self, now: bool) {
        let request = self.connection.request(DeleteRequest { id: self.lease.clone(), sync: now });
        if let Err(status) = self.connection.client().leases().delete(request).await {
            tracing::debug!(%status, lease = self.lease, "a lease is left to expire");
        }
    }

    /// The connection, and requests under the lease.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.connection.leased_request(message, &self.lease)
    }

    /// Keeps what was there before for as long as the lease lasts. `kind` is containerd's, such as `content`.
    pub(super) async fn hold(&self, kind: &str, id: &str) -> Result<(), Error> {
        let resource = Resource { id: id.to_string(), r#type: kind.to_string() };
        let request = AddResourceRequest { id: self.lease.clone(), resource: Some(resource) };
        let held = self.connection.client().leases().add_resource(self.connection.request(request)).await;
        held.map(|_| ()).map_err(Error::containerd("holding what is there"))
    }

    /// The labels of content; `None` when it is not there.
    pub(super) async fn labels(&self, digest: &str) -> Result<Option<Labels>, Error> {
        let request = self.request(InfoRequest { digest: digest.to_string() });
        match self.connection.client().content().info(request).await {
            Ok(answer) => Ok(Some(answer.into_inner().info.map(|info| info.labels).unwrap_or_default())),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(Error::containerd("looking for content")(status)),
        }
    }

    /// Whether labels say that the content was inspected.
    pub(super) fn is_inspected(labels: &Labels) -> bool {
        labels.contains_key(INSPECTED)
    }

    /// The labels for content that has been inspected.
    pub(super) fn inspected() -> Labels {
        HashMap::from([(INSPECTED.to_string(), "1".to_string())])
    }

    /// Marks stored content as inspected.
    pub(super) async fn mark_inspected(&self, digest: &str) -> Result<(), Error> {
        let info = containerd_client::services::v1::Info {
            digest: digest.to_string(),
            labels: Content::inspected(),
            ..Default::default()
        };
        let mask = prost_types::FieldMask { paths: vec![format!("labels.{INSPECTED}")] };
        let request = self.request(UpdateRequest { info: Some(info), update_mask: Some(mask) });
        let marked = self.connection.client().content().update(request).await;
        marked.map(|_| ()).map_err(Error::containerd("labelling content"))
    }

    /// Stored content in pieces.
    pub(super) async fn read(
        &self,
        digest: &str,
    ) -> Result<Streaming<containerd_client::services::v1::ReadContentResponse>, Error> {
        let request = self.request(ReadContentRequest { digest: digest.to_string(), offset: 0, size: 0 });
        let stream = self.connection.client().content().read(request).await;
        stream.map(tonic::Response::into_inner).map_err(Error::containerd("reading content"))
    }

    /// The whole of a small document; `None` when it is not there or too large.
    pub(super) async fn document(&self, digest: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        if self.labels(digest).await?.is_none() {
            return Ok(None);
        }
        let mut stream = self.read(digest).await?;
        let mut data = Vec::new();
        while let Some(part) = stream.message().await.map_err(Error::containerd("reading content"))? {
            data.extend_from_slice(&part.data);
            if data.len() as u64 > limit {
                return Ok(None);
            }
        }
        Ok(Some(data))
    }

    /// Stores a small document.
    pub(super) async fn put(&self, digest: &str, data: &[u8], labels: Labels) -> Result<(), Error> {
        match self.open(digest, data.len() as u64).await? {
            Opened::Present => self.hold("content", digest).await,
            Opened::Ingest(mut ingest) => {
                ingest.restart();
                ingest.write(Bytes::copy_from_slice(data)).await?;
                ingest.commit(labels).await
            }
        }
    }

    /// Begins, or takes up again, the writing of content.
    pub(super) async fn open(&self, digest: &str, size: u64) -> Result<Opened, Error> {
        let (sender, receiver) = mpsc::channel(1);
        let mut ingest = Ingest {
            content: self.clone(),
            digest: digest.to_string(),
            size,
            offset: 0,
            requests: sender,
            answers: None,
        };
        let first = ingest.message(WriteAction::Stat, Bytes::new(), Labels::new());
        let _ = ingest.requests.send(first).await;
        let answers =
            self.connection.client().content().write(self.request(ReceiverStream::new(receiver))).await;
        let status = match answers {
            Ok(answers) => {
                ingest.answers = Some(answers.into_inner());
                ingest.answer().await
            }
            Err(status) => Err(status),
        };
        match status {
            Ok(status) => {
                ingest.offset = u64::try_from(status.offset).unwrap_or(0);
                Ok(Opened::Ingest(Box::new(ingest)))
            }
            Err(status) if status.code() == Code::AlreadyExists => Ok(Opened::Present),
            Err(status) => Err(Error::containerd("opening an ingest")(status)),
        }
    }

    /// Removes stored content.
    pub(super) async fn delete(&self, digest: &str) {
        let request = self.request(DeleteContentRequest { digest: digest.to_string() });
        if let Err(status) = self.connection.client().content().delete(request).await {
            tracing::debug!(%status, digest, "content is left to the collector");
        }
    }
}

/// Content that is being written.
pub(super) struct Ingest {
    content: Content,
    digest: String,
    size: u64,
    offset: u64,
    requests: mpsc::Sender<WriteContentRequest>,
    answers: Option<Streaming<WriteContentResponse>>,
}

impl Ingest {
    /// How much has been written, in an earlier life too.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Starts over: the next write replaces everything.
    pub(super) fn restart(&mut self) {
        self.offset = 0;
    }

    /// Appends.
    pub(super) async fn write(&mut self, mut data: Bytes) -> Result<(), Error> {
        while !data.is_empty() {
            let part = data.split_to(data.len().min(MESSAGE_BYTES));
            let length = part.len() as u64;
            let message = self.message(WriteAction::Write, part, Labels::new());
            let answer = self.exchange(message).await.map_err(Error::containerd("writing content"))?;
            self.offset += length;
            if u64::try_from(answer.offset) != Ok(self.offset) {
                let message = format!("content is at {} instead of {}", answer.offset, self.offset);
                return Err(Error::Containerd { attempt: "writing content", message, away: false });
            }
        }
        Ok(())
    }

    /// Finishes; containerd compares size and digest.
    pub(super) async fn commit(mut self, labels: Labels) -> Result<(), Error> {
        let message = self.message(WriteAction::Commit, Bytes::new(), labels);
        match self.exchange(message).await {
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => {
                self.content.hold("content", &self.digest).await
            }
            Err(status) => {
                let reason = format!("failed commit on ref {:?}: {}", self.digest, status.message());
                self.abort().await;
                Err(Error::Layer(reason))
            }
        }
    }

    /// Gives up and removes what was written.
    pub(super) async fn abort(self) {
        let Ingest { content, digest, requests, answers, .. } = self;
        // The stream must have ended before the reference is free.
        drop(requests);
        if let Some(mut answers) = answers {
            while let Ok(Some(_)) = answers.message().await {}
        }
        let request = content.request(AbortRequest { r#ref: ingest_name(&digest) });
        if let Err(status) = content.connection.client().content().abort(request).await {
            tracing::debug!(%status, digest, "an ingest is left to the collector");
        }
    }

    fn message(&self, action: WriteAction, data: Bytes, labels: Labels) -> WriteContentRequest {
        WriteContentRequest {
            action: action.into(),
            r#ref: ingest_name(&self.digest),
            total: i64::try_from(self.size).unwrap_or(i64::MAX),
            expected: self.digest.clone(),
            offset: i64::try_from(self.offset).unwrap_or(i64::MAX),
            data: data.into(),
            labels,
        }
    }

    async fn exchange(
        &mut self,
        message: WriteContentRequest,
    ) -> Result<WriteContentResponse, tonic::Status> {
        if self.requests.send(message).await.is_err() {
            // The daemon has ended the stream; its answer says why.
            return self.answer().await;
        }
        self.answer().await
    }

    async fn answer(&mut self) -> Result<WriteContentResponse, tonic::Status> {
        let ended = || tonic::Status::unavailable("the stream ended");
        self.answers.as_mut().ok_or_else(ended)?.message().await?.ok_or_else(ended)
    }
}

fn ingest_name(digest: &str) -> String {
    format!("longshore-{digest}")
}

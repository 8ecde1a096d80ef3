//! Reads the bodies of API requests: bounded in size, in time, and in memory altogether.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use services::ServiceError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::Protocol;

/// The largest body, before and after unpacking. A room may have limits of its own below.
const MAX_BYTES: usize = 16 << 20;
/// How much of a body that is too large is still read, so that the client sees the answer.
const MAX_DISCARDED_BYTES: usize = 64 << 20;
/// How long a body may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The memory of all bodies together is counted in pieces.
const PIECE: usize = 64 << 10;
const PIECES: usize = (256 << 20) / PIECE;

/// The memory that all bodies share.
#[derive(Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// A body that has arrived.
#[derive(Debug)]
pub(super) struct Received {
    /// As it was sent: what was signed.
    pub(super) sent: Bytes,
    /// Unpacked: what is decoded.
    pub(super) content: Bytes,
    _budget: OwnedSemaphorePermit,
}

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// More than [`MAX_BYTES`].
    #[error("Request size exceeded {MAX_BYTES} bytes.")]
    TooLarge,
    /// It did not come in time.
    #[error("The request body was not received in time.")]
    TimedOut,
    /// An encoding other than gzip.
    #[error("Content-Encoding '{0}' is not supported.")]
    Encoding(String),
    /// Not gzip, though it says so.
    #[error("The request body could not be decompressed.")]
    NotGzip(#[source] std::io::Error),
    /// The connection broke.
    #[error("The request body could not be read.")]
    Broken(#[source] hyper::Error),
}

impl Refused {
    /// The error in the words of a protocol's services.
    pub(super) fn in_words(self, protocol: Protocol) -> ServiceError {
        let json = matches!(protocol, Protocol::Json | Protocol::Cbor | Protocol::RestJson);
        let (code, status) = match (&self, json) {
            (Refused::TooLarge, true) => ("RequestEntityTooLargeException", 413),
            (Refused::TooLarge, false) => ("RequestEntityTooLarge", 413),
            (Refused::TimedOut, true) => ("RequestTimeoutException", 408),
            (Refused::TimedOut, false) => ("RequestTimeout", 408),
            (Refused::Encoding(_) | Refused::NotGzip(_) | Refused::Broken(_), true) => {
                ("SerializationException", 400)
            }
            (Refused::Encoding(_) | Refused::NotGzip(_) | Refused::Broken(_), false) => {
                ("MalformedQueryString", 400)
            }
        };
        ServiceError::client(code, self.to_string()).status(status)
    }
}

impl Budget {
    pub(super) fn new() -> Self {
        Budget(Arc::new(Semaphore::new(PIECES)))
    }

    /// Takes the body in.
    pub(super) async fn read(&self, head: &Parts, body: Incoming) -> Result<Received, Refused> {
        tokio::time::timeout(TIMEOUT, self.read_all(head, body)).await.unwrap_or(Err(Refused::TimedOut))
    }

    async fn read_all(&self, head: &Parts, mut body: Incoming) -> Result<Received, Refused> {
        let encoding = Encoding::of(head)?;
        let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > MAX_BYTES) {
            discard(body).await;
            return Err(Refused::TooLarge);
        }
        let most = match encoding {
            Encoding::Identity => announced.unwrap_or(MAX_BYTES),
            Encoding::Gzip => 2 * MAX_BYTES,
        };
        let pieces = u32::try_from(most / PIECE + 1).expect("the limit is small");
        let permit = self.0.clone().acquire_many_owned(pieces).await.expect("the budget is never closed");
        let mut sent = BytesMut::with_capacity(announced.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Refused::Broken)?.into_data() else { continue };
            if sent.len() + data.len() > MAX_BYTES {
                drop(sent);
                discard(body).await;
                return Err(Refused::TooLarge);
            }
            sent.extend_from_slice(&data);
        }
        let sent = sent.freeze();
        let content = match encoding {
            Encoding::Identity => sent.clone(),
            Encoding::Gzip => unpack(&sent)?,
        };
        Ok(Received { sent, content, _budget: permit })
    }
}

/// Reads on without keeping, within limits: closing at once would hide the answer from the client.
async fn discard(mut body: Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    fn of(head: &Parts) -> Result<Encoding, Refused> {
        let Some(value) = head.headers.get(CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            other => Err(Refused::Encoding(other.to_owned())),
        }
    }
}

/// Unpacks, and stops where a body that was not packed would have been refused.
fn unpack(packed: &[u8]) -> Result<Bytes, Refused> {
    let mut content = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
    MultiGzDecoder::new(packed).take(limit).read_to_end(&mut content).map_err(Refused::NotGzip)?;
    if content.len() > MAX_BYTES { Err(Refused::TooLarge) } else { Ok(content.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![0; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bombs_are_stopped_at_the_limit() {
        assert_eq!(unpack(&packed(1000)).unwrap().len(), 1000);
        assert_eq!(unpack(&packed(MAX_BYTES)).unwrap().len(), MAX_BYTES);
        assert!(matches!(unpack(&packed(MAX_BYTES + 1)), Err(Refused::TooLarge)));
        assert!(matches!(unpack(b"no gzip"), Err(Refused::NotGzip(_))));
    }
}

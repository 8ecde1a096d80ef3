//! One layer on its way from the registry into the content store, inspected as it passes.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wire::oci::Descriptor;

use super::client::RegistryClient;
use super::content::{Content, Ingest, Opened};
use super::error::Error;
use super::inspect::{Hostile, Inspection};
use super::limits::Limits;
use super::reference::Located;
use super::tar_stream;

/// Bytes gathered before they are passed on.
const GATHER_BYTES: usize = 512 << 10;
/// Attempts in a row that bring nothing.
const FRUITLESS_ATTEMPTS: u32 = 4;
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_millis(300);

/// Makes sure that a layer is stored and harmless.
pub(super) async fn fetch(
    content: &Content,
    client: &RegistryClient,
    located: &Located,
    layer: &Descriptor,
    limits: Limits,
) -> Result<(), Error> {
    if let Some(labels) = content.labels(&layer.digest).await? {
        content.hold("content", &layer.digest).await?;
        return if Content::is_inspected(&labels) {
            Ok(())
        } else {
            inspect_stored(content, layer, limits).await
        };
    }
    let size =
        u64::try_from(layer.size).map_err(|_| Error::Malformed(format!("size of {}", layer.digest)))?;
    let mut ingest = match content.open(&layer.digest, size).await? {
        Opened::Present => {
            content.hold("content", &layer.digest).await?;
            return inspect_stored(content, layer, limits).await;
        }
        Opened::Ingest(ingest) => ingest,
    };
    // What an earlier life wrote has passed no inspector of ours: then the whole is inspected at the end.
    let mut probe = (ingest.offset() == 0).then(|| Probe::start(limits));
    if let Err(error) = transfer(client, located, layer, size, &mut ingest, &mut probe, limits).await {
        // What has arrived stays for the next attempt, unless it is bad.
        if !error.is_temporary() {
            ingest.abort().await;
        }
        return Err(error);
    }
    match probe {
        Some(probe) => {
            if let Err(hostile) = probe.finish().await {
                ingest.abort().await;
                return Err(Error::Hostile { digest: layer.digest.clone(), hostile });
            }
            ingest.commit(Content::inspected()).await
        }
        None => {
            ingest.commit(Default::default()).await?;
            inspect_stored(content, layer, limits).await
        }
    }
}

/// Copies until all is there, going on where a broken connection ended.
async fn transfer(
    client: &RegistryClient,
    located: &Located,
    layer: &Descriptor,
    size: u64,
    ingest: &mut Ingest,
    probe: &mut Option<Probe>,
    limits: Limits,
) -> Result<(), Error> {
    let mut fruitless = 0;
    while ingest.offset() < size {
        let before = ingest.offset();
        let copied = match client.blob(located, layer, before).await {
            Ok(mut blob) => {
                if blob.offset != before {
                    ingest.restart();
                    *probe = Some(Probe::start(limits));
                }
                copy(&mut blob.chunks, size, ingest, probe).await
            }
            Err(error) => Err(error),
        };
        match copied {
            Ok(()) if ingest.offset() == size => return Ok(()),
            Err(error) if !error.is_temporary() => return Err(error),
            other => {
                fruitless = if ingest.offset() > before { 0 } else { fruitless + 1 };
                if fruitless >= FRUITLESS_ATTEMPTS {
                    let cut = || Error::Registry("unexpected EOF".into());
                    let error = other.err().unwrap_or_else(cut);
                    return Err(Error::Registry(format!(
                        "failed to copy: httpReadSeeker: failed open: {error}"
                    )));
                }
            }
        }
        tokio::time::sleep(RETRY_PAUSE * (fruitless + 1)).await;
    }
    Ok(())
}

async fn copy(
    chunks: &mut (impl StreamExt<Item = io::Result<Bytes>> + Unpin),
    size: u64,
    ingest: &mut Ingest,
    probe: &mut Option<Probe>,
) -> Result<(), Error> {
    let mut gathered = BytesMut::new();
    loop {
        let chunk = chunks.next().await;
        let ended = !matches!(chunk, Some(Ok(_)));
        if let Some(Ok(bytes)) = &chunk {
            gathered.extend_from_slice(bytes);
        }
        if ingest.offset() + gathered.len() as u64 > size {
            return Err(Error::Layer(format!("layer is larger than the {size} bytes of its descriptor")));
        }
        if gathered.len() >= GATHER_BYTES || (ended && !gathered.is_empty()) {
            let bytes = gathered.split().freeze();
            if let Some(probe) = probe {
                probe.feed(bytes.clone()).await;
            }
            ingest.write(bytes).await?;
        }
        match chunk {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(Error::Registry(error.to_string())),
            None => return Ok(()),
        }
    }
}

/// Inspects what is in the store already; what is hostile is removed from it.
async fn inspect_stored(content: &Content, layer: &Descriptor, limits: Limits) -> Result<(), Error> {
    let probe = Probe::start(limits);
    let mut stream = content.read(&layer.digest).await?;
    while let Some(part) = stream.message().await.map_err(Error::containerd("reading content"))? {
        probe.feed(part.data.into()).await;
    }
    match probe.finish().await {
        Ok(_) => content.mark_inspected(&layer.digest).await,
        Err(hostile) => {
            content.delete(&layer.digest).await;
            Err(Error::Hostile { digest: layer.digest.clone(), hostile })
        }
    }
}

/// An inspector on a thread of its own, fed through a short queue.
struct Probe {
    queue: mpsc::Sender<Bytes>,
    verdict: JoinHandle<Result<Inspection, Hostile>>,
}

impl Probe {
    fn start(limits: Limits) -> Probe {
        let (queue, receiver) = mpsc::channel(4);
        let source = Queue { receiver, current: Bytes::new() };
        Probe { queue, verdict: tokio::task::spawn_blocking(move || tar_stream::inspect(source, limits)) }
    }

    /// Passes bytes on; they are dropped when the verdict has been found already.
    async fn feed(&self, bytes: Bytes) {
        let _ = self.queue.send(bytes).await;
    }

    async fn finish(self) -> Result<Inspection, Hostile> {
        drop(self.queue);
        self.verdict.await.unwrap_or_else(|error| Err(Hostile::Broken(error.to_string())))
    }
}

struct Queue {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Queue {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(bytes) => self.current = bytes,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

//! Layers become snapshots, in order: prepare on the one below, apply, commit under the chain's name.

use std::sync::atomic::{AtomicU64, Ordering};

use containerd_client::services::v1::ApplyRequest;
use containerd_client::services::v1::snapshots::{
    CommitSnapshotRequest, PrepareSnapshotRequest, RemoveSnapshotRequest, StatSnapshotRequest,
};
use containerd_client::types;
use sha2::{Digest, Sha256};
use tonic::Code;
use wire::oci::Descriptor;

use super::content::Content;
use super::error::Error;

/// The names of the snapshots of an image, the lowest first: each says all that is below it.
pub(super) fn chain_ids(diff_ids: &[String]) -> Vec<String> {
    let mut chain: Vec<String> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let id = match chain.last() {
            None => diff_id.clone(),
            Some(below) => {
                format!("sha256:{}", hex::encode(Sha256::digest(format!("{below} {diff_id}").as_bytes())))
            }
        };
        chain.push(id);
    }
    chain
}

/// Whether a snapshot is there; if so, it is held by the lease.
pub(super) async fn is_unpacked(content: &Content, chain_id: &str) -> Result<bool, Error> {
    let connection = content.connection();
    let snapshotter = connection.snapshotter().to_string();
    let request = StatSnapshotRequest { snapshotter: snapshotter.clone(), key: chain_id.to_string() };
    match connection.client().snapshots().stat(connection.request(request)).await {
        Ok(_) => {
            content.hold(&format!("snapshots/{snapshotter}"), chain_id).await?;
            Ok(true)
        }
        Err(status) if status.code() == Code::NotFound => Ok(false),
        Err(status) => Err(Error::containerd("looking for a snapshot")(status)),
    }
}

/// Unpacks one stored layer on top of `parent`.
pub(super) async fn unpack(
    content: &Content,
    layer: &Descriptor,
    diff_id: &str,
    parent: &str,
    chain_id: &str,
) -> Result<(), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let key = format!("extract-{}-{number}-{chain_id}", std::process::id());
    let unpacked = unpack_as(content, layer, diff_id, parent, chain_id, &key).await;
    if unpacked.is_err() {
        remove(content, &key).await;
    }
    unpacked
}

async fn unpack_as(
    content: &Content,
    layer: &Descriptor,
    diff_id: &str,
    parent: &str,
    chain_id: &str,
    key: &str,
) -> Result<(), Error> {
    let connection = content.connection();
    let snapshotter = connection.snapshotter().to_string();
    let request = PrepareSnapshotRequest {
        snapshotter: snapshotter.clone(),
        key: key.to_string(),
        parent: parent.to_string(),
        ..PrepareSnapshotRequest::default()
    };
    let prepared = connection.client().snapshots().prepare(content.request(request)).await;
    let mounts = prepared.map_err(Error::containerd("preparing a snapshot"))?.into_inner().mounts;

    let diff = types::Descriptor {
        media_type: apply_type(&layer.media_type).to_string(),
        digest: layer.digest.clone(),
        size: layer.size,
        ..types::Descriptor::default()
    };
    let request = ApplyRequest { diff: Some(diff), mounts, ..ApplyRequest::default() };
    let applied = connection.client().diff().apply(content.request(request)).await;
    let applied = applied.map_err(|status| {
        Error::Layer(format!("failed to extract layer {}: {}", layer.digest, status.message()))
    })?;
    let found = applied.into_inner().applied.map(|found| found.digest).unwrap_or_default();
    if found != diff_id {
        return Err(Error::Layer(format!(
            "failed to extract layer {}: wrong diff id {found}, expected {diff_id}",
            layer.digest
        )));
    }
    let request = CommitSnapshotRequest {
        snapshotter,
        name: chain_id.to_string(),
        key: key.to_string(),
        ..CommitSnapshotRequest::default()
    };
    match connection.client().snapshots().commit(content.request(request)).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == Code::AlreadyExists => {
            remove(content, key).await;
            is_unpacked(content, chain_id).await.map(|_| ())
        }
        Err(status) => Err(Error::containerd("committing a snapshot")(status)),
    }
}

async fn remove(content: &Content, key: &str) {
    let connection = content.connection();
    let request =
        RemoveSnapshotRequest { snapshotter: connection.snapshotter().to_string(), key: key.to_string() };
    if let Err(status) = connection.client().snapshots().remove(content.request(request)).await {
        tracing::debug!(%status, key, "a snapshot is left to the collector");
    }
}

/// containerd knows zstd by OCI's name only.
fn apply_type(media_type: &str) -> &str {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => "application/vnd.oci.image.layer.v1.tar+zstd",
        "" => "application/vnd.oci.image.layer.v1.tar+gzip",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_those_of_the_specification() {
        let ids = chain_ids(&["sha256:a".into(), "sha256:b".into()]);
        assert_eq!(ids[0], "sha256:a");
        let expected = format!("sha256:{}", hex::encode(Sha256::digest(b"sha256:a sha256:b")));
        assert_eq!(ids[1], expected);
        assert!(chain_ids(&[]).is_empty());
    }
}

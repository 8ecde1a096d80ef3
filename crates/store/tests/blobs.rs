//! Blobs on the local file system: written once, resumable, verified, swept.

use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use model::Timestamp;
use store::blobs::Error;
use store::{BlobName, Blobs, Digest};
use tempfile::TempDir;

async fn open(directory: &Path) -> Blobs {
    Blobs::open(directory).await.expect("a fresh directory opens")
}

async fn fresh() -> (TempDir, Blobs) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let blobs = open(directory.path()).await;
    (directory, blobs)
}

fn name(raw: &str) -> BlobName {
    BlobName::new(raw).expect("a valid name")
}

#[tokio::test]
async fn a_name_is_written_once() {
    let (_directory, blobs) = fresh().await;
    let layer = name("sha256/ab/abc");
    blobs.put_new(&layer, "one").await.unwrap();
    assert!(matches!(blobs.put_new(&layer, "two").await, Err(Error::Exists { .. })));
    assert!(!blobs.ensure(&layer, "two").await.unwrap());
    assert_eq!(blobs.get(&layer).await.unwrap(), "one");
    assert_eq!(blobs.head(&layer).await.unwrap().size_bytes, 3);
    blobs.delete(&layer).await.unwrap();
    assert!(matches!(blobs.get(&layer).await, Err(Error::NotFound { .. })));
    assert!(matches!(blobs.delete(&layer).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn ranges_are_cut_at_the_end() {
    let (_directory, blobs) = fresh().await;
    blobs.put_new(&name("a"), "0123456789").await.unwrap();
    assert_eq!(blobs.get_range(&name("a"), 2..5).await.unwrap(), "234");
    assert_eq!(blobs.get_range(&name("a"), 8..99).await.unwrap(), "89");
    assert!(matches!(blobs.get_range(&name("a"), 10..12).await, Err(Error::Range { .. })));
    let stream = blobs.stream(&name("a"), Some(3..6)).await.unwrap();
    assert_eq!((stream.size_bytes, stream.range.clone()), (10, 3..6));
    let chunks: Vec<Bytes> = stream.chunks.try_collect().await.unwrap();
    assert_eq!(chunks.concat(), b"345");
}

#[tokio::test]
async fn listing_is_ordered_and_paged() {
    let (_directory, blobs) = fresh().await;
    for n in ["logs/c", "logs/a", "logs/b/x", "other/a"] {
        blobs.put_new(&name(n), n.to_owned()).await.unwrap();
    }
    let names =
        |page: Vec<store::blobs::BlobMeta>| page.iter().map(|m| m.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(blobs.list("logs", None, 2).await.unwrap()), ["logs/a", "logs/b/x"]);
    assert_eq!(names(blobs.list("logs", Some(&name("logs/b/x")), 2).await.unwrap()), ["logs/c"]);
    assert_eq!(blobs.list("", None, 10).await.unwrap().len(), 4);
    assert!(blobs.list("none", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_resumes_after_a_restart() {
    let (directory, blobs) = fresh().await;
    let mut upload = blobs.begin_upload("u1").await.unwrap();
    upload.append("hello ".into()).await.unwrap();
    assert!(matches!(blobs.resume_upload("u1").await, Err(Error::Busy { .. })));
    drop(upload);
    assert!(matches!(blobs.begin_upload("u1").await, Err(Error::UploadExists { .. })));
    let mut upload = blobs.resume_upload("u1").await.unwrap();
    upload.append("wor".into()).await.unwrap();
    drop((upload, blobs));
    let blobs = open(directory.path()).await;
    let mut upload = blobs.resume_upload("u1").await.unwrap();
    assert_eq!(upload.size(), 9);
    upload.append("ld".into()).await.unwrap();
    let digest = Digest::sha256(b"hello world");
    let done = upload.complete(&name("x/hello"), Some(&digest)).await.unwrap();
    assert_eq!((done.size_bytes, done.sha256, done.existed), (11, digest, false));
    assert_eq!(blobs.get(&name("x/hello")).await.unwrap(), "hello world");
    assert!(matches!(blobs.resume_upload("u1").await, Err(Error::NoUpload { .. })));
}

#[tokio::test]
async fn a_wrong_digest_keeps_the_upload() {
    let (_directory, blobs) = fresh().await;
    let mut upload = blobs.begin_upload("u1").await.unwrap();
    upload.append("abc".into()).await.unwrap();
    let wrong = upload.complete(&name("x"), Some(&Digest::sha256(b"abd"))).await;
    assert!(matches!(wrong, Err(Error::DigestMismatch { .. })));
    assert!(matches!(blobs.head(&name("x")).await, Err(Error::NotFound { .. })));
    let wrong =
        blobs.resume_upload("u1").await.unwrap().complete(&name("x"), Some(&Digest::sha512(b"x"))).await;
    assert!(matches!(wrong, Err(Error::DigestMismatch { .. })));
    let upload = blobs.resume_upload("u1").await.unwrap();
    upload.complete(&name("x"), Some(&Digest::sha512(b"abc"))).await.unwrap();
    let mut again = blobs.begin_upload("u2").await.unwrap();
    again.append("abc".into()).await.unwrap();
    assert!(again.complete(&name("x"), Some(&Digest::sha256(b"abc"))).await.unwrap().existed);
}

#[tokio::test]
async fn abandoned_uploads_are_swept_and_held_ones_are_not() {
    let (_directory, blobs) = fresh().await;
    drop(blobs.begin_upload("abandoned").await.unwrap());
    let _held = blobs.begin_upload("held").await.unwrap();
    assert_eq!(blobs.sweep_uploads(Timestamp::EPOCH).await.unwrap(), 0);
    assert_eq!(blobs.sweep_uploads(Timestamp::from_millis(i64::MAX)).await.unwrap(), 1);
    assert!(matches!(blobs.resume_upload("abandoned").await, Err(Error::NoUpload { .. })));
    blobs.begin_upload("gone").await.unwrap().abort().await.unwrap();
    assert!(matches!(blobs.abort_upload("gone").await, Err(Error::NoUpload { .. })));
}

#[tokio::test]
async fn nothing_escapes_the_directory() {
    let (_directory, blobs) = fresh().await;
    for id in ["../x", "a/b", "", "..", ".x"] {
        assert!(matches!(blobs.begin_upload(id).await, Err(Error::InvalidName { .. })), "{id:?}");
    }
    assert!(matches!(blobs.list("../", None, 1).await, Err(Error::InvalidName { .. })));
}

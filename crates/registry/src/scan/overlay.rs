//! The files of an image that matter, laid over each other layer by layer.
//!
//! Whiteouts are those of the OCI image specification: `.wh.NAME` removes a file or folder of the
//! layers below, `.wh..wh..opq` all that its folder had there.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc::Receiver;

use super::packages;
use crate::error::Error;

/// The largest file that is kept.
const MAX_FILE_BYTES: u64 = 96 << 20;
/// How much is kept of one image.
const MAX_KEPT_BYTES: usize = 192 << 20;
/// How much is unpacked of one layer.
const MAX_UNPACKED_BYTES: u64 = 32 << 30;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// What the layers so far have left.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pub(super) files: BTreeMap<String, Bytes>,
}

impl Overlay {
    /// Lays a layer over what is there: a tar archive, plain or packed with gzip or zstd.
    pub(super) fn add(&mut self, layer: impl Read) -> io::Result<()> {
        let mut layer = BufReader::with_capacity(256 << 10, layer);
        let magic = layer.fill_buf()?;
        let unpacked: Box<dyn Read> = if magic.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(layer))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Box::new(zstd::Decoder::with_buffer(layer)?)
        } else {
            Box::new(layer)
        };
        let (mut added, mut gone) = (BTreeMap::new(), Vec::new());
        let mut archive = tar::Archive::new(unpacked.take(MAX_UNPACKED_BYTES));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let Some(path) = plain(&entry.path_bytes()) else { continue };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path.as_str()));
            if name == OPAQUE {
                gone.push(folder.to_owned());
            } else if let Some(name) = name.strip_prefix(WHITEOUT) {
                gone.push(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") });
            } else if packages::interests(&path) {
                gone.push(path.clone());
                if entry.header().entry_type().is_file() && entry.size() <= MAX_FILE_BYTES {
                    let mut bytes = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or_default());
                    entry.read_to_end(&mut bytes)?;
                    added.insert(path, Bytes::from(bytes));
                }
            }
        }
        let is_gone = |path: &String| {
            gone.iter().any(|gone| {
                let rest = path.strip_prefix(gone.as_str());
                gone.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        self.files.retain(|path, _| !is_gone(path));
        self.files.extend(added);
        if self.files.values().map(Bytes::len).sum::<usize>() > MAX_KEPT_BYTES {
            return Err(io::Error::other("the image's package databases are too large"));
        }
        Ok(())
    }
}

/// A path without leading `./` and `/`; none that climbs out or is no text.
fn plain(raw: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(raw).ok()?;
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

/// Reads, in a blocking thread, what arrives over a channel.
pub(super) struct Pipe {
    pub(super) parts: Receiver<Result<Bytes, Error>>,
    pub(super) current: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.parts.blocking_recv() {
                None => return Ok(0),
                Some(part) => self.current = part.map_err(io::Error::other)?,
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn layer(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn check(layers: &[Vec<u8>], expected: &[(&str, &str)]) {
        let mut overlay = Overlay::default();
        for layer in layers {
            overlay.add(layer.as_slice()).unwrap();
        }
        let found: Vec<_> = overlay
            .files
            .iter()
            .map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).unwrap()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn later_layers_replace_and_remove() {
        let first =
            layer(&[("./app/Cargo.lock", "1"), ("app/go.mod", "1"), ("b/go.mod", "1"), ("bin/sh", "x")]);
        check(
            std::slice::from_ref(&first),
            &[("app/Cargo.lock", "1"), ("app/go.mod", "1"), ("b/go.mod", "1")],
        );
        let second = layer(&[("app/go.mod", "2"), ("app/.wh.Cargo.lock", "")]);
        check(&[first.clone(), second], &[("app/go.mod", "2"), ("b/go.mod", "1")]);
        let opaque = layer(&[("app/go.mod", "3"), ("app/.wh..wh..opq", "")]);
        check(&[first.clone(), opaque], &[("app/go.mod", "3"), ("b/go.mod", "1")]);
        check(&[first, layer(&[(".wh.app", "")])], &[("b/go.mod", "1")]);
    }

    #[test]
    fn layers_may_be_packed() {
        let plain = layer(&[("go.mod", "x")]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        check(&[gzip.finish().unwrap()], &[("go.mod", "x")]);
        check(&[zstd::encode_all(plain.as_slice(), 1).unwrap()], &[("go.mod", "x")]);
        assert!(Overlay::default().add(&b"no archive at all, but long enough"[..]).is_err());
    }
}

//! `json-file`: a file of JSON on the node, in Docker's own format and with its rotation.
//!
//! The file is `containers/ID/ID-json.log` below the agent's directory; it goes when the task is forgotten.
//!
//! Deviation: where Docker's file grows without end, ours is cut at [`UNBOUNDED_LIMIT`].

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::ecs::log_options;
use serde::Serialize;

use super::super::message::Message;
use super::super::subject::Origin;
use super::super::values;
use super::{Lost, Receiver, known};

/// The size of a file for which no `max-size` is given.
const UNBOUNDED_LIMIT: u64 = 100 << 20;

/// The options.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::logs) struct Options {
    max_size: u64,
    max_files: u32,
    compress: bool,
    with_tag: bool,
}

impl Options {
    /// Reads the options; an error is Docker's text.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Options, String> {
        known("json-file", options, &log_options::JSON_FILE)?;
        let option = |name: &str| options.get(name).map(String::as_str);
        let max_size = option("max-size").map(values::file_size).transpose()?;
        if max_size == Some(0) {
            return Err("max-size must be a positive number".into());
        }
        let max_files = option("max-file").map_or(Ok(1), values::number)?;
        if max_files < 1 {
            return Err("max-file cannot be less than 1".into());
        }
        let compress = option("compress").map_or(Ok(false), values::boolean)?;
        if compress && (max_files == 1 || max_size.is_none()) {
            return Err("compress cannot be true when max-file is less than 2 or max-size is not set".into());
        }
        let with_tag = option("tag").is_some_and(|tag| !tag.is_empty());
        Ok(Options { max_size: max_size.unwrap_or(UNBOUNDED_LIMIT), max_files, compress, with_tag })
    }
}

/// A line of the file.
#[derive(Serialize)]
struct Entry<'a> {
    log: &'a str,
    stream: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attrs: &'a BTreeMap<String, String>,
    time: String,
}

/// The files of one container.
pub(super) struct JsonFile {
    options: Options,
    attributes: BTreeMap<String, String>,
    path: PathBuf,
    open: Option<(File, u64)>,
}

impl JsonFile {
    pub(super) fn new(options: &Options, origin: &Origin, path: &Path) -> JsonFile {
        let mut attributes = origin.attributes.clone();
        if options.with_tag && !origin.tag.is_empty() {
            attributes.insert("tag".into(), origin.tag.clone());
        }
        JsonFile { options: options.clone(), attributes, path: path.to_path_buf(), open: None }
    }

    fn encode(&self, message: &Message) -> io::Result<Vec<u8>> {
        let mut log = message.text().into_owned();
        if message.part.as_ref().is_none_or(|part| part.is_last) {
            log.push('\n');
        }
        let time = jiff::Timestamp::from_millisecond(message.timestamp).unwrap_or_default().to_string();
        let entry = Entry { log: &log, stream: message.source(), attrs: &self.attributes, time };
        let mut bytes = serde_json::to_vec(&entry)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn write(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut gathered = Vec::new();
        for message in messages {
            let entry = self.encode(message)?;
            let size = self.file()?.1 + gathered.len() as u64;
            // As Docker: what begins below the limit is written whole.
            if size >= self.options.max_size {
                self.file()?.0.write_all(&std::mem::take(&mut gathered))?;
                self.rotate()?;
            }
            gathered.extend(entry);
        }
        let (file, length) = self.file()?;
        file.write_all(&gathered)?;
        *length += gathered.len() as u64;
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut (File, u64)> {
        if self.open.is_none() {
            if let Some(parent) = self.path.parent() {
                fs::create_dir_all(parent)?;
            }
            let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            let length = file.metadata()?.len();
            self.open = Some((file, length));
        }
        self.open.as_mut().ok_or_else(|| io::Error::other("the file was opened above"))
    }

    /// `NAME`, `NAME.1`, `NAME.2`, …, of which all but the first may be compressed; a single file begins anew.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let extension = if self.options.compress { ".gz" } else { "" };
        let numbered = |number: u32| PathBuf::from(format!("{}.{number}{extension}", self.path.display()));
        if self.options.max_files < 2 {
            return File::create(&self.path).map(drop);
        }
        for number in (2..self.options.max_files).rev() {
            rename_if_there(&numbered(number - 1), &numbered(number))?;
        }
        if self.options.compress {
            let mut encoder = GzEncoder::new(File::create(numbered(1))?, Compression::default());
            io::copy(&mut File::open(&self.path)?, &mut encoder)?;
            encoder.finish()?;
            fs::remove_file(&self.path)
        } else {
            fs::rename(&self.path, numbered(1))
        }
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes the files of a container, which have a directory of their own.
pub(in crate::logs) fn remove(path: &Path) {
    let removed = path.parent().map_or(Ok(()), fs::remove_dir_all);
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a log file cannot be removed");
    }
}

#[async_trait]
impl Receiver for JsonFile {
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost> {
        // A batch is at most a megabyte, into the page cache: less than a thread's turn costs.
        self.write(messages).map_err(|error| {
            self.open = None;
            Lost { messages: messages.len(), cause: error.to_string() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::frame::Stream;

    fn options(pairs: &[(&str, &str)]) -> Result<Options, String> {
        Options::parse(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    fn message(text: &str) -> Message {
        Message { timestamp: 1_500, stream: Stream::Stdout, line: text.to_string().into(), part: None }
    }

    #[test]
    fn lines_are_dockers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i").join("i-json.log");
        let origin = Origin {
            tag: "t".into(),
            attributes: BTreeMap::from([("a".into(), "b".into())]),
            ..Origin::default()
        };
        JsonFile::new(&options(&[("tag", "t")]).unwrap(), &origin, &path).write(&[message("x\"y")]).unwrap();
        JsonFile::new(&options(&[]).unwrap(), &Origin::default(), &path).write(&[message("z")]).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"log\":\"x\\\"y\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\",\"tag\":\"t\"},\"time\":\"1970-01-01T00:00:01.5Z\"}\n\
             {\"log\":\"z\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:01.5Z\"}\n"
        );
        remove(&path);
        assert!(!dir.path().join("i").exists());
    }

    #[test]
    fn files_rotate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let three = options(&[("max-size", "1k"), ("max-file", "3"), ("compress", "true")]).unwrap();
        let mut file = JsonFile::new(&three, &Origin::default(), &path);
        for _ in 0..10 {
            file.write(&vec![message(&"x".repeat(100)); 10]).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["log", "log.1.gz", "log.2.gz"]);
        assert!(fs::metadata(&path).unwrap().len() < 1000 + 200);
        let single = options(&[("max-size", "1k")]).unwrap();
        let path = dir.path().join("one").join("log");
        let mut file = JsonFile::new(&single, &Origin::default(), &path);
        file.write(&vec![message(&"x".repeat(100)); 100]).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(fs::metadata(&path).unwrap().len() < 1000 + 200);
    }

    #[test]
    fn nonsense_is_refused_in_dockers_words() {
        assert_eq!(options(&[("max-file", "0")]), Err("max-file cannot be less than 1".into()));
        assert_eq!(options(&[("max-size", "0")]), Err("max-size must be a positive number".into()));
        let why = "compress cannot be true when max-file is less than 2 or max-size is not set";
        assert_eq!(options(&[("compress", "true"), ("max-size", "1k")]), Err(why.into()));
        assert_eq!(options(&[("x", "1")]), Err("unknown log opt 'x' for json-file log driver".into()));
    }
}

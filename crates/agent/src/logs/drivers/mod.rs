//! Docker's log drivers: where a spool's lines go when they do not go to the log store.
//!
//! This is the seam. A driver has options ([`DockerDriver`], one variant and one file each), says before a start whether
//! its receiver is there ([`DockerDriver::check`]), and opens a [`Receiver`], into which `delivery.rs` puts the messages
//! of one spool. A receiver deals with what it is given before it takes more, as long as Docker's own driver would: it
//! is the spool that waits, or drops.

mod dial;
mod fluentd;
mod gelf;
mod journald;
mod json_file;
mod msgpack;
mod splunk;
mod syslog;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use model::ecs::log_options;

use super::message::Message;
use super::subject::Origin;

pub(super) use json_file::remove as remove_file;

/// A driver with its options.
#[derive(Clone, Debug)]
pub(super) enum DockerDriver {
    /// Files of JSON on the node.
    JsonFile(json_file::Options),
    /// Fluentd's forward protocol.
    Fluentd(fluentd::Options),
    /// A syslog daemon.
    Syslog(syslog::Options),
    /// Graylog.
    Gelf(gelf::Options),
    /// The node's journal.
    Journald,
    /// Splunk's HTTP event collector.
    Splunk(splunk::Options),
}

/// Messages that a receiver gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// How many.
    pub(super) messages: usize,
    /// Why the last one was.
    pub(super) cause: String,
}

/// Where one container's messages go.
#[async_trait]
pub(super) trait Receiver: Send {
    /// Deals with messages, in order. It returns when each was delivered or given up.
    async fn take(&mut self, messages: &[Message]) -> Result<(), Lost>;
}

impl DockerDriver {
    /// Reads the options of the driver `name`; `None` when there is none of that name.
    pub(super) fn parse(
        name: &str,
        options: &BTreeMap<String, String>,
    ) -> Option<Result<DockerDriver, String>> {
        Some(match name {
            "" | "json-file" => json_file::Options::parse(options).map(DockerDriver::JsonFile),
            "fluentd" => fluentd::Options::parse(options).map(DockerDriver::Fluentd),
            "syslog" => syslog::Options::parse(options).map(DockerDriver::Syslog),
            "gelf" => gelf::Options::parse(options).map(DockerDriver::Gelf),
            "journald" => known("journald", options, &[]).map(|()| DockerDriver::Journald),
            "splunk" => splunk::Options::parse(options).map(DockerDriver::Splunk),
            _ => return None,
        })
    }

    /// Whether the receiver is there, as far as Docker's driver would find out before the container starts.
    pub(super) async fn check(&self) -> Result<(), String> {
        match self {
            DockerDriver::JsonFile(_) => Ok(()),
            DockerDriver::Fluentd(options) => options.check().await,
            DockerDriver::Syslog(options) => options.check().await,
            DockerDriver::Gelf(options) => options.check().await,
            DockerDriver::Journald => journald::check(Path::new(journald::SOCKET)),
            DockerDriver::Splunk(options) => options.check().await,
        }
    }

    /// Opens the way to the receiver; the connection itself is made with the first message. `file` is where a driver
    /// that keeps lines on the node keeps them.
    pub(super) fn open(&self, origin: &Origin, file: &Path) -> Box<dyn Receiver> {
        match self {
            DockerDriver::JsonFile(options) => Box::new(json_file::JsonFile::new(options, origin, file)),
            DockerDriver::Fluentd(options) => Box::new(fluentd::Fluentd::new(options, origin)),
            DockerDriver::Syslog(options) => Box::new(syslog::Syslog::new(options, origin)),
            DockerDriver::Gelf(options) => Box::new(gelf::Gelf::new(options, origin)),
            DockerDriver::Journald => Box::new(journald::Journald::new(origin, Path::new(journald::SOCKET))),
            DockerDriver::Splunk(options) => Box::new(splunk::Splunk::new(options, origin)),
        }
    }

    /// How many messages may wait for the receiver before new ones are dropped, for drivers that never let the
    /// container wait.
    pub(super) fn waiting_limit(&self) -> Option<u64> {
        match self {
            DockerDriver::Fluentd(options) => options.waiting_limit(),
            DockerDriver::Splunk(_) => Some(splunk::WAITING_LIMIT),
            DockerDriver::JsonFile(_)
            | DockerDriver::Syslog(_)
            | DockerDriver::Gelf(_)
            | DockerDriver::Journald => None,
        }
    }
}

/// Whether the node has a journal to write to.
pub(crate) fn has_journal() -> bool {
    journald::check(Path::new(journald::SOCKET)).is_ok()
}

/// Refuses options that a driver does not have.
fn known(driver: &str, options: &BTreeMap<String, String>, own: &[&str]) -> Result<(), String> {
    let is_known = |name: &str| own.contains(&name) || log_options::COMMON.contains(&name);
    match options.keys().find(|name| !is_known(name)) {
        Some(name) => Err(format!("unknown log opt '{name}' for {driver} log driver")),
        None => Ok(()),
    }
}

/// Eight bytes that nobody can guess, in hexadecimal digits.
pub(super) fn random_id() -> String {
    hex::encode(random_bytes::<8>())
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel's random numbers never fail once it runs");
    bytes
}

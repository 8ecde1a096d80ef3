//! What an operation is given: the caller, the scope, the time, ids and the cloud behind it.
//!
//! An operation reads no clock, no environment and no randomness of its own.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use auth::Principal;
use model::{Arn, IdSource, Scope, Timestamp};
use parking_lot::Mutex;

use crate::cloud::Cloud;

/// The surroundings of one request.
#[derive(Clone, Debug)]
pub struct OpCtx {
    /// Who is calling.
    pub principal: Principal,
    /// The account and region of the request.
    pub scope: Scope,
    /// The id that the answer carries.
    pub request_id: String,
    /// When the request came.
    pub now: Timestamp,
    /// Where new ids come from.
    pub ids: Ids,
    /// The address the request came from.
    pub source_ip: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// Everything behind the rooms.
    pub cloud: Arc<Cloud>,
}

impl OpCtx {
    /// The ARN of `resource` of `service` in the request's scope.
    pub fn arn(&self, service: &str, resource: impl Into<String>) -> Arn {
        Arn::new(service, &self.scope, resource)
    }
}

/// A shared source of ids. Cloning shares the sequence.
#[derive(Clone)]
pub struct Ids(Arc<Mutex<Box<dyn IdSource>>>);

impl Ids {
    /// Shares `source`.
    pub fn new(source: impl IdSource + 'static) -> Self {
        Ids(Arc::new(Mutex::new(Box::new(source))))
    }

    /// Runs `work` with the source. For decisions that need several ids.
    pub fn with<T>(&self, work: impl FnOnce(&mut dyn IdSource) -> T) -> T {
        work(self.0.lock().as_mut())
    }

    /// 32 hexadecimal digits: [`IdSource::hex32`].
    pub fn hex32(&self) -> String {
        self.with(|ids| ids.hex32())
    }

    /// `count` hexadecimal digits: [`IdSource::hex`].
    pub fn hex(&self, count: usize) -> String {
        self.with(|ids| ids.hex(count))
    }

    /// A UUID: [`IdSource::uuid`].
    pub fn uuid(&self) -> String {
        self.with(|ids| ids.uuid())
    }

    /// `count` decimal digits: [`IdSource::digits`].
    pub fn digits(&self, count: usize) -> String {
        self.with(|ids| ids.digits(count))
    }
}

impl IdSource for Ids {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.with(|ids| ids.fill(bytes));
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

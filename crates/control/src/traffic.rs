//! The way to the balancer process: routes down, reports and lines of access logs up.
//!
//! Routes and reports are whole, so that each end only ever looks at the newest. The control plane holds the [`Source`]; whoever
//! supervises the process (`server`) holds the [`Feed`].

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wire::link::{Routes, RoutesReport};

use crate::access_logs::Batch;

/// Batches that may wait: a balancer sends one at a time.
const BATCHES: usize = 4;

/// The control plane's end.
#[derive(Debug)]
pub struct Source {
    /// Takes the newest routes. `None` until they are known: a balancer that runs serves what it has.
    pub routes: watch::Sender<Option<Arc<Routes>>>,
    /// Gives the newest report.
    pub reports: watch::Receiver<Option<Arc<RoutesReport>>>,
    /// Gives lines of access logs.
    pub access: mpsc::Receiver<Batch>,
}

/// The supervisor's end.
#[derive(Debug)]
pub struct Feed {
    /// Gives the newest routes.
    pub routes: watch::Receiver<Option<Arc<Routes>>>,
    /// Takes the newest report.
    pub reports: watch::Sender<Option<Arc<RoutesReport>>>,
    /// Takes lines of access logs.
    pub access: mpsc::Sender<Batch>,
}

/// Makes both ends.
pub fn feed() -> (Source, Feed) {
    let (routes_in, routes) = watch::channel(None);
    let (reports_in, reports) = watch::channel(None);
    let (access_in, access) = mpsc::channel(BATCHES);
    let source = Source { routes: routes_in, reports, access };
    (source, Feed { routes, reports: reports_in, access: access_in })
}

//! The way to the balancer process: routes down, reports up.
//!
//! Both are whole, so that each end only ever looks at the newest. The control plane holds the [`Source`]; whoever
//! supervises the process (`server`) holds the [`Feed`].

use std::sync::Arc;

use tokio::sync::watch;
use wire::link::{Routes, RoutesReport};

/// The control plane's end.
#[derive(Debug)]
pub struct Source {
    /// Takes the newest routes. `None` until they are known: a balancer that runs serves what it has.
    pub routes: watch::Sender<Option<Arc<Routes>>>,
    /// Gives the newest report.
    pub reports: watch::Receiver<Option<Arc<RoutesReport>>>,
}

/// The supervisor's end.
#[derive(Debug)]
pub struct Feed {
    /// Gives the newest routes.
    pub routes: watch::Receiver<Option<Arc<Routes>>>,
    /// Takes the newest report.
    pub reports: watch::Sender<Option<Arc<RoutesReport>>>,
}

/// Makes both ends.
pub fn feed() -> (Source, Feed) {
    let (routes_in, routes) = watch::channel(None);
    let (reports_in, reports) = watch::channel(None);
    (Source { routes: routes_in, reports }, Feed { routes, reports: reports_in })
}

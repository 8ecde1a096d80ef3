//! Wiring a namespace while its container is already being made: nothing runs in it before [`Settling::wait`] answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt as _, TryFutureExt as _};
use parking_lot::Mutex;

use super::bridge::Bridges;
use super::firewall::Firewall;
use super::guard::Guard;
use super::namespace::Namespace;
use super::netlink::Netlink;
use super::plan::Interface;
use super::pool::Ready;
use super::proxy::Proxy;
use super::{Error, TaskNetwork};
use crate::task::timing::timed;

type Work = Shared<BoxFuture<'static, Result<(), Arc<Error>>>>;

/// Namespaces that are being wired, and those that were and are still in use.
pub struct Settling {
    parts: Parts,
    works: Mutex<BTreeMap<PathBuf, Work>>,
}

/// What wiring needs.
#[derive(Clone)]
struct Parts {
    host: Netlink,
    bridges: Arc<Bridges>,
    firewall: Arc<Firewall>,
    guard: Arc<Guard>,
}

impl Settling {
    /// Nothing is being wired.
    pub fn new(host: Netlink, bridges: Arc<Bridges>, firewall: Arc<Firewall>, guard: Arc<Guard>) -> Settling {
        Settling { parts: Parts { host, bridges, firewall, guard }, works: Mutex::default() }
    }

    /// Wires a namespace in the background.
    pub fn begin(&self, ready: Ready, interface: Interface, proxy: Option<Proxy>) {
        let (parts, path) = (self.parts.clone(), ready.namespace.path().to_path_buf());
        let work = tokio::spawn(async move {
            let (host, inside) = (ready.host_index, (&ready.inside, ready.inside_index));
            let wiring =
                parts.wire(host, inside, &interface, proxy.as_ref().map(|it| (it, &ready.namespace)));
            timed("wire", wiring).await.map_err(Arc::new)
        });
        let work = work.unwrap_or_else(|error| {
            Err(Arc::new(Error::Description(format!("wiring a namespace ended badly: {error}"))))
        });
        self.works.lock().insert(path, work.boxed().shared());
    }

    /// Waits until a namespace is wired.
    pub async fn wait(&self, network: &TaskNetwork) -> Result<(), Arc<Error>> {
        let work = network.netns.as_ref().and_then(|path| self.works.lock().get(path).cloned());
        match work {
            Some(work) => work.await,
            None => Ok(()),
        }
    }

    /// Waits for the end of what is being done to a network that is to be removed.
    pub async fn forget(&self, network: &TaskNetwork) {
        let work = network.netns.as_ref().and_then(|path| self.works.lock().remove(path));
        if let Some(work) = work {
            let _ = work.await;
        }
    }

    /// Does what an earlier agent may not have come to; what is done already stays as it is.
    pub async fn finish(
        &self,
        netns: &Path,
        interface: &Interface,
        proxy: Option<&Proxy>,
    ) -> Result<(), Error> {
        let namespace = Namespace::at(netns);
        let inside = namespace.inside(Netlink::here).await?;
        let missing = || Error::Description(format!("link {} vanished", interface.host_link));
        let host_index = self.parts.host.index_of(&interface.host_link).await?.ok_or_else(missing)?;
        let inside_index = inside.inside_index().await?;
        let proxy = proxy.map(|proxy| (proxy, &namespace));
        self.parts.wire(host_index, (&inside, inside_index), interface, proxy).await
    }
}

impl Parts {
    async fn wire(
        &self,
        host_index: u32,
        (inside, inside_index): (&Netlink, u32),
        interface: &Interface,
        proxy: Option<(&Proxy, &Namespace)>,
    ) -> Result<(), Error> {
        let (name, bridge) = (&interface.host_link, self.bridges.ensure(interface).await?);
        let attach = async {
            self.host.attach(host_index, bridge, interface.mtu, name).await?;
            if interface.is_isolated() {
                self.host.isolate(host_index, name).await?;
                timed("wait_for_groups", self.guard.ready(interface.address)).await;
            }
            Ok(())
        };
        let configure = async {
            inside.configure(inside_index, interface).await?;
            match proxy {
                Some((proxy, namespace)) => proxy.apply(namespace).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(attach, self.firewall.know(name, interface.address), configure).map(|_| ())
    }
}

//! Network namespaces, bound to files so that they live without a process.
//!
//! Entering one is a matter of a thread: it is done in threads that end, never in the runtime's.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use tokio::sync::oneshot;

use super::Error;
use super::netlink::Netlink;

/// A bound network namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    path: PathBuf,
}

impl Namespace {
    /// The namespace bound at `path`, which need not exist.
    pub fn at(path: &Path) -> Namespace {
        Namespace { path: path.to_path_buf() }
    }

    /// The namespaces bound in a directory.
    pub fn all(dir: &Path) -> Vec<Namespace> {
        let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
        entries.flatten().map(|entry| Namespace { path: entry.path() }).collect()
    }

    /// Makes a namespace and opens netlink inside.
    pub async fn create(dir: &Path, name: &str) -> Result<(Namespace, Netlink), Error> {
        let path = dir.join(name);
        let namespace = Namespace { path: path.clone() };
        let netlink = in_thread(move || {
            fs::File::create(&path)?;
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(Some("/proc/thread-self/ns/net"), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
            Netlink::here()
        })
        .await
        .map_err(Error::system("making the network namespace", name))?;
        Ok((namespace, netlink))
    }

    /// Runs `work` inside, in a thread of its own.
    pub async fn inside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        in_thread(move || {
            setns(fs::File::open(&path)?, CloneFlags::CLONE_NEWNET)?;
            work()
        })
        .await
        .map_err(Error::system("entering the network namespace", self.name()))
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Unbinds it; the kernel removes it with its last process. What is already gone is no error.
    pub async fn remove(&self) -> Result<(), Error> {
        let path = self.path.clone();
        let removed = tokio::task::spawn_blocking(move || {
            // A file may have been bound more than once by a crashed predecessor.
            while umount2(&path, MntFlags::MNT_DETACH).is_ok() {}
            match fs::remove_file(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other,
            }
        });
        removed.await.map_err(std::io::Error::other).flatten().map_err(Error::system("removing", self.name()))
    }
}

/// Runs `work` in a thread that ends with it, with the runtime at hand for sockets.
async fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let (answer, waiter) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("netns".into()).spawn(move || {
        let _entered = runtime.enter();
        let _ = answer.send(work());
    })?;
    waiter.await.map_err(std::io::Error::other)?
}

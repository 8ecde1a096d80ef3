//! A task's network: sockets that are made inside it stay there, whatever thread uses them.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

thread_local! {
    /// The network that this thread belongs to.
    static HOME: OnceCell<File> = const { OnceCell::new() };
}

/// An open network namespace.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// Opens the one that is bound at `path`.
    pub fn open(path: &Path) -> io::Result<Namespace> {
        File::open(path).map(Namespace)
    }

    /// Does `work` inside, on this thread and at once: it must make sockets and not wait.
    pub fn inside<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        HOME.with(|home| {
            let home = match home.get() {
                Some(home) => home,
                None => {
                    let own = File::open("/proc/thread-self/ns/net")?;
                    home.get_or_init(|| own)
                }
            };
            setns(&self.0, CloneFlags::CLONE_NEWNET)?;
            let done = work();
            setns(home, CloneFlags::CLONE_NEWNET).expect("a thread may return to its own network");
            done
        })
    }
}

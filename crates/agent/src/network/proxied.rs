//! A task's way to its own proxy of Service Connect.
//!
//! The balancer listens inside of the task's network, on ports of its own, so that the task may listen on the ports
//! that it connects to; packets on the loopback are rewritten there and back. It finds the network by a link that has
//! the task's id. A task starts only once the proxy listens: what it calls first must not be refused.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wire::link::{self, ProxyName};

use super::Error;
use super::namespace::Namespace;
use super::redirect::nft;

/// How long a task waits for its proxy.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Where the links to the networks of tasks with a proxy are.
#[derive(Clone, Debug)]
pub struct Proxied(PathBuf);

impl Proxied {
    /// Begins with what is in `dir`.
    pub fn new(dir: PathBuf) -> Proxied {
        Proxied(dir)
    }

    /// Leads a task's names to its proxy, and waits until that listens.
    pub async fn lead(&self, task_id: &str, task: &link::Task, network: &Path) -> Result<(), Error> {
        let names = task.longshore.as_ref().map(|extras| extras.proxy_names.clone()).unwrap_or_default();
        if names.is_empty() {
            return Ok(());
        }
        let namespace = Namespace::at(network);
        let rules = rules(&names);
        namespace.inside(move || nft(&rules)).await?;
        self.link(task_id, network).map_err(Error::system("linking the network of", task_id))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let table = namespace.inside(|| fs::read_to_string("/proc/thread-self/net/tcp")).await?;
            if names.iter().all(|name| listens(&table, name.address, name.listen_port)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let late = io::Error::from(io::ErrorKind::TimedOut);
                return Err(Error::system("waiting for the Service Connect proxy of", task_id)(late));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Forgets a task.
    pub fn forget(&self, task_id: &str) {
        // What is not there is what is wanted.
        fs::remove_file(self.0.join(task_id)).ok();
    }

    /// Forgets tasks whose networks are gone.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        for entry in entries.flatten().filter(|entry| !entry.path().exists()) {
            fs::remove_file(entry.path()).ok();
        }
    }

    fn link(&self, task_id: &str, network: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        match std::os::unix::fs::symlink(network, self.0.join(task_id)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.forget(task_id);
                std::os::unix::fs::symlink(network, self.0.join(task_id))
            }
            done => done,
        }
    }
}

fn rules(names: &[ProxyName]) -> String {
    let rule = |rest: String| format!("add rule ip metadata output oif lo {rest}\n");
    let pair = |name: &ProxyName| {
        let ProxyName { address, port, listen_port, .. } = name;
        rule(format!("ip daddr {address} tcp dport {port} tcp dport set {listen_port}"))
            + &rule(format!("ip saddr {address} tcp sport {listen_port} tcp sport set {port}"))
    };
    names.iter().filter(|name| name.port != name.listen_port).map(pair).collect()
}

/// Whether somebody listens there, by the text of `/proc/net/tcp`.
fn listens(table: &str, address: Ipv4Addr, port: u16) -> bool {
    // The kernel prints an address as the number that it is in memory.
    let wanted = format!("{:08X}:{port:04X}", u32::from_ne_bytes(address.octets()));
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(wanted.as_str()) && fields.nth(1) == Some(LISTENING)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_found_in_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue\n   0: 0100FF7F:3A98 00000000:0000 0A 00000000:00000000\n   \
                     1: 0200FF7F:3A99 0100007F:0050 01 00000000:00000000\n";
        assert!(listens(table, Ipv4Addr::new(127, 255, 0, 1), 15_000));
        assert!(!listens(table, Ipv4Addr::new(127, 255, 0, 2), 15_001), "connected, not listening");
        assert!(!listens(table, Ipv4Addr::new(127, 255, 0, 1), 15_001));
    }

    #[test]
    fn packets_are_led_there_and_back() {
        let name =
            ProxyName { name: "db".into(), address: [127, 255, 0, 1].into(), port: 80, listen_port: 15_000 };
        let text = rules(&[name]);
        assert!(text.contains("oif lo ip daddr 127.255.0.1 tcp dport 80 tcp dport set 15000\n"), "{text}");
        assert!(text.contains("oif lo ip saddr 127.255.0.1 tcp sport 15000 tcp sport set 80\n"), "{text}");
    }
}

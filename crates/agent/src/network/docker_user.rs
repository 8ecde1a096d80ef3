//! Getting along with a Docker on the same machine.
//!
//! Docker drops every forwarded packet that is not its own, whatever other tables say, and offers its
//! chain DOCKER-USER for exceptions. The rules are set with `iptables`, so that Docker's own calls of it
//! can still read the chain. Isolation is not weakened: our own table is asked as well.

use std::process::Stdio;
use std::time::Duration;

use super::names::Names;

const CHAIN: &str = "DOCKER-USER";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Our exceptions in Docker's chain.
pub struct DockerUser {
    /// All our bridges, as iptables writes it.
    bridges: String,
}

impl DockerUser {
    /// The exceptions for an instance's bridges.
    pub fn new(names: &Names) -> DockerUser {
        DockerUser { bridges: names.bridge_pattern().replace('*', "+") }
    }

    /// Makes the exceptions where there is a Docker and they are missing.
    pub async fn admit(&self) {
        if !iptables(&["-S", CHAIN]).await {
            return;
        }
        for rule in self.rules() {
            if !iptables(&[&["-C", CHAIN], &rule[..]].concat()).await {
                let made = iptables(&[&["-I", CHAIN], &rule[..]].concat()).await;
                if !made {
                    tracing::warn!(rule = rule.join(" "), "Docker's firewall will drop packets of tasks");
                }
            }
        }
    }

    /// Takes the exceptions back.
    pub async fn withdraw(&self) {
        for rule in self.rules() {
            if iptables(&[&["-C", CHAIN], &rule[..]].concat()).await {
                iptables(&[&["-D", CHAIN], &rule[..]].concat()).await;
            }
        }
    }

    fn rules(&self) -> [[&str; 4]; 2] {
        [["-i", &self.bridges, "-j", "ACCEPT"], ["-o", &self.bridges, "-j", "ACCEPT"]]
    }
}

/// Runs iptables; false also when it is not installed: then there is no Docker that uses it.
async fn iptables(arguments: &[&str]) -> bool {
    let mut command = tokio::process::Command::new("iptables");
    command.arg("-w").args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = tokio::time::timeout(TIMEOUT, command.kill_on_drop(true).status()).await;
    matches!(status, Ok(Ok(status)) if status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_name_all_bridges_of_the_instance() {
        let exceptions = DockerUser::new(&Names::new("0a1b2", std::path::Path::new("/run/x")));
        assert_eq!(exceptions.rules()[0], ["-i", "ls0a1b2b+", "-j", "ACCEPT"]);
    }
}

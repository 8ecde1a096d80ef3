//! Leads the well-known addresses of metadata and names to the ports where the endpoints really listen.
//!
//! An endpoint shares the task's namespace, and a socket on port 80 of one address keeps every container from
//! listening on port 80 of all addresses, which is what web servers do. So it listens on a port of its own, and
//! packets on the loopback are rewritten there and back. Stateless: no connection of the task is tracked for it.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use super::Error;
use super::namespace::Namespace;

/// Where tasks look for their metadata.
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// The port that tasks are told.
const TOLD_PORT: u16 = 80;
/// The port that the endpoint listens on: the ECS agent's own for the same purpose.
pub const METADATA_PORT: u16 = 51679;

/// Where tasks ask for names: the address of Amazon's own resolver.
pub const RESOLVER_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// The port that resolvers have.
const TOLD_RESOLVER_PORT: u16 = 53;
/// The port that names are answered on.
pub const RESOLVER_PORT: u16 = 51653;

/// Sets the rules in a new namespace.
pub async fn metadata(namespace: &Namespace) -> Result<(), Error> {
    namespace.inside(|| nft(&rules())).await
}

fn rules() -> String {
    let rule = |rest: String| format!("add rule ip metadata output oif lo {rest}\n");
    let names = |protocol: &str| {
        let (told, real) = (TOLD_RESOLVER_PORT, RESOLVER_PORT);
        rule(format!("ip daddr {RESOLVER_ADDRESS} {protocol} dport {told} {protocol} dport set {real}"))
            + &rule(format!(
                "ip saddr {RESOLVER_ADDRESS} {protocol} sport {real} {protocol} sport set {told}"
            ))
    };
    [
        "add table ip metadata\n".to_owned(),
        "add chain ip metadata output { type filter hook output priority raw; }\n".to_owned(),
        rule(format!("ip daddr {METADATA_ADDRESS} tcp dport {TOLD_PORT} tcp dport set {METADATA_PORT}")),
        rule(format!("ip saddr {METADATA_ADDRESS} tcp sport {METADATA_PORT} tcp sport set {TOLD_PORT}")),
        names("udp"),
        names("tcp"),
    ]
    .concat()
}

/// Runs nft in the namespace of this thread.
pub(super) fn nft(script: &str) -> io::Result<()> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().expect("stdin is piped").write_all(script.as_bytes())?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr).lines().take(3).collect::<Vec<_>>().join(" ");
    Err(io::Error::other(format!("nft: {told}")))
}

//! Leads a task's connections through the proxy container that its definition names (`proxyConfiguration`, APPMESH).
//!
//! The rules are those of AWS App Mesh's own plugin: what comes in for the application's ports goes to the proxy's ingress
//! port, what goes out goes to its egress port, except what the proxy itself sends and what is to be ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wire::link;

use super::Error;
use super::namespace::Namespace;
use super::redirect::nft;

/// A proxy as the rules need it. Ports, ids and addresses are numbers that nft takes as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proxy {
    ingress_port: u16,
    egress_port: u16,
    app_ports: Vec<u16>,
    ignored_uid: Option<u32>,
    ignored_gid: Option<u32>,
    ignored_ports: Vec<u16>,
    ignored_ips: Vec<String>,
}

impl Proxy {
    /// Reads a task's message.
    pub fn of(task: &link::Task) -> Result<Option<Proxy>, Error> {
        let Some(wanted) = &task.proxy_configuration else { return Ok(None) };
        let all = &wanted.properties;
        Ok(Some(Proxy {
            ingress_port: one(all, "ProxyIngressPort")?.unwrap_or_default(),
            egress_port: one(all, "ProxyEgressPort")?.unwrap_or_default(),
            app_ports: list(all, "AppPorts")?,
            ignored_uid: one(all, "IgnoredUID")?,
            ignored_gid: one(all, "IgnoredGID")?,
            ignored_ports: list(all, "EgressIgnoredPorts")?,
            ignored_ips: addresses(all, "EgressIgnoredIPs")?,
        }))
    }

    /// Sets the rules in a task's namespace; setting them again changes nothing.
    pub async fn apply(&self, namespace: &Namespace) -> Result<(), Error> {
        let rules = self.rules();
        namespace.inside(move || nft(&rules)).await
    }

    fn rules(&self) -> String {
        let set = |values: &[u16]| values.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let mut inwards = Vec::new();
        if !self.app_ports.is_empty() {
            let ports = set(&self.app_ports);
            let to = self.ingress_port;
            inwards.push(format!("fib saddr type != local tcp dport {{ {ports} }} redirect to :{to}"));
        }
        let mut outwards = Vec::new();
        outwards.extend(self.ignored_uid.map(|uid| format!("meta skuid {uid} return")));
        outwards.extend(self.ignored_gid.map(|gid| format!("meta skgid {gid} return")));
        if !self.ignored_ports.is_empty() {
            outwards.push(format!("tcp dport {{ {} }} return", set(&self.ignored_ports)));
        }
        outwards.extend(self.ignored_ips.iter().map(|address| format!("ip daddr {address} return")));
        outwards.push(format!("meta l4proto tcp fib daddr type != local redirect to :{}", self.egress_port));
        let mut text = String::from("add table ip appmesh\ndelete table ip appmesh\nadd table ip appmesh\n");
        for (chain, priority, rules) in [("prerouting", "dstnat", inwards), ("output", "-100", outwards)] {
            let hook = format!("{{ type nat hook {chain} priority {priority}; }}");
            text += &format!("add chain ip appmesh {chain} {hook}\n");
            for rule in rules {
                text += &format!("add rule ip appmesh {chain} {rule}\n");
            }
        }
        text
    }
}

fn bad(name: &str, value: &str) -> Error {
    Error::Description(format!("bad {name} {value:?} in the proxy configuration"))
}

fn values<'a>(all: &'a BTreeMap<String, String>, name: &str) -> impl Iterator<Item = &'a str> {
    let text = all.get(name).map(String::as_str).unwrap_or_default();
    text.split(',').map(str::trim).filter(|value| !value.is_empty())
}

fn one<T: std::str::FromStr>(all: &BTreeMap<String, String>, name: &str) -> Result<Option<T>, Error> {
    values(all, name).next().map(|value| value.parse().map_err(|_| bad(name, value))).transpose()
}

fn list(all: &BTreeMap<String, String>, name: &str) -> Result<Vec<u16>, Error> {
    values(all, name).map(|value| value.parse().map_err(|_| bad(name, value))).collect()
}

/// Addresses and networks; nft is given none that is not one.
fn addresses(all: &BTreeMap<String, String>, name: &str) -> Result<Vec<String>, Error> {
    let is_address = |value: &str| {
        let (address, prefix) = value.split_once('/').unwrap_or((value, "32"));
        address.parse::<std::net::Ipv4Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= 32)
    };
    values(all, name)
        .map(|value| if is_address(value) { Ok(value.to_owned()) } else { Err(bad(name, value)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(properties: &[(&str, &str)]) -> Result<Option<Proxy>, Error> {
        let properties: BTreeMap<_, _> =
            properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let task = serde_json::from_value(serde_json::json!({"arn": "a/t", "family": "f", "version": "1",
            "desiredStatus": "RUNNING", "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": "awsvpc",
            "containers": [], "proxyConfiguration": {"type": "APPMESH", "containerName": "envoy", "properties": properties}}));
        Proxy::of(&task.unwrap())
    }

    #[test]
    fn the_rules_are_those_of_app_mesh() {
        let found = proxy(&[
            ("ProxyIngressPort", "15000"),
            ("ProxyEgressPort", "15001"),
            ("AppPorts", "8080, 9090"),
            ("IgnoredUID", "1337"),
            ("EgressIgnoredPorts", "22"),
            ("EgressIgnoredIPs", "169.254.170.2,10.0.0.0/8"),
        ]);
        let rules = found.unwrap().unwrap().rules();
        let lines: Vec<&str> = rules.lines().filter(|line| line.starts_with("add rule")).collect();
        assert_eq!(
            lines,
            [
                "add rule ip appmesh prerouting fib saddr type != local tcp dport { 8080, 9090 } redirect to :15000",
                "add rule ip appmesh output meta skuid 1337 return",
                "add rule ip appmesh output tcp dport { 22 } return",
                "add rule ip appmesh output ip daddr 169.254.170.2 return",
                "add rule ip appmesh output ip daddr 10.0.0.0/8 return",
                "add rule ip appmesh output meta l4proto tcp fib daddr type != local redirect to :15001",
            ]
        );
    }

    #[test]
    fn nft_is_given_nothing_but_numbers() {
        assert!(proxy(&[("EgressIgnoredIPs", "1.2.3.4; drop")]).is_err());
        assert!(proxy(&[("AppPorts", "80,x")]).is_err());
    }
}

//! The files that the platform puts into a container: hostname, hosts, resolv.conf.

use std::fs;
use std::io;
use std::path::Path;

use wire::link;

use crate::network::{RESOLVER_ADDRESS, TaskNetwork};
use crate::runtime::mounts::Bind;

/// The name of a container's host.
pub fn hostname(task: &link::Task, container: &link::Container, region: &str, runtime_id: &str) -> String {
    let own = &container.docker_config.config.hostname;
    if !own.is_empty() {
        return own.clone();
    }
    if task.network_mode == "host"
        && let Ok(node) = std::fs::read_to_string("/proc/sys/kernel/hostname")
    {
        return node.trim().to_string();
    }
    let Some(eni) = task.elastic_network_interfaces.first().filter(|_| task.network_mode == "awsvpc") else {
        return runtime_id.chars().take(12).collect();
    };
    let address = eni.ipv4_addresses.first().map(|a| a.private_address.replace('.', "-")).unwrap_or_default();
    eni.private_dns_name.clone().unwrap_or_else(|| format!("ip-{address}.{region}.compute.internal"))
}

/// The text of /etc/hosts; `node` is the node's own, where it holds in the container, `proxy_names` are those of Service
/// Connect.
pub fn hosts(
    container: &link::Container,
    network: Option<&TaskNetwork>,
    hostname: &str,
    node: &str,
    proxy_names: &[link::ProxyName],
) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
         ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    if !node.is_empty() {
        text = format!("{}\n", node.trim_end());
    }
    for name in proxy_names {
        text += &format!("{}\t{}\n", name.address, name.name);
    }
    for line in &container.docker_config.host_config.extra_hosts {
        if let Some((name, address)) = line.split_once(':') {
            text += &format!("{address}\t{name}\n");
        }
    }
    text += &network.map(|network| links(container, network)).unwrap_or_default();
    let own = network.map(|network| network.of(&container.name));
    if let Some(interface) = own.and_then(|network| network.interface.as_ref()) {
        let short = hostname.split('.').next().filter(|short| *short != hostname);
        let alias = short.map(|short| format!(" {short}")).unwrap_or_default();
        text += &format!("{}\t{hostname}{alias}\n", interface.address);
    }
    text
}

/// Lines for linked containers: `name` or `name:alias`.
/// Deviation: the environment variables that Docker adds for links are not set; Docker itself calls them outdated.
fn links(container: &link::Container, network: &TaskNetwork) -> String {
    let line = |link: &String| {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        let interface = network.containers.get(name)?.interface.as_ref()?;
        let names = if alias == name { name.to_string() } else { format!("{alias} {name}") };
        Some(format!("{}\t{names}\n", interface.address))
    };
    container.links.iter().filter_map(line).collect()
}

/// The text of /etc/resolv.conf; `node` is the node's own.
pub fn resolv_conf(task: &link::Task, container: &link::Container, node: &str) -> String {
    let host = &container.docker_config.host_config;
    let eni = task.elastic_network_interfaces.first();
    let words = |key: &str| -> Vec<String> {
        let values = node.lines().filter_map(|line| line.trim().strip_prefix(key));
        values.flat_map(str::split_whitespace).map(ToString::to_string).collect()
    };
    let pick = |own: &[String], of_vpc: Option<&Vec<String>>, of_node: Vec<String>| -> Vec<String> {
        let of_vpc = of_vpc.filter(|list| !list.is_empty()).cloned();
        if own.is_empty() { of_vpc.unwrap_or(of_node) } else { own.to_vec() }
    };
    // A resolver on the node's loopback cannot be reached from another namespace.
    let reachable = |server: &String| task.network_mode == "host" || !server.starts_with("127.");
    let mut of_node: Vec<String> = words("nameserver").into_iter().filter(reachable).collect();
    if of_node.is_empty() && task.network_mode != "host" {
        of_node.push(RESOLVER_ADDRESS.to_string());
    }
    let servers = pick(&host.dns, eni.map(|eni| &eni.domain_name_servers), of_node);
    let search = pick(&host.dns_search, eni.map(|eni| &eni.domain_name), words("search"));
    let mut text = String::new();
    if !search.is_empty() {
        text += &format!("search {}\n", search.join(" "));
    }
    for server in servers {
        text += &format!("nameserver {server}\n");
    }
    text
}

/// Writes the files of a container below `dir` and answers how to mount them. Calls block.
pub fn write(dir: &Path, hostname: &str, hosts: &str, resolv_conf: &str) -> io::Result<Vec<Bind>> {
    fs::create_dir_all(dir)?;
    let one = |name: &str, text: &str| -> io::Result<Bind> {
        let source = dir.join(name);
        fs::write(&source, text)?;
        Ok(Bind { source, destination: format!("/etc/{name}"), read_only: false })
    };
    Ok(vec![
        one("hostname", &format!("{hostname}\n"))?,
        one("hosts", hosts)?,
        one("resolv.conf", resolv_conf)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(mode: &str) -> link::Task {
        serde_json::from_value(serde_json::json!({"arn": "a", "family": "f", "version": "1", "desiredStatus": "RUNNING",
            "taskDefinitionAccountId": "1", "launchType": "FARGATE", "networkMode": mode, "containers": [],
            "elasticNetworkInterfaces": [{"ec2Id": "eni-1", "attachmentArn": "x", "macAddress": "", "index": 0,
                "ipv4Addresses": [{"primary": true, "privateAddress": "10.64.0.9"}],
                "subnetGatewayIpv4Address": "10.64.0.1/20"}]}))
        .unwrap()
    }

    #[test]
    fn hostnames_follow_the_interface() {
        let container = link::Container::default();
        assert_eq!(
            hostname(&task("awsvpc"), &container, "us-east-2", "r"),
            "ip-10-64-0-9.us-east-2.compute.internal"
        );
        assert_eq!(hostname(&task("bridge"), &container, "us-east-2", "0123456789abcdef"), "0123456789ab");
    }

    #[test]
    fn loopback_resolvers_of_the_node_are_left_out() {
        let node = "search lan\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n";
        let mut container = link::Container::default();
        assert_eq!(resolv_conf(&task("awsvpc"), &container, node), "search lan\nnameserver 192.0.2.1\n");
        container.docker_config.host_config.dns = vec!["9.9.9.9".into()];
        assert_eq!(resolv_conf(&task("awsvpc"), &container, node), "search lan\nnameserver 9.9.9.9\n");
    }
}

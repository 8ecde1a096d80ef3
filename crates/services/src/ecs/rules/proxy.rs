//! The proxy of a task definition: what App Mesh's plugin needs must be there, and be what it says.

use model::ecs::task_definition::{NetworkMode, ProxyConfiguration, TaskDefinitionSpec};

use crate::ecs::error::Error;

/// What must be a port.
const PORTS: [&str; 2] = ["ProxyIngressPort", "ProxyEgressPort"];
/// What may be several ports.
const PORT_LISTS: [&str; 2] = ["AppPorts", "EgressIgnoredPorts"];
const IDS: [&str; 2] = ["IgnoredUID", "IgnoredGID"];
const ADDRESSES: &str = "EgressIgnoredIPs";

/// Checks a proxy against its task definition.
pub fn check(spec: &TaskDefinitionSpec, proxy: &ProxyConfiguration) -> Result<(), Error> {
    if spec.effective_network_mode() != NetworkMode::Awsvpc {
        return Err(Error::Client("Proxy configuration requires networkMode 'awsvpc'.".into()));
    }
    let known = spec.container_definitions.iter().any(|container| container.name == proxy.container_name);
    if !known {
        return Err(Error::Client(format!(
            "Proxy configuration refers to unknown container '{}'.",
            proxy.container_name
        )));
    }
    properties(proxy)
}

fn properties(proxy: &ProxyConfiguration) -> Result<(), Error> {
    let all = || proxy.properties.iter().flatten();
    let is_given = |name: &str| all().any(|pair| pair.name == name && !pair.value.trim().is_empty());
    for pair in all() {
        if !is_valid(&pair.name, &pair.value) {
            return Err(Error::Client(format!(
                "Proxy configuration has an invalid property '{}' with value '{}'.",
                pair.name, pair.value
            )));
        }
    }
    for name in ["ProxyIngressPort", "ProxyEgressPort", "AppPorts"] {
        if !is_given(name) {
            return Err(Error::Client(format!("Proxy configuration must specify '{name}'.")));
        }
    }
    if !IDS.into_iter().any(is_given) {
        return Err(Error::Client("Proxy configuration must specify 'IgnoredUID' or 'IgnoredGID'.".into()));
    }
    Ok(())
}

fn is_valid(name: &str, value: &str) -> bool {
    let mut values = value.split(',').map(str::trim).filter(|value| !value.is_empty());
    let is_port = |value: &str| value.parse::<u16>().is_ok_and(|port| port > 0);
    let is_address = |value: &str| {
        let (address, prefix) = value.split_once('/').unwrap_or((value, "32"));
        address.parse::<std::net::Ipv4Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= 32)
    };
    match name {
        name if PORTS.contains(&name) => is_port(value.trim()),
        name if PORT_LISTS.contains(&name) => values.all(is_port),
        name if IDS.contains(&name) => {
            values.all(|value| value.parse::<u32>().is_ok()) && !value.contains(',')
        }
        ADDRESSES => values.all(is_address),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use model::ecs::container_definition::KeyValuePair;

    use super::*;
    use crate::ecs::rules::sample;

    fn check(change: &[(&str, &str)], expected: &str) {
        let mut all = vec![
            ("ProxyIngressPort", "15000"),
            ("ProxyEgressPort", "15001"),
            ("AppPorts", "80"),
            ("IgnoredUID", "7"),
        ];
        all.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
        all.extend(change);
        let spec = sample::spec();
        let pair = |(name, value): (&str, &str)| KeyValuePair { name: name.into(), value: value.into() };
        let container_name = spec.container_definitions[0].name.clone();
        let properties = Some(all.into_iter().map(pair).collect());
        let proxy = ProxyConfiguration { kind: None, container_name, properties };
        let found = super::check(&spec, &proxy).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn properties_are_what_they_say() {
        check(&[("EgressIgnoredIPs", "169.254.170.2,10.0.0.0/8"), ("EgressIgnoredPorts", "22, 23")], "");
        check(&[("IgnoredUID", ""), ("IgnoredGID", "5")], "");
        check(&[("AppPorts", "")], "Proxy configuration must specify 'AppPorts'.");
        check(&[("IgnoredUID", "")], "Proxy configuration must specify 'IgnoredUID' or 'IgnoredGID'.");
        check(
            &[("ProxyEgressPort", "0")],
            "Proxy configuration has an invalid property 'ProxyEgressPort' with value '0'.",
        );
        check(&[("Colour", "red")], "Proxy configuration has an invalid property 'Colour' with value 'red'.");
    }
}

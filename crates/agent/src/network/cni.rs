//! The CNI chain that an operator names: plugins are executed as the CNI specification says,
//! ADD in order, DEL in reverse with the result that ADD gave.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::Error;
use super::plan::{Interface, PortBinding};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A configured chain of plugins.
pub struct CniChain {
    name: String,
    version: String,
    plugins: Vec<Value>,
    bin_dirs: Vec<PathBuf>,
}

impl CniChain {
    /// Reads the first configuration of a directory, by name, as other runtimes do.
    pub fn load(dir: &Path, bin_dirs: &[PathBuf]) -> Result<CniChain, Error> {
        let subject = dir.display().to_string();
        let entries =
            std::fs::read_dir(dir).map_err(Error::system("reading the CNI configuration in", &*subject))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|f| f.extension().is_some_and(|e| e == "conflist" || e == "conf" || e == "json"));
        files.sort();
        let file =
            files.first().ok_or_else(|| Error::Description(format!("no CNI configuration in {subject}")))?;
        let text = std::fs::read(file).map_err(Error::system("reading", file.display().to_string()))?;
        let config: Value = serde_json::from_slice(&text)
            .map_err(|error| Error::Description(format!("{}: {error}", file.display())))?;
        let text = |key: &str| config[key].as_str().map(ToString::to_string);
        Ok(CniChain {
            name: text("name").unwrap_or_else(|| "longshore".into()),
            version: text("cniVersion").unwrap_or_else(|| "0.4.0".into()),
            plugins: config["plugins"].as_array().cloned().unwrap_or_else(|| vec![config.clone()]),
            bin_dirs: bin_dirs.to_vec(),
        })
    }

    /// Calls ADD of every plugin; answers the last result. What a failed chain has made is removed.
    pub async fn add(&self, id: &str, netns: &Path, ports: &[PortBinding]) -> Result<Value, Error> {
        let mut result = Value::Null;
        for plugin in &self.plugins {
            let config = self.config(plugin, &result, ports);
            match self.call("ADD", plugin, id, netns, &config).await {
                Ok(answer) => result = answer,
                Err(error) => {
                    let _ = self.del(id, netns, &result).await;
                    return Err(error);
                }
            }
        }
        Ok(result)
    }

    /// Calls DEL of every plugin, last first.
    pub async fn del(&self, id: &str, netns: &Path, result: &Value) -> Result<(), Error> {
        for plugin in self.plugins.iter().rev() {
            let config = self.config(plugin, result, &[]);
            self.call("DEL", plugin, id, netns, &config).await?;
        }
        Ok(())
    }

    fn config(&self, plugin: &Value, previous: &Value, ports: &[PortBinding]) -> Value {
        let mut config = plugin.clone();
        config["name"] = json!(self.name);
        config["cniVersion"] = json!(self.version);
        if !previous.is_null() {
            config["prevResult"] = previous.clone();
        }
        if plugin["capabilities"]["portMappings"].as_bool() == Some(true) {
            let mapping = |p: &PortBinding| json!({"hostPort": p.host_port, "containerPort": p.container_port, "protocol": p.protocol});
            config["runtimeConfig"] = json!({"portMappings": ports.iter().map(mapping).collect::<Vec<_>>()});
        }
        config
    }

    async fn call(
        &self,
        verb: &str,
        plugin: &Value,
        id: &str,
        netns: &Path,
        config: &Value,
    ) -> Result<Value, Error> {
        let kind = plugin["type"].as_str().unwrap_or_default();
        let failed = |detail: String| Error::Cni { plugin: kind.to_string(), detail };
        // A type is a file name: a path in it would run anything.
        let binary =
            self.bin_dirs.iter().map(|dir| dir.join(kind)).find(|path| !kind.contains('/') && path.is_file());
        let binary = binary.ok_or_else(|| failed(format!("not found in {:?}", self.bin_dirs)))?;
        let path = std::env::join_paths(&self.bin_dirs).map_err(|error| failed(error.to_string()))?;
        let mut child = tokio::process::Command::new(binary)
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", id)
            .env("CNI_NETNS", netns)
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let text = config.to_string();
        let run = async {
            stdin.write_all(text.as_bytes()).await?;
            drop(stdin);
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(TIMEOUT, run)
            .await
            .map_err(|_elapsed| failed("did not end in time".into()))?
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null));
        }
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let message = answer["msg"].as_str().map(ToString::to_string);
        Err(failed(message.unwrap_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_string())))
    }
}

/// The interface that a chain's result describes, when it has an IPv4 address.
pub fn interface_of(result: &Value, pair: &str) -> Option<Interface> {
    let entry = result["ips"]
        .as_array()?
        .iter()
        .find(|ip| ip["address"].as_str().is_some_and(|a| a.contains('.')))?;
    let (address, prefix) = entry["address"].as_str()?.split_once('/')?;
    let gateway = entry["gateway"].as_str().and_then(|text| text.parse().ok());
    let interfaces = result["interfaces"].as_array();
    let mac =
        interfaces.and_then(|all| all.iter().find(|i| i["sandbox"].as_str().is_some_and(|s| !s.is_empty())));
    Some(Interface {
        vpc: "cni".into(),
        host_link: pair.to_string(),
        address: address.parse().ok()?,
        prefix: prefix.parse().ok()?,
        gateway: gateway.unwrap_or(Ipv4Addr::UNSPECIFIED),
        mac: mac.and_then(|i| i["mac"].as_str()).unwrap_or_default().to_string(),
        mtu: 1500,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_gives_the_interface() {
        let result = json!({"interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/x"}],
            "ips": [{"address": "10.96.1.5/24", "gateway": "10.96.1.1", "interface": 0}]});
        let interface = interface_of(&result, "pair").unwrap();
        assert_eq!((interface.address, interface.prefix), (Ipv4Addr::new(10, 96, 1, 5), 24));
        assert_eq!(interface.mac, "02:00:00:00:00:01");
    }
}

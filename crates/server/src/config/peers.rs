//! The Longshores of other accounts that images may be replicated to.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;
use model::AccountId;
use registry::replication::PeerConfig;
use serde::Deserialize;

use crate::keys;

/// The choice, as flags, environment variables and keys of a TOML file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PeerOptions {
    /// Where the Longshore of another account is, for replication to its registry; may be repeated
    #[arg(long, env = "LONGSHORE_REGISTRY_PEER", value_name = "ACCOUNT=URL", value_delimiter = ',')]
    pub registry_peer: Vec<String>,
    /// A file with an access key of that Longshore: aws_access_key_id = ... and aws_secret_access_key = ...
    #[arg(
        long,
        env = "LONGSHORE_REGISTRY_PEER_KEY_FILE",
        value_name = "ACCOUNT=FILE",
        value_delimiter = ','
    )]
    pub registry_peer_key_file: Vec<String>,
}

impl PeerOptions {
    /// These options, and those of `file` where nothing was said.
    pub fn or(self, file: PeerOptions) -> PeerOptions {
        let or = |flags: Vec<String>, file| if flags.is_empty() { file } else { flags };
        PeerOptions {
            registry_peer: or(self.registry_peer, file.registry_peer),
            registry_peer_key_file: or(self.registry_peer_key_file, file.registry_peer_key_file),
        }
    }

    /// The peers, each with its key.
    pub fn check(&self) -> Result<BTreeMap<AccountId, PeerConfig>> {
        let pairs = |given: &[String], flag: &str, form: &str| {
            let pair = |text: &String| {
                let (account, rest) =
                    text.split_once('=').with_context(|| format!("{flag} {text}: write ACCOUNT={form}"))?;
                let account = AccountId::new(account).with_context(|| format!("{flag} {text}"))?;
                Ok((account, rest.to_owned()))
            };
            given.iter().map(pair).collect::<Result<BTreeMap<AccountId, String>>>()
        };
        let mut files = pairs(&self.registry_peer_key_file, "--registry-peer-key-file", "FILE")?;
        let mut peers = BTreeMap::new();
        for (account, url) in pairs(&self.registry_peer, "--registry-peer", "URL")? {
            let url = url.trim_end_matches('/').to_owned();
            if !url.starts_with("http://") && !url.starts_with("https://") {
                bail!("--registry-peer {account}={url}: an address begins with http:// or https://");
            }
            let file = files.remove(&account).with_context(|| {
                format!("--registry-peer {account}={url}: name its key with --registry-peer-key-file {account}=FILE")
            })?;
            let key = keys::peer_key(Path::new(&file))?;
            peers.insert(account, PeerConfig { url, key });
        }
        if let Some((account, _)) = files.first_key_value() {
            bail!("--registry-peer-key-file {account}: there is no --registry-peer of that account");
        }
        Ok(peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_an_address_and_a_key() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let text = "aws_access_key_id = AKIDEXAMPLEPEER00000\naws_secret_access_key = 0123456789abcdef0123\n";
        std::fs::write(&file, text).unwrap();
        let key = format!("222222222222={}", file.display());
        let with = |peer: &[&str], key: &[&str]| PeerOptions {
            registry_peer: peer.iter().map(ToString::to_string).collect(),
            registry_peer_key_file: key.iter().map(ToString::to_string).collect(),
        };
        let found = with(&["222222222222=http://127.0.0.1:1/"], &[&key]).check().unwrap();
        let [(account, peer)] = Vec::from_iter(found).try_into().unwrap();
        assert_eq!((account.as_str(), peer.url.as_str()), ("222222222222", "http://127.0.0.1:1"));
        assert_eq!(peer.key.id, "AKIDEXAMPLEPEER00000");
        for (peer, key) in [
            (&["222222222222=http://x"][..], &[][..]),
            (&[], &[key.as_str()]),
            (&["2=http://x"], &[&key]),
            (&["222222222222=ftp://x"], &[&key]),
            (&["222222222222"], &[&key]),
        ] {
            assert!(with(peer, key).check().is_err(), "{peer:?} {key:?}");
        }
        assert!(PeerOptions::default().check().unwrap().is_empty());
    }
}

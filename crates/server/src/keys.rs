//! The two secrets of an installation: the root access key and the master key.
//!
//! Both are made at the first start with the system's randomness and kept under `keys/` in the
//! data directory, readable by their owner alone. A root key of the operator's own comes from a
//! file or from the environment, is never written down, and never an argument: `ps` shows those.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use auth::key::{SESSION_PREFIX, is_access_key_id};
use auth::{AccessKey, MasterKey, Secret};
use model::{AccountId, IdSource};

use crate::clock::SystemIds;
use crate::private;

const ID: &str = "LONGSHORE_ROOT_ACCESS_KEY_ID";
const SECRET: &str = "LONGSHORE_ROOT_SECRET_ACCESS_KEY";

/// The root key: from `file`, else from the environment, else the one kept (or made) in `keys`.
pub fn root_key(keys: &Path, file: Option<&Path>, account: &AccountId) -> Result<AccessKey> {
    if let Some(file) = file {
        let text = fs::read_to_string(file)
            .with_context(|| format!("reading the root access key in {}", file.display()))?;
        return parse(&text).with_context(|| format!("the root access key in {}", file.display()));
    }
    match (std::env::var(ID), std::env::var(SECRET)) {
        (Ok(id), Ok(secret)) => checked(id, secret).context("the root access key in the environment"),
        (Err(_), Err(_)) => kept_root_key(&keys.join("root"), account),
        _ => bail!("{ID} and {SECRET} belong together: set both or none"),
    }
}

fn kept_root_key(path: &Path, account: &AccountId) -> Result<AccessKey> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).with_context(|| format!("the root access key in {}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = AccessKey::long_term(account, &mut SystemIds);
            let text =
                format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret.expose());
            private::write(path, &text)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn parse(text: &str) -> Result<AccessKey> {
    let (id, secret) = pair(text)?;
    checked(id, secret)
}

/// Reads the two lines of a credentials file; section names are passed over.
fn pair(text: &str) -> Result<(String, String)> {
    let find = |wanted: &str| {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.trim().to_owned())
    };
    match (find("aws_access_key_id"), find("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok((id, secret)),
        _ => bail!("expected the lines 'aws_access_key_id = ...' and 'aws_secret_access_key = ...'"),
    }
}

/// The key in a file that the operator names for a bucket; object storages have their own forms of keys.
pub fn bucket_key(path: &Path) -> Result<(String, String)> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    pair(&text).with_context(|| format!("the access key in {}", path.display()))
}

fn checked(id: String, secret: String) -> Result<AccessKey> {
    ensure!(is_access_key_id(&id), "an access key id is 16 to 128 letters and digits");
    ensure!(!id.starts_with(SESSION_PREFIX), "{SESSION_PREFIX}... is the key of a session, not a root key");
    ensure!(secret.len() >= 16, "a secret access key has at least 16 characters");
    Ok(AccessKey { id, secret: Secret::new(secret) })
}

/// The key of another Longshore, from a file of the same two lines.
pub fn peer_key(path: &Path) -> Result<AccessKey> {
    let (id, secret) = bucket_key(path)?;
    checked(id, secret).with_context(|| format!("the access key in {}", path.display()))
}

/// The master key, made at the first start.
pub fn master_key(keys: &Path) -> Result<MasterKey> {
    let path = keys.join("master");
    match fs::read_to_string(&path) {
        Ok(text) => {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text.trim(), &mut bytes)
                .with_context(|| format!("{} must hold 64 hexadecimal digits", path.display()))?;
            Ok(MasterKey::new(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            SystemIds.fill(&mut bytes);
            private::write(&path, &format!("{}\n", hex::encode(bytes)))?;
            Ok(MasterKey::new(bytes))
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let account = AccountId::new("123456789012").unwrap();
        let first = kept_root_key(&dir.path().join("root"), &account).unwrap();
        assert_eq!(kept_root_key(&dir.path().join("root"), &account).unwrap(), first);
        let master = master_key(dir.path()).unwrap();
        assert_eq!(master_key(dir.path()).unwrap().derive("x"), master.derive("x"));
    }

    #[test]
    fn a_credentials_file_is_read() {
        let text = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG\n";
        let key = parse(text).unwrap();
        assert_eq!((key.id.as_str(), key.secret.expose()), ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"));
        for bad in [
            "",
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
            "aws_access_key_id = short\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG",
            "aws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG",
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = short",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

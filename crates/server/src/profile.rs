//! The AWS profile that points unmodified clients here.
//!
//! Two files: `config` gets endpoint and region, `credentials` the keys. Only our own section is
//! touched, and in it only our own lines; everything else stays as it was, byte for byte.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use auth::AccessKey;
use model::Region;

use crate::private;

/// What a profile says.
#[derive(Debug)]
pub struct Profile<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where the API answers.
    pub endpoint: &'a str,
    /// The region of clients that name none.
    pub region: &'a Region,
    /// The root key.
    pub key: &'a AccessKey,
    /// Where everything lives: for our own commands, AWS's clients ignore it.
    pub data_dir: &'a Path,
}

/// The setting that tells our own commands where everything lives.
const DATA_DIR: &str = "longshore_data_dir";

/// What a profile was found to say.
#[derive(Debug)]
pub struct Read {
    /// Where the API answers.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The key.
    pub key: AccessKey,
}

/// The two files of the AWS clients.
#[derive(Debug)]
pub struct Files {
    /// `~/.aws/config`, or what `AWS_CONFIG_FILE` says.
    pub config: PathBuf,
    /// `~/.aws/credentials`, or what `AWS_SHARED_CREDENTIALS_FILE` says.
    pub credentials: PathBuf,
}

impl Files {
    /// Finds them as the AWS clients do.
    pub fn find() -> Result<Files> {
        let home = || {
            std::env::home_dir()
                .context("there is no home directory for the AWS profile: set HOME or use --no-profile")
        };
        let find = |variable: &str, name: &str| match std::env::var_os(variable) {
            Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ => home().map(|home| home.join(".aws").join(name)),
        };
        Ok(Files {
            config: find("AWS_CONFIG_FILE", "config")?,
            credentials: find("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        })
    }

    /// Reads a profile out of them.
    pub fn read(&self, name: &str) -> Result<Read> {
        let section = section(name);
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let (config, credentials) = (text(&self.config), text(&self.credentials));
        let find = |text: &str, path: &Path, section: &str, key: &str| {
            value(text, section, key).with_context(|| {
                let path = path.display();
                format!("{path} has no {key} in [{section}]: 'longshore up' writes the profile")
            })
        };
        Ok(Read {
            endpoint: find(&config, &self.config, &section, "endpoint_url")?,
            region: find(&config, &self.config, &section, "region")?,
            key: AccessKey {
                id: find(&credentials, &self.credentials, name, "aws_access_key_id")?,
                secret: auth::Secret::new(find(
                    &credentials,
                    &self.credentials,
                    name,
                    "aws_secret_access_key",
                )?),
            },
        })
    }

    /// The data directory of the Longshore that wrote a profile.
    pub fn data_dir(&self, name: &str) -> Option<PathBuf> {
        let config = fs::read_to_string(&self.config).ok()?;
        value(&config, &section(name), DATA_DIR).map(PathBuf::from)
    }

    /// Writes the profile into them.
    pub fn write(&self, profile: &Profile<'_>) -> Result<()> {
        let section = section(profile.name);
        let data_dir = profile.data_dir.to_string_lossy();
        let settings = [
            ("endpoint_url", profile.endpoint),
            ("region", profile.region.as_str()),
            (DATA_DIR, data_dir.as_ref()),
        ];
        update(&self.config, &section, &settings)?;
        let keys = [
            ("aws_access_key_id", profile.key.id.as_str()),
            ("aws_secret_access_key", profile.key.secret.expose()),
        ];
        update(&self.credentials, profile.name, &keys)
    }
}

/// How `config` names a profile's section.
fn section(name: &str) -> String {
    match name {
        "default" => "default".to_owned(),
        name => format!("profile {name}"),
    }
}

/// A setting in a section.
fn value(text: &str, section: &str, key: &str) -> Option<String> {
    let lines = text.lines().skip_while(|line| header(line) != Some(section)).skip(1);
    let mut settings =
        lines.take_while(|line| header(line).is_none()).filter_map(|line| line.split_once('='));
    settings.find(|(name, _)| name.trim_end() == key).map(|(_, value)| value.trim().to_owned())
}

fn update(path: &Path, section: &str, values: &[(&str, &str)]) -> Result<()> {
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let new = edited(&old, section, values);
    if new == old { Ok(()) } else { private::write(path, &new) }
}

/// `text` with `values` in its section. A session token there is dropped: it would spoil the keys.
fn edited(text: &str, section: &str, values: &[(&str, &str)]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut out = String::with_capacity(text.len() + 256);
    let write_all = |out: &mut String| {
        values.iter().for_each(|(name, value)| out.push_str(&format!("{name} = {value}\n")));
    };
    let Some(start) = lines.iter().position(|line| header(line) == Some(section)) else {
        out.push_str(text);
        if !text.is_empty() {
            out.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        out.push_str(&format!("[{section}]\n"));
        write_all(&mut out);
        return out;
    };
    let length = lines[start + 1..].iter().position(|line| header(line).is_some());
    let end = length.map_or(lines.len(), |length| start + 1 + length);
    lines[..start].iter().for_each(|line| out.push_str(line));
    out.push_str(lines[start].trim_end());
    out.push('\n');
    write_all(&mut out);
    let ours = |line: &str| {
        let name = line.split('=').next().unwrap_or_default();
        // An indented line belongs to a nested value, whatever its name is.
        let name = if line.starts_with([' ', '\t']) { "" } else { name.trim() };
        name == "aws_session_token" || values.iter().any(|(known, _)| *known == name)
    };
    lines[start + 1..end].iter().filter(|line| !ours(line)).for_each(|line| out.push_str(line));
    lines[end..].iter().for_each(|line| out.push_str(line));
    out
}

/// The section that a line opens.
fn header(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix('[')?;
    inner.split(']').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str) {
        let values = [("endpoint_url", "http://h"), ("region", "r")];
        assert_eq!(edited(before, "profile longshore", &values), after);
        assert_eq!(edited(after, "profile longshore", &values), after, "a second time changes nothing");
    }

    #[test]
    fn a_new_section_goes_to_the_end() {
        let ours = "[profile longshore]\nendpoint_url = http://h\nregion = r\n";
        check("", ours);
        check("[default]\nregion = x\n", &format!("[default]\nregion = x\n\n{ours}"));
        check("[default]\nregion = x", &format!("[default]\nregion = x\n\n{ours}"));
    }

    #[test]
    fn an_old_section_keeps_what_is_not_ours() {
        check(
            "# mine\n[profile longshore]\nregion=old\noutput = table\ns3 =\n  region = nested\n\n[default]\nregion = x\n",
            "# mine\n[profile longshore]\nendpoint_url = http://h\nregion = r\noutput = table\ns3 =\n  region = \
             nested\n\n[default]\nregion = x\n",
        );
    }

    #[test]
    fn both_files_are_written_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let files =
            Files { config: dir.path().join("a/config"), credentials: dir.path().join("a/credentials") };
        let key = AccessKey { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: auth::Secret::new("hush") };
        let region = Region::new("us-east-2").unwrap();
        let data_dir = Path::new("/srv/longshore");
        let profile =
            Profile { name: "longshore", endpoint: "http://h", region: &region, key: &key, data_dir };
        files.write(&profile).unwrap();
        let credentials = fs::read_to_string(&files.credentials).unwrap();
        assert!(credentials.starts_with("[longshore]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"));
        let read = files.read("longshore").unwrap();
        assert_eq!((read.endpoint.as_str(), read.key.secret.expose()), ("http://h", "hush"));
        assert_eq!((files.data_dir("longshore").as_deref(), files.data_dir("other")), (Some(data_dir), None));
        assert!(files.read("other").unwrap_err().to_string().contains("no endpoint_url in [profile other]"));
        assert_eq!(fs::metadata(&files.credentials).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

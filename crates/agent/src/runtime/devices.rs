//! The devices of the node that a container is given.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use wire::link;

use super::Error;
use super::spec::Device;

/// A privileged container sees at most this many of the node's devices.
const PRIVILEGED_LIMIT: usize = 4096;

/// Looks up what the task definition names; for a privileged container, all of the node's.
pub fn gather(host: &link::HostConfig) -> Result<Vec<Device>, Error> {
    let mut devices = Vec::new();
    if host.privileged {
        collect(Path::new("/dev"), &mut devices);
    }
    for wanted in &host.devices {
        let failed = |source| Error::Device { path: wanted.path_on_host.clone(), source };
        let metadata = std::fs::metadata(&wanted.path_on_host).map_err(failed)?;
        let inside = if wanted.path_in_container.is_empty() {
            &wanted.path_on_host
        } else {
            &wanted.path_in_container
        };
        let access = if wanted.cgroup_permissions.is_empty() { "rwm" } else { &wanted.cgroup_permissions };
        let device = describe(Path::new(inside), &metadata, access);
        devices.push(device.ok_or_else(|| failed(io::Error::other("not a device node")))?);
    }
    Ok(devices)
}

fn describe(path: &Path, metadata: &std::fs::Metadata, access: &str) -> Option<Device> {
    let kind = metadata.file_type();
    let kind = if kind.is_char_device() {
        'c'
    } else if kind.is_block_device() {
        'b'
    } else {
        return None;
    };
    let number = metadata.rdev();
    Some(Device {
        path: path.to_path_buf(),
        kind,
        major: nix::sys::stat::major(number),
        minor: nix::sys::stat::minor(number),
        mode: metadata.mode(),
        access: access.to_string(),
    })
}

fn collect(dir: &Path, devices: &mut Vec<Device>) {
    // These are mounts of the container's own.
    const OWN: [&str; 5] = ["pts", "shm", "mqueue", "fd", "console"];
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if devices.len() >= PRIVILEGED_LIMIT || OWN.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if metadata.is_dir() {
            collect(&entry.path(), devices);
        } else {
            devices.extend(describe(&entry.path(), &metadata, "rwm"));
        }
    }
}

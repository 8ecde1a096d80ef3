//! Volumes of a task definition, and the mount points that refer to them.

use std::collections::BTreeSet;

use model::ecs::ContainerDefinition;
use model::ecs::volume::{DockerVolume, EfsVolume, MountPoint, Switch, Volume, VolumeScope, VolumeSource};

use crate::ecs::error::Error;

/// Checks the volumes, and that every mount point finds one.
pub(crate) fn check(volumes: &[Volume], containers: &[ContainerDefinition]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for volume in volumes {
        check_name(&volume.name)?;
        if !names.insert(volume.name.as_str()) {
            return Err(Error::Client(format!("Duplicate volume name '{}'.", volume.name)));
        }
        check_source(volume)?;
    }
    for container in containers {
        let mut paths = BTreeSet::new();
        for MountPoint { source_volume, container_path, .. } in &container.mount_points {
            let name = source_volume.as_deref().unwrap_or("null");
            if !names.contains(name) {
                return Err(Error::Client(format!("Unknown volume '{name}'.")));
            }
            let path = container_path.as_deref().unwrap_or_default();
            if !path.starts_with('/') || !paths.insert(path) {
                return Err(Error::container_setting("mountPoints.containerPath", &container.name));
            }
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=255).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::Client(if name.is_empty() {
        "Volume.name should not be null or empty.".into()
    } else {
        "Volume.name contains invalid characters.".into()
    }))
}

fn check_source(volume: &Volume) -> Result<(), Error> {
    match &volume.source {
        VolumeSource::Scratch => Ok(()),
        VolumeSource::Host(host) => match host.source_path.as_deref() {
            Some(path) if !path.starts_with('/') => Err(setting("host.sourcePath", volume, "")),
            Some(_) | None => Ok(()),
        },
        VolumeSource::Docker(docker) => check_docker(volume, docker),
        VolumeSource::Efs(efs) => check_efs(volume, efs),
    }
}

fn check_docker(volume: &Volume, docker: &DockerVolume) -> Result<(), Error> {
    if docker.driver.as_deref().is_some_and(|driver| driver != "local") {
        let why = " Nodes have the driver local only.";
        return Err(setting("dockerVolumeConfiguration.driver", volume, why));
    }
    if docker.autoprovision == Some(true) && docker.scope != Some(VolumeScope::Shared) {
        let why = " It needs the scope shared.";
        return Err(setting("dockerVolumeConfiguration.autoprovision", volume, why));
    }
    check_driver_options(volume, docker)
}

/// What the node's local driver mounts: tmpfs, for one task, and directories of the node.
fn check_driver_options(volume: &Volume, docker: &DockerVolume) -> Result<(), Error> {
    let Some(options) = docker.driver_opts.as_ref().filter(|options| !options.is_empty()) else {
        return Ok(());
    };
    let refuse = |why: &str| Err(setting("dockerVolumeConfiguration.driverOpts", volume, why));
    let option = |name: &str| options.get(name).map_or("", String::as_str);
    if options.keys().any(|name| !["type", "o", "device"].contains(&name.as_str())) {
        return refuse(" The local driver takes type, o and device.");
    }
    let binds = option("o").split(',').any(|word| word == "bind" || word == "rbind");
    match option("type") {
        "tmpfs" if docker.scope == Some(VolumeScope::Shared) => refuse(" A tmpfs needs the scope task."),
        "tmpfs" => Ok(()),
        "" | "none" | "bind" if binds && option("device").starts_with('/') => Ok(()),
        _ => refuse(" Nodes mount tmpfs and, by the option bind, directories of their own."),
    }
}

/// File systems are mounted by plain NFS: what only EFS's own helper does is refused, not ignored.
fn check_efs(volume: &Volume, efs: &EfsVolume) -> Result<(), Error> {
    let member = |name: &str| format!("efsVolumeConfiguration.{name}");
    if efs.file_system_id.is_empty() {
        return Err(setting(&member("fileSystemId"), volume, ""));
    }
    if efs.root_directory.as_deref().is_some_and(|path| !path.starts_with('/')) {
        return Err(setting(&member("rootDirectory"), volume, ""));
    }
    let why = " File systems are mounted by plain NFS.";
    if efs.transit_encryption == Some(Switch::Enabled) || efs.transit_encryption_port.is_some() {
        return Err(setting(&member("transitEncryption"), volume, why));
    }
    if let Some(authorization) = &efs.authorization_config {
        if authorization.access_point_id.is_some() {
            return Err(setting(&member("authorizationConfig.accessPointId"), volume, why));
        }
        if authorization.iam == Some(Switch::Enabled) {
            return Err(setting(&member("authorizationConfig.iam"), volume, why));
        }
    }
    Ok(())
}

fn setting(member: &str, volume: &Volume, why: &str) -> Error {
    Error::Client(format!("Invalid '{member}' setting for volume '{}'.{why}", volume.name))
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use model::ecs::volume::HostVolume;

    use super::*;
    use crate::ecs::rules::sample;

    fn volume(name: &str, source: VolumeSource) -> Volume {
        Volume { name: name.into(), source }
    }

    fn check(volumes: &[Volume], mounts: &[(Option<&str>, &str)], expected: &str) {
        let mut container = sample::container("web");
        let mount = |(volume, path): &(Option<&str>, &str)| MountPoint {
            source_volume: volume.map(str::to_owned),
            container_path: Some((*path).to_owned()),
            read_only: None,
        };
        container.mount_points = mounts.iter().map(mount).collect();
        let found = super::check(volumes, &[container]).err().map(|error| error.to_string());
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn a_mount_point_finds_its_volume() {
        let data = volume("data", VolumeSource::Scratch);
        check(from_ref(&data), &[(Some("data"), "/a"), (Some("data"), "/b")], "");
        check(from_ref(&data), &[(Some("root-RO"), "/a")], "Unknown volume 'root-RO'.");
        check(from_ref(&data), &[(None, "/a")], "Unknown volume 'null'.");
        check(
            from_ref(&data),
            &[(Some("data"), "/a"), (Some("data"), "/a")],
            "Invalid 'mountPoints.containerPath' setting for container 'web'.",
        );
        check(&[data.clone(), data], &[], "Duplicate volume name 'data'.");
        check(&[volume("", VolumeSource::Scratch)], &[], "Volume.name should not be null or empty.");
    }

    #[test]
    fn what_no_node_can_mount_is_refused() {
        let relative = VolumeSource::Host(HostVolume { source_path: Some("data".into()) });
        check(&[volume("v", relative)], &[], "Invalid 'host.sourcePath' setting for volume 'v'.");
        let rexray = DockerVolume { driver: Some("rexray/ebs".into()), ..DockerVolume::default() };
        check(
            &[volume("v", VolumeSource::Docker(rexray))],
            &[],
            "Invalid 'dockerVolumeConfiguration.driver' setting for volume 'v'. Nodes have the driver local only.",
        );
        let efs = EfsVolume {
            file_system_id: "fs-1".into(),
            root_directory: None,
            transit_encryption: Some(Switch::Enabled),
            transit_encryption_port: None,
            authorization_config: None,
        };
        check(
            &[volume("v", VolumeSource::Efs(efs))],
            &[],
            "Invalid 'efsVolumeConfiguration.transitEncryption' setting for volume 'v'. File systems are mounted by \
             plain NFS.",
        );
    }
}

//! Volumes: which directory of the node stands for each mount point of a container. Pure but for
//! [`prepare`], which makes the directories.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use oci_spec::image::Config;
use wire::link;

use super::errors::reason;
use crate::runtime::mounts::Bind;

/// A mount of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The directory and where it appears.
    pub bind: Bind,
    /// Whether an empty directory is filled with what the image has at its place.
    pub filled_by_image: bool,
}

/// Where volumes live.
pub struct Places<'a> {
    /// Volumes that end with the task.
    pub task: &'a Path,
    /// Volumes that outlive it.
    pub shared: &'a Path,
}

/// All volume mounts of a container; an error is a reason as ECS words it.
pub fn mounts(
    task: &link::Task,
    container: &link::Container,
    image: &Config,
    places: &Places<'_>,
) -> Result<Vec<VolumeMount>, String> {
    let mut mounts = own_mounts(task, container, places)?;
    for from in &container.volumes_from {
        let source = task.containers.iter().find(|c| c.name == from.source_container);
        let source = source.ok_or_else(|| invalid(&format!("no container {:?}", from.source_container)))?;
        for mut mount in own_mounts(task, source, places)? {
            mount.bind.read_only |= from.read_only;
            mounts.push(mount);
        }
    }
    let taken: BTreeSet<String> = mounts.iter().map(|mount| mount.bind.destination.clone()).collect();
    for path in image.volumes().iter().flatten().filter(|path| !taken.contains(*path)) {
        let source = places.task.join(format!("{}{}", container.name, path.replace('/', ":")));
        let bind = Bind { source, destination: path.clone(), read_only: false };
        mounts.push(VolumeMount { bind, filled_by_image: true });
    }
    Ok(mounts)
}

fn own_mounts(
    task: &link::Task,
    container: &link::Container,
    places: &Places<'_>,
) -> Result<Vec<VolumeMount>, String> {
    let mount = |point: &link::MountPoint| {
        let volume = task.volumes.iter().find(|volume| volume.name == point.source_volume);
        let volume = volume.ok_or_else(|| invalid(&format!("no volume {:?}", point.source_volume)))?;
        let (source, filled_by_image) = source(volume, places)?;
        let bind = Bind { source, destination: point.container_path.clone(), read_only: point.read_only };
        Ok(VolumeMount { bind, filled_by_image })
    };
    container.mount_points.iter().map(mount).collect()
}

fn source(volume: &link::Volume, places: &Places<'_>) -> Result<(PathBuf, bool), String> {
    // The name becomes a directory's: it must not lead out of ours.
    if volume.name.contains('/') || volume.name.starts_with('.') || volume.name.is_empty() {
        return Err(invalid(&format!("bad volume name {:?}", volume.name)));
    }
    if let Some(docker) = &volume.docker_volume_configuration {
        if docker.driver != "local" && !docker.driver.is_empty() {
            return Err(reason(
                "CannotCreateVolumeError",
                &format!("volume driver {:?} is not installed", docker.driver),
            ));
        }
        if !docker.driver_opts.is_empty() {
            return Err(reason("CannotCreateVolumeError", "options of the local driver are not supported"));
        }
        let shared = places.shared.join(&volume.name);
        return match docker.scope.as_str() {
            "shared" if docker.autoprovision || shared.is_dir() => Ok((shared, true)),
            "shared" => {
                Err(reason("CannotCreateVolumeError", &format!("no volume {:?} on this node", volume.name)))
            }
            _ => Ok((places.task.join(&volume.name), true)),
        };
    }
    if volume.efs_volume_configuration.is_some() {
        return Err(reason(
            "ResourceInitializationError",
            "network file systems are not supported on this node",
        ));
    }
    match volume.host.as_ref().and_then(|host| host.source_path.as_deref()).filter(|path| !path.is_empty()) {
        Some(path) if path.starts_with('/') => Ok((PathBuf::from(path), false)),
        Some(path) => Err(invalid(&format!("host path {path:?} is not absolute"))),
        None => Ok((places.task.join(&volume.name), true)),
    }
}

fn invalid(text: &str) -> String {
    reason("InvalidVolumeError", text)
}

/// Makes what is missing of the directories. Calls block.
pub fn prepare(mounts: &[VolumeMount]) -> std::io::Result<()> {
    // A host path may also name a file.
    mounts
        .iter()
        .filter(|mount| !mount.bind.source.exists())
        .try_for_each(|mount| fs::create_dir_all(&mount.bind.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(volume: serde_json::Value, expected: Result<(&str, bool), &str>) {
        let volume: link::Volume = serde_json::from_value(volume).unwrap();
        let places = Places { task: Path::new("/t"), shared: Path::new("/s") };
        let found = source(&volume, &places);
        let found =
            found.as_ref().map(|(path, fill)| (path.to_str().unwrap(), *fill)).map_err(String::as_str);
        assert_eq!(found, expected);
    }

    #[test]
    fn volumes_have_their_places() {
        check(serde_json::json!({"name": "v", "type": "host"}), Ok(("/t/v", true)));
        check(
            serde_json::json!({"name": "v", "type": "host", "host": {"sourcePath": "/srv"}}),
            Ok(("/srv", false)),
        );
        let docker = |scope: &str, autoprovision: bool| {
            serde_json::json!({"name": "v", "type": "docker", "dockerVolumeConfiguration":
                {"scope": scope, "autoprovision": autoprovision, "driver": "local"}})
        };
        check(docker("task", false), Ok(("/t/v", true)));
        check(docker("shared", true), Ok(("/s/v", true)));
        check(docker("shared", false), Err("CannotCreateVolumeError: no volume \"v\" on this node"));
    }
}

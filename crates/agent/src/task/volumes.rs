//! Volumes: which directory of the node stands for each mount point of a container. Pure but for
//! [`prepare`], which makes the directories.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, mount, umount2};
use oci_spec::image::Config;
use wire::link;

use super::errors::reason;
use super::file_systems;
use crate::runtime::mounts::Bind;
use crate::runtime::rootfs::split_options;

/// A mount of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeMount {
    /// The directory and where it appears.
    pub bind: Bind,
    /// Whether an empty directory is filled with what the image has at its place.
    pub filled_by_image: bool,
    /// The options of a tmpfs that is to be mounted there first.
    pub tmpfs: Option<String>,
}

/// What stands for a volume on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    filled_by_image: bool,
    read_only: bool,
    tmpfs: Option<String>,
}

impl Source {
    /// A directory that is made for the volume.
    fn made(path: PathBuf) -> Source {
        Source { path, filled_by_image: true, ..Source::default() }
    }

    /// A directory that is there without us.
    fn given(path: &str) -> Source {
        Source { path: PathBuf::from(path), ..Source::default() }
    }
}

/// Where volumes live.
pub struct Places<'a> {
    /// Volumes that end with the task.
    pub task: &'a Path,
    /// Volumes that outlive it.
    pub shared: &'a Path,
    /// Network file systems, mounted before.
    pub file_systems: &'a Path,
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
        mounts.push(VolumeMount { bind, filled_by_image: true, tmpfs: None });
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
        let source = source(volume, places)?;
        let read_only = point.read_only || source.read_only;
        let bind = Bind { source: source.path, destination: point.container_path.clone(), read_only };
        Ok(VolumeMount { bind, filled_by_image: source.filled_by_image, tmpfs: source.tmpfs })
    };
    container.mount_points.iter().map(mount).collect()
}

fn source(volume: &link::Volume, places: &Places<'_>) -> Result<Source, String> {
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
            return by_options(volume, docker, places);
        }
        let shared = places.shared.join(&volume.name);
        return match docker.scope.as_str() {
            "shared" if docker.autoprovision || shared.is_dir() => Ok(Source::made(shared)),
            "shared" => {
                Err(reason("CannotCreateVolumeError", &format!("no volume {:?} on this node", volume.name)))
            }
            _ => Ok(Source::made(places.task.join(&volume.name))),
        };
    }
    if volume.efs_volume_configuration.is_some() {
        let path = file_systems::volume_dir(places.file_systems, &volume.name);
        return Ok(Source { path, ..Source::default() });
    }
    match volume.host.as_ref().and_then(|host| host.source_path.as_deref()).filter(|path| !path.is_empty()) {
        Some(path) if path.starts_with('/') => Ok(Source::given(path)),
        Some(path) => Err(invalid(&format!("host path {path:?} is not absolute"))),
        None => Ok(Source::made(places.task.join(&volume.name))),
    }
}

/// The local driver's options: a tmpfs, which ends with its task, or a directory of the node.
fn by_options(
    volume: &link::Volume,
    docker: &link::DockerVolume,
    places: &Places<'_>,
) -> Result<Source, String> {
    let option = |name: &str| docker.driver_opts.get(name).map_or("", String::as_str);
    let words: Vec<&str> = option("o").split(',').filter(|word| !word.is_empty()).collect();
    match option("type") {
        "tmpfs" if docker.scope != "shared" => {
            let made = Source::made(places.task.join(&volume.name));
            Ok(Source { tmpfs: Some(words.join(",")), ..made })
        }
        "" | "none" | "bind"
            if words.iter().any(|word| matches!(*word, "bind" | "rbind"))
                && option("device").starts_with('/') =>
        {
            Ok(Source { read_only: words.contains(&"ro"), ..Source::given(option("device")) })
        }
        // Refused at registration.
        kind => Err(reason("CannotCreateVolumeError", &format!("no volume of type {kind:?} can be mounted"))),
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
        .try_for_each(|mount| fs::create_dir_all(&mount.bind.source))?;
    let tmpfs = mounts.iter().filter_map(|mount| Some((mount.bind.source.as_path(), mount.tmpfs.as_ref()?)));
    tmpfs.into_iter().try_for_each(|(dir, options)| mount_tmpfs(dir, options))
}

fn mount_tmpfs(dir: &Path, options: &str) -> std::io::Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    if fs::metadata(dir)?.dev() != fs::metadata(parent)?.dev() {
        return Ok(());
    }
    let words: Vec<&str> = options.split(',').filter(|word| !word.is_empty()).collect();
    let (flags, data) = split_options(&words);
    Ok(mount(Some("tmpfs"), dir, Some("tmpfs"), flags, Some(data.as_str()))?)
}

/// Unmounts what the local driver has mounted below `dir`; afterwards nothing in it belongs to somebody else.
pub fn unmount(dir: &Path) -> std::io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    for point in points.filter(|point| point.starts_with(dir)) {
        umount2(point, MntFlags::MNT_DETACH)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(volume: serde_json::Value, expected: Result<(&str, bool), &str>) {
        let volume: link::Volume = serde_json::from_value(volume).unwrap();
        let places = Places { task: Path::new("/t"), shared: Path::new("/s"), file_systems: Path::new("/f") };
        let found = source(&volume, &places);
        let found = found.as_ref().map(|found| (found.path.to_str().unwrap(), found.filled_by_image));
        let found = found.map_err(|error| error.as_str());
        assert_eq!(found, expected);
    }

    #[test]
    fn volumes_have_their_places() {
        check(serde_json::json!({"name": "v", "type": "host"}), Ok(("/t/v", true)));
        check(
            serde_json::json!({"name": "v", "type": "host", "host": {"sourcePath": "/srv"}}),
            Ok(("/srv", false)),
        );
        check(
            serde_json::json!({"name": "v", "type": "efs",
                "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}),
            Ok(("/f/v", false)),
        );
        let docker = |scope: &str, autoprovision: bool| {
            serde_json::json!({"name": "v", "type": "docker", "dockerVolumeConfiguration":
                {"scope": scope, "autoprovision": autoprovision, "driver": "local"}})
        };
        check(docker("task", false), Ok(("/t/v", true)));
        check(docker("shared", true), Ok(("/s/v", true)));
        let options = |options: serde_json::Value| {
            serde_json::json!({"name": "v", "type": "docker", "dockerVolumeConfiguration":
                {"scope": "task", "driver": "local", "driverOpts": options}})
        };
        check(options(serde_json::json!({"type": "tmpfs", "o": "size=1m"})), Ok(("/t/v", true)));
        check(
            options(serde_json::json!({"type": "none", "o": "bind", "device": "/srv"})),
            Ok(("/srv", false)),
        );
        check(
            options(serde_json::json!({"type": "btrfs"})),
            Err("CannotCreateVolumeError: no volume of type \"btrfs\" can be mounted"),
        );
        check(docker("shared", false), Err("CannotCreateVolumeError: no volume \"v\" on this node"));
    }
}

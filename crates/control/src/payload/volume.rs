//! Volumes in the words of the agent link.

use model::ecs::volume::{Volume, VolumeScope, VolumeSource};
use wire::link;

/// The volume.
pub fn volume(volume: &Volume) -> link::Volume {
    let empty = link::Volume {
        name: volume.name.clone(),
        kind: "host".into(),
        host: None,
        docker_volume_configuration: None,
        efs_volume_configuration: None,
    };
    match &volume.source {
        VolumeSource::Scratch => link::Volume { host: Some(link::HostVolume::default()), ..empty },
        VolumeSource::Host(host) => {
            link::Volume { host: Some(link::HostVolume { source_path: host.source_path.clone() }), ..empty }
        }
        VolumeSource::Docker(docker) => link::Volume {
            kind: "docker".into(),
            docker_volume_configuration: Some(link::DockerVolume {
                scope: docker.scope.unwrap_or(VolumeScope::Task).to_string(),
                autoprovision: docker.autoprovision.unwrap_or(false),
                driver: docker.driver.clone().unwrap_or_else(|| "local".into()),
                driver_opts: docker.driver_opts.clone().unwrap_or_default(),
                labels: docker.labels.clone().unwrap_or_default(),
            }),
            ..empty
        },
        VolumeSource::Efs(efs) => link::Volume {
            kind: "efs".into(),
            efs_volume_configuration: Some(link::EfsVolume {
                file_system_id: efs.file_system_id.clone(),
                root_directory: efs.root_directory.clone().unwrap_or_else(|| "/".into()),
            }),
            ..empty
        },
    }
}

//! The configuration file of the private containerd: only the plugins that are used. The old
//! `runtime.v1.linux` stays: 1.6 refuses to serve tasks without it.

use std::path::Path;

/// Renders the file. Names that a version does not know are ignored by it.
pub fn render(root: &Path, state: &Path, address: &Path) -> String {
    let disabled = [
        "io.containerd.grpc.v1.cri",
        "io.containerd.cri.v1.images",
        "io.containerd.cri.v1.runtime",
        "io.containerd.internal.v1.opt",
        "io.containerd.internal.v1.restart",
        "io.containerd.internal.v1.tracing",
        "io.containerd.tracing.processor.v1.otlp",
        "io.containerd.nri.v1.nri",
        "io.containerd.snapshotter.v1.aufs",
        "io.containerd.snapshotter.v1.blockfile",
        "io.containerd.snapshotter.v1.btrfs",
        "io.containerd.snapshotter.v1.devmapper",
        "io.containerd.snapshotter.v1.zfs",
    ];
    let disabled = disabled.map(|name| format!("  {name:?},\n")).concat();
    format!(
        "version = 2\nroot = {root:?}\nstate = {state:?}\noom_score = -999\ndisabled_plugins = [\n{disabled}]\n\
         \n[grpc]\naddress = {address:?}\n\n[debug]\nlevel = \"warn\"\n\
         \n[plugins.\"io.containerd.gc.v1.scheduler\"]\nschedule_delay = \"1s\"\nstartup_delay = \"10s\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_its_own_directories() {
        let text = render(Path::new("/d/root"), Path::new("/r/state"), Path::new("/r/c.sock"));
        assert!(text.contains("root = \"/d/root\"") && text.contains("address = \"/r/c.sock\""));
        assert!(text.contains("\"io.containerd.grpc.v1.cri\","));
    }
}

//! What an image may be at most. Beyond any of these a pull is refused.

/// The limits of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest or an index.
    pub manifest_bytes: u64,
    /// Bytes of a configuration.
    pub config_bytes: u64,
    /// Layers.
    pub layers: usize,
    /// Bytes of one layer once unpacked.
    pub unpacked_bytes: u64,
    /// Bytes of one layer once unpacked for which the node has room.
    pub free_bytes: u64,
    /// Entries of one layer.
    pub entries: u64,
    /// Bytes of a name, or of an extended header.
    pub header_bytes: u64,
}

impl Limits {
    /// The same limits on the disk that holds `dir`, as it is now.
    pub(super) fn on_disk(self, dir: &std::path::Path) -> Limits {
        let disk = nix::sys::statvfs::statvfs(dir);
        let free = disk.map_or(u64::MAX, |disk| disk.blocks_available() * disk.fragment_size());
        Limits { free_bytes: free.min(self.free_bytes), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            manifest_bytes: 4 << 20,
            config_bytes: 8 << 20,
            layers: 500,
            unpacked_bytes: 64 << 30,
            free_bytes: u64::MAX,
            entries: 2_000_000,
            header_bytes: 1 << 20,
        }
    }
}

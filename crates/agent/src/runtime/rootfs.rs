//! Looks into a container's root file system before it runs: for its users, and to fill volumes
//! with what the image has at their place.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use containerd_client::types::Mount;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A passwd file beyond this is nobody's.
const FILE_LIMIT: u64 = 4 << 20;

/// A root file system mounted for a moment; unmounted when dropped. Its calls block.
pub struct Rootfs {
    dir: PathBuf,
}

impl Rootfs {
    /// Mounts what the snapshotter answered at `dir`.
    pub fn mount(mounts: &[Mount], dir: &Path) -> io::Result<Rootfs> {
        fs::create_dir_all(dir)?;
        let rootfs = Rootfs { dir: dir.to_path_buf() };
        for entry in mounts {
            let (flags, data) = split_options(&entry.options);
            let kind = if flags.contains(MsFlags::MS_BIND) { None } else { Some(entry.r#type.as_str()) };
            mount(Some(entry.source.as_str()), dir, kind, flags, Some(data.as_str()))?;
        }
        Ok(rootfs)
    }

    /// The text of a file, resolved inside; empty when there is none.
    pub fn read(&self, path: &str) -> io::Result<String> {
        match self.open(path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                File::from(file).take(FILE_LIMIT).read_to_end(&mut bytes)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Copies the directory that the image has at `path` into the empty directory `target`.
    pub fn copy_out(&self, path: &str, target: &Path) -> io::Result<()> {
        if fs::read_dir(target)?.next().is_some() {
            return Ok(());
        }
        match self.open(path) {
            // Through the descriptor: the image's links cannot lead the path elsewhere meanwhile.
            Ok(fd) => copy_dir(&descriptor_path(&fd), target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens a path with links resolved as the container would: never outside of the root.
    fn open(&self, path: &str) -> io::Result<OwnedFd> {
        let root = File::open(&self.dir)?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let relative = path.trim_start_matches('/');
        Ok(openat2(root.as_fd(), if relative.is_empty() { "." } else { relative }, how)?)
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        while umount2(&self.dir, MntFlags::MNT_DETACH).is_ok() {}
        let _ = fs::remove_dir(&self.dir);
    }
}

fn descriptor_path(fd: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}/.", fd.as_raw_fd()))
}

/// The flags of mount(2) among options, and the rest as the file system takes it.
pub fn split_options<T: AsRef<str>>(options: &[T]) -> (MsFlags, String) {
    let mut flags = MsFlags::empty();
    let mut data = Vec::new();
    for option in options {
        match option.as_ref() {
            "nosuid" => flags |= MsFlags::MS_NOSUID,
            "nodev" => flags |= MsFlags::MS_NODEV,
            "noexec" => flags |= MsFlags::MS_NOEXEC,
            "noatime" => flags |= MsFlags::MS_NOATIME,
            "bind" => flags |= MsFlags::MS_BIND,
            "rbind" => flags |= MsFlags::MS_BIND | MsFlags::MS_REC,
            "ro" => flags |= MsFlags::MS_RDONLY,
            "rw" => {}
            other => data.push(other),
        }
    }
    (flags, data.join(","))
}

/// Copies files, directories and links with owner and permissions; other kinds are left out.
fn copy_dir(source: &Path, target: &Path) -> io::Result<()> {
    keep_owner(&fs::metadata(source)?, target)?;
    for entry in fs::read_dir(source)? {
        let (entry, kind) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind)))?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&to)?;
            copy_dir(&from, &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to)?;
            keep_owner(&fs::metadata(&from)?, &to)?;
        } else {
            debug_assert!(
                kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device()
            );
        }
    }
    Ok(())
}

fn keep_owner(metadata: &fs::Metadata, path: &Path) -> io::Result<()> {
    std::os::unix::fs::chown(path, Some(metadata.uid()), Some(metadata.gid()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(metadata.mode() & 0o7777))
}
